"""BatchNorm2d: which statistics normalise, and how the running ones move."""

import numpy as np
import pytest
from layers import check_gradients

from tinyft import nn, tensor

RNG = np.random.default_rng(2)
TIGHT = {"rtol": 1e-12, "atol": 1e-12}


def batches(count=3):
    return [RNG.standard_normal((4, 3, 2, 5)) * 2 + 1 for _ in range(count)]


def make(**options):
    layer = nn.BatchNorm2d(3, dtype="f8", **options)
    layer.weight.data, layer.bias.data = RNG.standard_normal(3), RNG.standard_normal(3)
    return layer


def normalised(x, mean, var, layer):
    mean, var, w, b = (
        np.reshape(a, (1, 3, 1, 1))
        for a in (mean, var, layer.weight.numpy(), layer.bias.numpy())
    )
    return (x - mean) / np.sqrt(var + layer.eps) * w + b


def moments(x, ddof=0):
    return x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3), ddof=ddof)


def test_training_uses_the_batch_and_moves_the_running_statistics():
    layer, mean, var = make(momentum=0.3), np.zeros(3), np.ones(3)
    for step, x in enumerate(batches(), start=1):
        y = layer(tensor(x)).numpy()
        np.testing.assert_allclose(y, normalised(x, *moments(x), layer), **TIGHT)
        batch_mean, unbiased = moments(x, ddof=1)
        mean, var = 0.7 * mean + 0.3 * batch_mean, 0.7 * var + 0.3 * unbiased
        np.testing.assert_allclose(layer.running_mean.numpy(), mean, **TIGHT)
        np.testing.assert_allclose(layer.running_var.numpy(), var, **TIGHT)
        assert layer.num_batches_tracked.item() == step


def test_evaluation_uses_the_running_statistics_and_moves_nothing():
    layer = make()
    layer(tensor(batches(1)[0]))
    before = {n: a.numpy().tobytes() for n, a in layer.state_dict().items()}
    (x,) = batches(1)
    y = layer.eval()(tensor(x)).numpy()
    want = normalised(x, layer.running_mean.numpy(), layer.running_var.numpy(), layer)
    np.testing.assert_allclose(y, want, **TIGHT)
    assert before == {n: a.numpy().tobytes() for n, a in layer.state_dict().items()}


def test_momentum_none_is_the_exact_mean_over_batches():
    layer, xs = make(momentum=None), batches(5)
    for x in xs:
        layer(tensor(x))
    means, variances = zip(*(moments(x, ddof=1) for x in xs))
    np.testing.assert_allclose(
        layer.running_mean.numpy(), np.mean(means, axis=0), **TIGHT
    )
    np.testing.assert_allclose(
        layer.running_var.numpy(), np.mean(variances, axis=0), **TIGHT
    )


def test_frozen_statistics_stay_whatever_the_mode():
    layer = make()
    layer(tensor(batches(1)[0]))
    layer.statistics = "frozen"
    before = {n: a.numpy().tobytes() for n, a in layer.state_dict().items()}
    (x,) = batches(1)
    training, evaluated = (
        layer.train(mode)(tensor(x)).numpy() for mode in (True, False)
    )
    np.testing.assert_array_equal(training, evaluated)
    assert before == {n: a.numpy().tobytes() for n, a in layer.state_dict().items()}


@pytest.mark.parametrize("tracked", [True, False])
def test_batch_statistics_serve_in_both_modes_and_move_nothing(tracked):
    layer = make(track_running_stats=tracked)
    assert layer.statistics == ("update" if tracked else "batch")
    layer.statistics = "batch"
    (x,) = batches(1)
    want = normalised(x, *moments(x), layer)
    for mode in (True, False):
        np.testing.assert_allclose(layer.train(mode)(tensor(x)).numpy(), want, **TIGHT)
    if tracked:
        assert (layer.running_mean.numpy() == 0).all()
        assert layer.num_batches_tracked.item() == 0
    else:
        assert layer.running_mean is None


def test_an_unknown_choice_of_statistics_is_refused():
    layer = make()
    layer.statistics = "running"
    with pytest.raises(
        ValueError, match="'update', 'frozen' or 'batch', got 'running'"
    ):
        layer(tensor(batches(1)[0]))


def test_rows_without_an_image():
    layer, x = nn.BatchNorm1d(3, dtype="f8"), RNG.standard_normal((6, 3))
    want = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + layer.eps)
    np.testing.assert_allclose(layer(tensor(x)).numpy(), want, **TIGHT)


@pytest.mark.parametrize("mode", ["update", "frozen", "batch", "plain"])
def test_gradients(mode):
    layer = nn.BatchNorm2d(3, affine=mode != "plain")
    if mode != "plain":
        layer.statistics = mode
    x = RNG.standard_normal((4, 3, 2, 2))
    weights = tensor(RNG.standard_normal(x.shape))  # the sum alone has gradient zero
    assert check_gradients(layer, x, pick=lambda y: y * weights)


def test_freezing_parameters_is_apart_from_the_statistics():
    layer = make().requires_grad_(False)
    layer(tensor(batches(1)[0]))
    assert layer.num_batches_tracked.item() == 1
