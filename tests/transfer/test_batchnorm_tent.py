"""TENT and mixed statistics, against NumPy that knows neither.

Tolerances: 1e-10 for complex steps and 1e-12 for sums of some ten terms in float64;
Monte Carlo is told in standard errors, beyond 5 once in two million runs.
"""

import numpy as np
import pytest

from tinyft import nn, ops, tensor, transfer
from tinyft.models import resnet_tiny
from tinyft.transfer import mean_weight, mix_statistics, tent, variance_weight
from tinyft.transfer.norms.batchnorm import norms

RNG = np.random.default_rng(17)


def net(affine=True):
    """Two BatchNorm layers with a linear layer behind each, float64."""
    rng = np.random.default_rng(3)
    body = nn.Sequential(
        nn.BatchNorm1d(5, affine=affine, dtype="f8"),
        nn.Linear(5, 4, rng=rng, dtype="f8"),
        nn.BatchNorm1d(4, affine=affine, dtype="f8"),
        nn.Linear(4, 3, rng=rng, dtype="f8"),
    )
    for layer in norms(body).values() if affine else ():
        C = layer.num_features
        layer.weight.data = rng.normal(size=C)
        layer.bias.data = rng.normal(size=C)
        layer.running_mean.data = rng.normal(size=C)
        layer.running_var.data = rng.uniform(0.5, 2, C)
    return body


def by_hand(model, x, diversity, **changed):
    """Loss (2) in NumPy, also for complex parameters `changed` {name: array}."""
    p = {k: v.numpy() for k, v in model.state_dict().items()} | changed
    for i in (0, 2):
        away = x - x.mean(0)
        x = away / np.sqrt((away * away).mean(0) + 1e-5)
        x = x * p[f"{i}.weight"] + p[f"{i}.bias"]
        x = x @ p[f"{i + 1}.weight"].T + p[f"{i + 1}.bias"]
    P = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    mean = P.mean(0)
    H = -(P * np.log(P)).sum(1).mean()
    return H + diversity * (mean * np.log(mean)).sum(), H


def slope(model, name, x, diversity, h=1e-30):
    base = model.state_dict()[name].numpy()
    g = np.empty_like(base)
    for i in range(len(base)):
        moved = base.astype(complex)
        moved[i] += 1j * h
        g[i] = by_hand(model, x, diversity, **{name: moved})[0].imag / h
    return g


@pytest.mark.parametrize("diversity", [0.0, 0.7, 1.0])
def test_one_step_goes_down_the_slope_of_the_loss(diversity):
    model, x = net(), RNG.normal(size=(12, 5)) * 2 + 1
    names = [f"{i}.{n}" for i in (0, 2) for n in ("weight", "bias")]
    before = {k: v.numpy().copy() for k, v in model.state_dict().items()}
    want = {k: before[k] - 0.3 * slope(model, k, x, diversity) for k in names}
    H = by_hand(model, x, diversity)[1]
    assert tent(model, [x], lr=0.3, diversity=diversity) == pytest.approx([H], 1e-12)
    for name, value in model.state_dict().items():
        expected = want.get(name, before[name])
        np.testing.assert_allclose(value.numpy(), expected, 1e-10, 1e-12)


def test_only_gamma_and_beta_train_and_batches_normalise_themselves():
    model = net()
    tent(model, [RNG.normal(size=(6, 5))], lr=0.1)
    trains = {name for name, p in model.named_parameters() if p.requires_grad}
    assert trains == {f"{i}.{n}" for i in (0, 2) for n in ("weight", "bias")}
    assert {layer.statistics for layer in norms(model).values()} == {"batch"}


def test_momentum_and_tuples():
    x = RNG.normal(size=(8, 5))
    model, other, speed = net(), net(), {}
    found = tent(model, [(x, "ignored")] * 3, lr=0.1, momentum=0.8)
    for H in found:  # the same three steps, by hand
        assert tent(other, [x], lr=0.0) == pytest.approx([H], 1e-12)
        for name, p in other.named_parameters():
            if p.requires_grad:
                g = slope(other, name, x, 0.0)
                speed[name] = 0.8 * speed.get(name, 0.0) + g
        for name in speed:
            p = dict(other.named_parameters())[name]
            p.data = p.data - 0.1 * speed[name]


def test_entropies_of_known_distributions():
    even, sure = np.zeros((2, 4)), np.array([[50.0, 0, 0], [0, 0, 50.0]])
    assert transfer.entropy(tensor(even)).item() == pytest.approx(np.log(4))
    assert transfer.entropy(tensor(sure)).item() == pytest.approx(0, abs=1e-12)
    assert transfer.marginal_entropy(tensor(sure)).item() == pytest.approx(np.log(2))


def test_the_gradient_of_the_entropy_by_hand():
    z = tensor(RNG.normal(size=(3, 4)), requires_grad=True)
    transfer.entropy(z).backward()
    p = ops.softmax(z.detach()).numpy()
    H = -(p * np.log(p)).sum(1, keepdims=True)
    np.testing.assert_allclose(z.grad.numpy(), -p * (np.log(p) + H) / 3, 1e-12, 1e-14)


def test_tent_refuses():
    with pytest.raises(ValueError, match=r"\(1, 5\).*two images"):
        tent(net(), [np.ones((1, 5))], lr=0.1)
    with pytest.raises(ValueError, match="diversity=-1"):
        tent(net(), [], lr=0.1, diversity=-1)
    with pytest.raises(ValueError, match="affine=False"):
        tent(net(affine=False), [np.ones((4, 5))], lr=0.1)


# --- mixed statistics ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("weight", "a", "b"), [(0.3, 0.3, 0.3), ((0.8, 0.25), 0.8, 0.25)]
)
def test_layers_are_mixed_in_order_by_hand(weight, a, b):
    model, parts = net(), [RNG.normal(size=(n, 5)) + n for n in (4, 7)]
    p = {k: v.numpy().copy() for k, v in model.state_dict().items()}
    mix_statistics(model, parts, weight)
    x = np.concatenate(parts)
    for i in (0, 2):
        mean = (1 - a) * p[f"{i}.running_mean"] + a * x.mean(0)
        var = (1 - b) * p[f"{i}.running_var"] + b * x.var(0)
        layer = getattr(model, str(i))
        np.testing.assert_allclose(layer.running_mean.numpy(), mean, 1e-12)
        np.testing.assert_allclose(layer.running_var.numpy(), var, 1e-12)
        assert layer.statistics == "frozen"
        x = (x - mean) / np.sqrt(var + 1e-5) * p[f"{i}.weight"] + p[f"{i}.bias"]
        x = x @ p[f"{i + 1}.weight"].T + p[f"{i + 1}.bias"]


def test_weight_zero_keeps_the_source_to_the_bit():
    model = resnet_tiny(0, "f8")
    before = {k: v.numpy().tobytes() for k, v in model.state_dict().items()}
    mix_statistics(model, [RNG.normal(size=(6, 1, 8, 8))], 0.0)
    assert {k: v.numpy().tobytes() for k, v in model.state_dict().items()} == before


@pytest.mark.parametrize("n", [2, 8, 50])
def test_the_weights_are_those_of_least_error(n):
    """A grid over simulated samples, which knows neither (2) nor (3)."""
    mean_s, mean_t, var_s, var_t = 0.4, 0.9, 1.0, 1.7
    x = mean_t + var_t**0.5 * np.random.default_rng(n).normal(size=(200_000, n))
    for source, truth, value, weight in (
        (mean_s, mean_t, x.mean(1), mean_weight(mean_s, mean_t, var_t, n)),
        (var_s, var_t, x.var(1), variance_weight(var_s, var_t, n)),
    ):
        # d/dw of the squared error of (1 − w) source + w value, sample by sample
        pull = ((1 - weight) * source + weight * value - truth) * (value - source)
        assert abs(pull.mean()) < 5 * pull.std() / len(pull) ** 0.5


def test_weights_per_channel_and_the_two_ends():
    many = mean_weight(np.zeros(2), np.array([0.0, 1.0]), np.ones(2), 4)
    np.testing.assert_allclose(many, [0, 0.8])
    assert mean_weight(0.0, 1.0, 1.0, 1e9) == pytest.approx(1)
    assert variance_weight(1.0, 2.0, 1e9) == pytest.approx(1)


@pytest.mark.parametrize("bad", [-0.1, 1.5, (0.5, 2.0), (0.5,)])
def test_mix_statistics_refuses(bad):
    with pytest.raises(ValueError, match="weight"):
        mix_statistics(net(), [np.ones((4, 5))], bad)
    with pytest.raises(ValueError, match="0 batches"):
        mix_statistics(net(), [], 0.5)
