"""LSTM against a loop over steps and units, written from the equations."""

import math

import numpy as np
import pytest
from layers import check_gradients

from tinyft import nn, tensor

RNG = np.random.default_rng(3)
T, B, IN, H = 4, 2, 3, 5


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def loop(layer, suffix, xs, h, c):
    """h at each step for one text xs (T, in), step by step, gate by gate."""
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    Wx, Wh, bx, bh = (layer.parameter(f"{n}{suffix}").numpy() for n in names)
    out = []
    for x in xs:
        z = Wx @ x + bx + Wh @ h + bh
        i, f, g, o = sigmoid(z[:H]), sigmoid(z[H : 2 * H]), z[2 * H : 3 * H], z[3 * H :]
        c = f * c + i * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        out.append(h)
    return np.array(out), h, c


def test_one_layer():
    layer, x = nn.LSTM(IN, H, rng=0, dtype="f8"), RNG.standard_normal((T, B, IN))
    y, (h, c) = layer(tensor(x))
    assert y.shape == (T, B, H) and h.shape == c.shape == (1, B, H)
    for b in range(B):
        ys, h_last, c_last = loop(layer, "_l0", x[:, b], np.zeros(H), np.zeros(H))
        np.testing.assert_allclose(y.numpy()[:, b], ys, rtol=1e-12)
        np.testing.assert_allclose(h.numpy()[0, b], h_last, rtol=1e-12)
        np.testing.assert_allclose(c.numpy()[0, b], c_last, rtol=1e-12)


def test_two_layers_both_directions_batch_first_with_a_state():
    layer = nn.LSTM(IN, H, 2, bidirectional=True, batch_first=True, rng=0, dtype="f8")
    x = RNG.standard_normal((B, T, IN))
    h0, c0 = RNG.standard_normal((2, 4, B, H))
    y, (h, c) = layer(tensor(x), (tensor(h0), tensor(c0)))
    assert y.shape == (B, T, 2 * H) and h.shape == c.shape == (4, B, H)
    for b in range(B):
        below = x[b]
        for at in (0, 2):
            ahead = loop(layer, f"_l{at // 2}", below, h0[at, b], c0[at, b])
            back = loop(
                layer, f"_l{at // 2}_reverse", below[::-1], h0[at + 1, b], c0[at + 1, b]
            )
            below = np.concatenate([ahead[0], back[0][::-1]], axis=1)
            for d, (_, h_last, c_last) in enumerate((ahead, back)):
                np.testing.assert_allclose(h.numpy()[at + d, b], h_last, rtol=1e-11)
                np.testing.assert_allclose(c.numpy()[at + d, b], c_last, rtol=1e-11)
        np.testing.assert_allclose(y.numpy()[b], below, rtol=1e-11)


def test_the_state_carries_a_text_that_is_cut_in_two():
    layer, x = (
        nn.LSTM(IN, H, 2, rng=0, dtype="f8"),
        tensor(RNG.standard_normal((T, B, IN))),
    )
    whole, (h, _) = layer(x)
    first, state = layer(x[:2])
    second, (h_cut, _) = layer(x[2:], state)
    joined = np.concatenate([first.numpy(), second.numpy()])
    np.testing.assert_allclose(joined, whole.numpy(), rtol=1e-12)
    np.testing.assert_allclose(h_cut.numpy(), h.numpy(), rtol=1e-12)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_gradients(bidirectional):
    layer = nn.LSTM(2, 3, 2, bidirectional=bidirectional, rng=0)
    assert check_gradients(
        layer, RNG.standard_normal((3, 2, 2)), pick=lambda out: out[0]
    )
    assert check_gradients(
        layer, RNG.standard_normal((3, 2, 2)), pick=lambda out: out[1][1]
    )


def test_names_bounds_and_a_wrong_state():
    layer = nn.LSTM(IN, H, 2, bidirectional=True, rng=0)
    kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    ends = ("_l0", "_l0_reverse", "_l1", "_l1_reverse")
    assert set(layer.state_dict()) == {k + e for k in kinds for e in ends}
    assert layer.weight_ih_l1.shape == (4 * H, 2 * H)
    assert all(abs(p.numpy()).max() <= 1 / math.sqrt(H) for p in layer.parameters())
    x, wrong = tensor(np.zeros((T, B, IN), "f4")), tensor(np.zeros((1, B, H), "f4"))
    with pytest.raises(
        ValueError, match=r"must have shape \(4, 2, 5\).*got \(1, 2, 5\)"
    ):
        layer(x, (wrong, wrong))


def test_a_state_that_is_no_pair():
    lstm = nn.LSTM(3, 4)
    x, h = tensor(np.ones((2, 1, 3))), tensor(np.zeros((1, 1, 4)))
    for state in (h, (h,), (h, h, h)):
        with pytest.raises(ValueError, match=r"the state is a pair \(h, c\)"):
            lstm(x, state)
