"""Interpolation and soups: closed forms on least squares, BatchNorm, greedy choice, errors.

Everything is float64; 1e-11 where a few hundred products are summed in two orders.
"""

import numpy as np
import pytest

from tinyft import models, nn, peft, tensor, transfer
from tinyft.models import mlp

EXACT = 1e-11


@pytest.fixture
def rng():
    return np.random.default_rng(27)


def quadratic(rng, n=60, d=5, count=4):
    """Losses |Xθ − y|²/2n of `count` weights θ (count, d), as a function of θ."""
    X, y = rng.normal(size=(n, d)), rng.normal(size=n)
    thetas = rng.normal(size=(count, d))
    return lambda theta: float(np.sum((X @ theta - y) ** 2) / (2 * n)), thetas


def affine(theta):
    layer = nn.Linear(len(theta), 1, bias=False, dtype="float64")
    layer.weight.data = theta[None].copy()
    return layer


# --- averages --------------------------------------------------------------------------


def test_a_soup_is_the_weighted_sum_and_moves_no_model(rng):
    nets = [mlp(3, 4, 2, rng=i, dtype="float64") for i in range(3)]
    before = [n.state_dict()["0.weight"].numpy().copy() for n in nets]
    state = transfer.soup(nets, [0.2, 0.5, 0.3])
    want = 0.2 * before[0] + 0.5 * before[1] + 0.3 * before[2]
    assert np.allclose(state["0.weight"], want, atol=EXACT)
    assert state["0.weight"].dtype == np.float64
    for net, old in zip(nets, before):
        assert np.array_equal(net.state_dict()["0.weight"].numpy(), old)
    nets[0].load_state_dict(state)


def test_uniform_is_the_default_and_float32_stays(rng):
    nets = [mlp(3, 2, rng=i) for i in range(2)]
    state = transfer.soup(nets)
    want = (nets[0][0].weight.numpy() + nets[1][0].weight.numpy()) / 2
    assert state["0.weight"].dtype == np.float32
    assert np.allclose(state["0.weight"], want, atol=1e-7)
    numpy_weights = transfer.soup(nets, np.array([0.5, 0.5]))
    assert numpy_weights["0.weight"].dtype == np.float32


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_interpolation_goes_from_start_to_end(alpha):
    a, b = mlp(3, 2, rng=0, dtype="float64"), mlp(3, 2, rng=1, dtype="float64")
    got = transfer.interpolate(a, b, alpha)["0.weight"]
    W0, W1 = a[0].weight.numpy(), b[0].weight.numpy()
    assert np.allclose(got, W0 + alpha * (W1 - W0), atol=EXACT)


def test_a_linear_models_soup_averages_predictions_and_a_relus_does_not(rng):
    x = tensor(rng.normal(size=(20, 5)))
    for sizes, same in (((5, 3), True), ((5, 8, 3), False)):
        nets = [mlp(*sizes, rng=i, dtype="float64") for i in range(3)]
        mean = sum(n(x).numpy() for n in nets) / 3
        nets[0].load_state_dict(transfer.soup(nets))
        assert np.allclose(nets[0](x).numpy(), mean, atol=EXACT) == same


def test_tied_weights_stay_tied_and_counters_are_the_first_models():
    bert = models.gpt2_tiny(0), models.gpt2_tiny(1)
    bert[0].load_state_dict(transfer.soup(bert))  # refuses two values of a tied weight
    nets = [models.resnet_tiny(i) for i in range(2)]
    nets[1].bn1.num_batches_tracked.data = 7 + nets[1].bn1.num_batches_tracked.data
    state = transfer.soup(nets)
    assert state["bn1.num_batches_tracked"] == 0
    assert state["bn1.num_batches_tracked"].dtype.kind == "i"


# --- greedy ----------------------------------------------------------------------------


def test_the_greedy_soup_is_the_papers_loop(rng):
    loss, thetas = quadratic(rng, count=6)
    thetas[::2] *= 5
    nets, calls = [affine(t) for t in thetas], []

    def score(state):
        calls.append(1)
        return -loss(state["weight"][0])

    state, members = transfer.greedy_soup(nets, score)
    order = sorted(range(6), key=lambda i: loss(thetas[i]))
    want = []
    for i in order:
        mean = thetas[[*want, i]].mean(0)
        if not want or loss(mean) <= loss(thetas[want].mean(0)):
            want.append(i)
    assert members == want
    assert 1 < len(members) < 6, "the draw should keep some and leave some out"
    assert np.allclose(state["weight"][0], thetas[want].mean(0), atol=EXACT)
    assert len(calls) == 2 * 6 - 1


def test_a_model_that_changes_nothing_is_kept():
    nets = [affine(np.array([1.0, 2.0])) for _ in range(3)]
    assert transfer.greedy_soup(nets, lambda state: 0.0)[1] == [0, 1, 2]


# --- BatchNorm -------------------------------------------------------------------------


def test_averaged_statistics_of_a_first_layer(rng):
    """mean exact; variance too large by ¼ var((W_1 − W_2) x); recomputing mends it."""
    x = rng.normal(size=(400, 3, 2, 2)) * [[[1.0]], [[2.0]], [[0.5]]]
    nets = [one_norm(i) for i in range(2)]
    for net in nets:
        transfer.batchnorm(net, "recompute", [x])
    state = transfer.soup(nets)
    pixels = x.transpose(0, 2, 3, 1).reshape(-1, 3)
    W1, W2 = (net[0].weight.numpy()[:, :, 0, 0] for net in nets)
    true = np.var(pixels @ (W1 + W2).T / 2, axis=0, ddof=1)
    excess = np.var(pixels @ (W1 - W2).T, axis=0, ddof=1) / 4
    assert np.allclose(state["1.running_mean"], pixels.mean(0) @ (W1 + W2).T / 2)
    assert np.allclose(state["1.running_var"], true + excess, rtol=EXACT)
    assert np.min(excess / true) > 0.01
    nets[0].load_state_dict(state)
    transfer.batchnorm(nets[0], "recompute", [x])
    assert np.allclose(nets[0][1].running_var.numpy(), true, rtol=EXACT)


def one_norm(seed):
    conv = nn.Conv2d(3, 4, 1, bias=False, rng=seed, dtype="float64")
    return nn.Sequential(conv, nn.BatchNorm2d(4, dtype="float64"))


# --- the parabola ----------------------------------------------------------------------


def test_three_losses_give_the_whole_path(rng):
    loss, (a, b, *_) = quadratic(rng)
    L0, half, L1 = loss(a), loss((a + b) / 2), loss(b)
    q = transfer.merging.quadratic.curvature(L0, half, L1)
    for t in (0.2, 0.9):
        want = (1 - t) * L0 + t * L1 - q * t * (1 - t) / 2
        assert loss((1 - t) * a + t * b) == pytest.approx(want, rel=EXACT)
    grid = np.linspace(0, 1, 100_001)
    path = (1 - grid) * L0 + grid * L1 - q * grid * (1 - grid) / 2
    found = transfer.best_share(L0, half, L1)
    assert found == pytest.approx(grid[path.argmin()], abs=1e-5)


@pytest.mark.parametrize(
    ("losses", "want"),
    [((1, 3, 2), 0.0), ((2, 3, 1), 1.0), ((1, 4, 9), 0.0), ((9, 4, 1), 1.0)],
)
def test_a_bump_or_a_minimum_outside_gives_an_end(losses, want):
    assert transfer.best_share(*losses) == want


def test_soups_on_a_quadratic_and_the_best_weights(rng):
    loss, thetas = quadratic(rng)
    losses = np.array([loss(t) for t in thetas])
    middle = np.array([[loss((a + b) / 2) for b in thetas] for a in thetas])
    D = 4 * (losses[:, None] + losses[None] - 2 * middle)
    w = np.array([0.1, 0.2, 0.4, 0.3])
    assert transfer.soup_loss(losses, D, w) == pytest.approx(
        loss(w @ thetas), rel=EXACT
    )
    best = transfer.soup_weights(losses, D)
    assert best.sum() == pytest.approx(1)
    for _ in range(20):  # no step along Σ w = 1 is better
        step = rng.normal(size=4)
        other = best + 0.1 * (step - step.mean())
        assert loss(other @ thetas) > loss(best @ thetas)


def test_weights_that_are_not_unique_are_refused(rng):
    loss, thetas = quadratic(rng, d=2)
    losses = np.array([loss(t) for t in thetas])
    middle = np.array([[loss((a + b) / 2) for b in thetas] for a in thetas])
    D = 4 * (losses[:, None] + losses[None] - 2 * middle)
    with pytest.raises(ValueError, match="4 models do not give one best soup"):
        transfer.soup_weights(losses, D)
    with pytest.raises(ValueError, match="expected 4 finite losses and D"):
        transfer.soup_weights(losses, D[:3])


# --- bad input -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("models_", "weights", "message"),
    [
        ([], None, "the list is empty"),
        ([mlp(3, 2, rng=0)], [], "expected 1 finite weights"),
        ([mlp(3, 2, rng=0)] * 2, [1.5, -0.5], "should be >= 0 with sum 1"),
        ([mlp(3, 2, rng=0)] * 2, [0.5, 0.6], "should be >= 0 with sum 1"),
        ([mlp(3, 2, rng=0)] * 2, [float("nan"), 1.0], "finite weights"),
        (
            [mlp(3, 2, rng=0), mlp(3, 4, rng=0)],
            None,
            "shape .4, 3. in number 1 and .2, 3.",
        ),
        (
            [mlp(3, 2, rng=0), mlp(3, 2, 2, rng=0)],
            None,
            "number 1 has 2.bias, 2.weight",
        ),
        ([mlp(3, 2, 2, rng=0), mlp(3, 2, rng=0)], None, "number 1 lacks 2.bias"),
        ([{}], None, "got dict"),
        (["model.safetensors"], None, "got str"),
    ],
)
def test_bad_input_is_a_sentence(models_, weights, message):
    with pytest.raises(ValueError, match=message):
        transfer.soup(models_, weights)


def test_adapters_nan_and_extrapolation_are_refused():
    net = mlp(3, 2, rng=0)
    for alpha in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="beyond it"):
            transfer.interpolate(net, net, alpha)
    bad = mlp(3, 2, rng=1)
    bad[0].weight.data = np.full((2, 3), np.nan, "f4")
    with pytest.raises(ValueError, match="of number 1 holds NaN"):
        transfer.soup([net, bad])
    peft.attach(net, peft.LoRA(r=1), target="0")
    with pytest.raises(ValueError, match="bake it first, or add adapters"):
        transfer.soup([net, mlp(3, 2, rng=1)])


def test_packed_weights_are_refused():
    net = mlp(64, 64, rng=0)
    nn.quantise_linears(net)
    with pytest.raises(ValueError, match="dequantise_linears"):
        transfer.soup([net, net])
