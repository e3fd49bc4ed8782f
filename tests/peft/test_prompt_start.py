"""Where prefixes and prompts start, and what their encoders compute, in plain NumPy."""

import numpy as np
import pytest

from tinyft import models, nn, peft, tensor


def model(dim=12, heads=3):
    return models.gpt2_tiny(0, "float64", vocab=11, dim=dim, heads=heads, length=80)


def numbers(*parameters):
    return [p.numpy() for p in parameters]


# --- the start ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "method, name",
    [
        (peft.Prefix(60), "P"),
        (peft.Prefix(60, hidden=5), "E"),
        (peft.Prompt(60), "P"),
        (peft.PTuning(60), "P"),
        (peft.PTuning(60, "lstm"), "P"),
    ],
)
def test_vectors_start_as_standard_normal(method, name):
    """N(0, 1), as an embedding of PEFT: four standard errors of mean and variance.

    Twice the fourth moment says that it is a bell: 3 for the normal, 1.8 for a uniform.
    """
    adapter = peft.attach(model(48), method, rng=7)
    found = {
        id(getattr(d, name)): getattr(d, name).numpy()
        for d in adapter.deltas.values()
        if hasattr(d, name)
    }
    x = np.concatenate([a.ravel() for a in found.values()])
    assert abs(x.mean()) < 4 / len(x) ** 0.5
    assert abs(x.var() - 1) < 4 * (2 / len(x)) ** 0.5
    assert abs((x**4).mean() - 3) < 4 * (96 / len(x)) ** 0.5


def test_each_layer_s_prefix_has_its_own_start_and_a_seed_decides_it():
    first, again, other = (
        [
            d.P.numpy()
            for d in peft.attach(model(), peft.Prefix(4), rng=seed).deltas.values()
            if hasattr(d, "P")
        ]
        for seed in (1, 1, 2)
    )
    assert np.abs(first[0] - first[1]).min() > 0
    np.testing.assert_array_equal(first, again)
    assert np.abs(first[0] - other[0]).min() > 0


def test_one_e_and_one_first_layer_for_all_sites_of_a_reparametrised_prefix():
    deltas = peft.attach(model(), peft.Prefix(4, hidden=5), rng=1).deltas
    one, two = (deltas[f"blocks.{i}.attn.kv"] for i in (0, 1))
    assert one.E is two.E
    assert one.down is two.down
    assert one.up is not two.up


# --- the encoders --------------------------------------------------------------------


def relu(x):
    return np.where(x > 0, x, 0.0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_by_hand(x, W, U, b, c):
    """One direction, step by step: x (T, in) to the states (T, h)."""
    h_t, c_t, states = np.zeros(U.shape[1]), np.zeros(U.shape[1]), []
    for x_t in x:
        i, f, g, o = np.split(W @ x_t + b + U @ h_t + c, 4)
        c_t = sigmoid(f) * c_t + sigmoid(i) * np.tanh(g)
        h_t = sigmoid(o) * np.tanh(c_t)
        states.append(h_t)
    return np.array(states)


def enlarged(delta):
    """The delta with large parameters, so that every nonlinearity bends."""
    rng = np.random.default_rng(4)
    for p in delta.parameters():
        p.data = rng.normal(size=p.shape)
    return delta


def test_p_tuning_s_mlp():
    """P = W₃ relu(W₂ relu(W₁ E + b₁) + b₂) + b₃."""
    delta = enlarged(
        peft.attach(model(), peft.PTuning(4, "mlp", 5), rng=1).deltas["embed"]
    )
    E = delta.P.numpy()
    (W1, b1), (W2, b2), (W3, b3) = (numbers(l.weight, l.bias) for l in delta.linears)
    assert (W1.shape, W2.shape, W3.shape) == ((5, 12), (5, 5), (12, 5))
    want = np.array([W3 @ relu(W2 @ relu(W1 @ e + b1) + b2) + b3 for e in E])
    np.testing.assert_allclose(delta.vectors().numpy(), want, rtol=1e-12)
    linear = np.array([W3 @ (W2 @ (W1 @ e + b1) + b2) + b3 for e in E])
    assert np.abs(linear - want).max() > 1  # the ReLUs do something here


@pytest.mark.parametrize("layers", [1, 2])
def test_p_tuning_s_lstm(layers):
    """P = W₂ relu(W₁ BiLSTM(E) + b₁) + b₂."""
    made = peft.PTuning(4, "lstm", 3, layers)
    delta = enlarged(peft.attach(model(), made, rng=1).deltas["embed"])
    x, lstm = delta.P.numpy(), dict(delta.lstm.named_parameters())
    for layer in range(layers):
        sides = []
        for end, turn in (("", 1), ("_reverse", -1)):
            names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            gates = numbers(*(lstm[f"{name}_l{layer}{end}"] for name in names))
            sides.append(lstm_by_hand(x[::turn], *gates)[::turn])
        x = np.concatenate(sides, axis=1)
    (W1, b1), (W2, b2) = (numbers(l.weight, l.bias) for l in delta.linears)
    assert (W1.shape, W2.shape) == ((6, 6), (12, 6))
    want = np.array([W2 @ relu(W1 @ h + b1) + b2 for h in x])
    np.testing.assert_allclose(delta.vectors().numpy(), want, rtol=1e-10, atol=1e-12)
    linear = np.array([W2 @ (W1 @ h + b1) + b2 for h in x])
    assert np.abs(linear - want).max() > 0.1


def test_a_prefix_s_mlp():
    """[P_k, P_v] = W₂ tanh(W₁ E + b₁) + b₂, K before V."""
    deltas = peft.attach(model(), peft.Prefix(4, hidden=5), rng=1).deltas
    delta = enlarged(deltas["blocks.1.attn.kv"])
    W1, b1, W2, b2 = numbers(
        delta.down.weight, delta.down.bias, delta.up.weight, delta.up.bias
    )
    want = np.array([W2 @ np.tanh(W1 @ e + b1) + b2 for e in delta.E.numpy()])
    np.testing.assert_allclose(delta.vectors().numpy(), want, rtol=1e-12)
    K, V = numbers(*delta.keys_values())
    for h, t in np.ndindex(3, 4):
        np.testing.assert_array_equal(
            K[h, t], delta.vectors().numpy()[t, 4 * h : 4 * h + 4]
        )
        np.testing.assert_array_equal(
            V[h, t], delta.vectors().numpy()[t, 12 + 4 * h : 16 + 4 * h]
        )


def test_without_an_encoder_e_is_the_prompt():
    delta = peft.attach(model(), peft.PTuning(4, None), rng=1).deltas["embed"]
    assert delta.vectors() is delta.P


def test_every_part_of_an_encoder_trains():
    """No part is cut off, and E is reached through the encoder."""
    for method in (peft.PTuning(4, "mlp"), peft.PTuning(4, "lstm"), peft.Prefix(4, 5)):
        base = model()
        adapter = peft.attach(base, method, rng=1)
        ids = np.random.default_rng(0).integers(0, 11, (2, 6))
        (base(tensor(ids)) ** 2).sum().backward()
        assert all(np.abs(p.grad.numpy()).max() > 0 for p in adapter.parameters())


def test_a_kv_alone_has_no_prefix():
    with pytest.raises(ValueError, match="not inside a MultiHeadAttention"):
        peft.attach(nn.Sequential({"kv": nn.KV()}), peft.Prefix(2))
