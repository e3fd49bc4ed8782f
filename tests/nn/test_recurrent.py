"""LSTM against a loop over steps and units, written from the equations."""

import math

import numpy as np
import pytest
from layers import check_gradients

from tinyft import nn, ops, tensor

RNG = np.random.default_rng(3)
T, B, IN, H = 4, 2, 3, 5


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def loop(layer, suffix, xs, h, c):
    """h at each step for one text xs (T, in), step by step, gate by gate."""
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    Wx, Wh, bx, bh = (layer.parameter(f"{n}{suffix}").numpy() for n in names)
    H = len(h)
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


@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_is_not_seen(bidirectional):
    """A padded text gives what it gives alone, in values and gradients, whatever lies in
    the padding; to the bit but for sums over texts, hence 1e-12."""
    lengths, D = [3, 6, 1, 4], 2 if bidirectional else 1
    layer = nn.LSTM(IN, H, 2, bidirectional=bidirectional, rng=0, dtype="f8")
    x = RNG.standard_normal((6, 4, IN))
    for b, n in enumerate(lengths):
        x[n:, b] = np.nan
    u = RNG.standard_normal((6, 4, D * H))
    X = tensor(x, requires_grad=True)
    y, (h, c) = layer(X, lengths=lengths)
    ((y * u).sum() + (h * h).sum() + (c * c * c).sum()).backward()
    padded = [p.grad.numpy() for p in layer.parameters()]
    layer.zero_grad()
    for b, n in enumerate(lengths):
        alone = tensor(x[:n, b : b + 1], requires_grad=True)
        y1, (h1, c1) = layer(alone)
        loss = (y1 * u[:n, b : b + 1]).sum()
        (loss + (h1 * h1).sum() + (c1 * c1 * c1).sum()).backward()
        np.testing.assert_allclose(y.numpy()[:n, b], y1.numpy()[:, 0], rtol=1e-12)
        assert (y.numpy()[n:, b] == 0).all() and (X.grad.numpy()[n:, b] == 0).all()
        np.testing.assert_allclose(h.numpy()[:, b], h1.numpy()[:, 0], rtol=1e-12)
        np.testing.assert_allclose(c.numpy()[:, b], c1.numpy()[:, 0], rtol=1e-12)
        np.testing.assert_allclose(
            X.grad.numpy()[:n, b], alone.grad.numpy()[:, 0], rtol=1e-10, atol=1e-14
        )
    for got, p in zip(padded, layer.parameters()):
        np.testing.assert_allclose(got, p.grad.numpy(), rtol=1e-10, atol=1e-13)


def test_a_state_before_padding_is_kept():
    """The reverse direction of a short text starts from the given state."""
    layer = nn.LSTM(IN, H, bidirectional=True, rng=0, dtype="f8")
    x, state = RNG.standard_normal((5, 1, IN)), RNG.standard_normal((2, 2, 1, H))
    padded = layer(tensor(x), tuple(map(tensor, state)), lengths=[2])
    alone = layer(tensor(x[:2]), tuple(map(tensor, state)))
    for a, b in zip(padded[1], alone[1]):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-13)


@pytest.mark.parametrize(
    "lengths", [[2], [0, 1], [1, 5], [1.0, 2.0], [[1, 2]], np.array([1, 2, 3])]
)
def test_lengths_that_do_not_fit(lengths):
    layer, x = nn.LSTM(IN, H, rng=0), tensor(np.zeros((T, 2, IN), "f4"))
    with pytest.raises(ValueError, match="must be 2 integers from 1 to 4"):
        layer(x, lengths=lengths)


def test_large_products_are_cut_and_one_text_works():
    """48 texts of width 80: the product of a step is cut in pieces."""
    layer = nn.LSTM(IN, 80, rng=0, dtype="f8")
    x = RNG.standard_normal((2, 48, IN))
    y, (_, c) = layer(tensor(x))
    for b in (0, 20, 47):
        ys, _, last = loop(layer, "_l0", x[:, b], np.zeros(80), np.zeros(80))
        np.testing.assert_allclose(y.numpy()[:, b], ys, rtol=1e-11)
        np.testing.assert_allclose(c.numpy()[0, b], last, rtol=1e-11)
        alone = layer(tensor(x[:, b : b + 1]))[0]
        np.testing.assert_allclose(alone.numpy()[:, 0], ys, rtol=1e-11)
    assert layer(tensor(x[:, :0]))[0].shape == (2, 0, 80)


@pytest.mark.parametrize(
    "message, change",
    [
        ("expected x", {"x": (4, 2)}),
        ("expected x", {"x": (0, 2, 3)}),
        (r"weight_hh has shape \(20, 4\), expected \(16, 4\)", {"weight_hh": (20, 4)}),
        (r"weight_ih has shape \(20, 2\), expected \(20, 3\)", {"weight_ih": (20, 2)}),
        (r"bias_hh has shape \(5,\), expected \(20,\)", {"bias_hh": (5,)}),
        (r"c has shape \(3, 5\), expected \(2, 5\)", {"c": (3, 5)}),
    ],
)
def test_shapes_that_do_not_fit(message, change):
    shapes = {"x": (4, 2, 3), "weight_ih": (20, 3), "weight_hh": (20, 5)}
    shapes |= {"bias_ih": (20,), "bias_hh": (20,), "h": (2, 5), "c": (2, 5)}
    with pytest.raises(ValueError, match=message):
        ops.lstm(**{k: np.zeros(s, "f4") for k, s in (shapes | change).items()})


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_dtypes_are_kept(dtype):
    layer = nn.LSTM(IN, H, rng=0, dtype=dtype)
    x = tensor(RNG.standard_normal((T, B, IN)), requires_grad=True, dtype=dtype)
    y, (h, c) = layer(x)
    (y.sum() + h.sum() + c.sum()).backward()
    assert {a.dtype for a in (y, h, c, x.grad)} == {np.dtype(dtype)}
    assert {p.grad.dtype for p in layer.parameters()} == {np.dtype(dtype)}
