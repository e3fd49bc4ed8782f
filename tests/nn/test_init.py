"""Initialisers: mean, variance and bounds, with the z-score that a fair draw allows.

A sample mean of n values has standard deviation s/sqrt(n); the sample variance of n
normal values sqrt(2/n) s², of n uniform ones sqrt(0.8/n) s². The bound is z = 4: a fair
draw exceeds it once in 16,000 seeds, and the seeds are fixed.
"""

import math

import numpy as np
import pytest

import tinyft
from tinyft import nn
from tinyft.nn import init

Z = 4.0


def parameter(*shape, dtype="f8"):
    return nn.Parameter(np.zeros(shape), dtype=dtype)


def check_moments(values, mean, variance, spread):
    n = values.size
    assert abs(values.mean() - mean) < Z * math.sqrt(variance / n)
    assert abs(values.var() - variance) < Z * variance * math.sqrt(spread / n)


def check_uniform(p, bound):
    values = p.numpy()
    check_moments(values, 0, bound**2 / 3, 0.8)
    assert np.abs(values).max() <= bound
    assert np.abs(values).max() > bound * (1 - 20 / values.size)  # it reaches the bound


def check_normal(p, std, mean=0.0):
    check_moments(p.numpy(), mean, std**2, 2.0)


CONV = (30, 20, 3, 3)  # fan_in 180, fan_out 270


def test_uniform_and_normal():
    check_uniform(init.uniform_(parameter(100, 80), -0.3, 0.3, rng=0), 0.3)
    check_normal(init.normal_(parameter(100, 80), 2.0, 0.5, rng=0), 0.5, mean=2.0)


@pytest.mark.parametrize(
    "shape, fan_in, fan_out", [((120, 60), 60, 120), (CONV, 180, 270)]
)
def test_kaiming_and_xavier(shape, fan_in, fan_out):
    assert init.fans(shape) == (fan_in, fan_out)
    check_uniform(
        init.kaiming_uniform_(parameter(*shape), rng=0), math.sqrt(6 / fan_in)
    )
    a5 = init.kaiming_uniform_(parameter(*shape), math.sqrt(5), rng=0)
    check_uniform(a5, 1 / math.sqrt(fan_in))
    check_normal(init.kaiming_normal_(parameter(*shape), rng=0), math.sqrt(2 / fan_in))
    out = init.kaiming_normal_(parameter(*shape), mode="fan_out", rng=0)
    check_normal(out, math.sqrt(2 / fan_out))
    bound = 3 * math.sqrt(6 / (fan_in + fan_out))
    check_uniform(init.xavier_uniform_(parameter(*shape), gain=3, rng=0), bound)
    std = math.sqrt(2 / (fan_in + fan_out))
    check_normal(init.xavier_normal_(parameter(*shape), rng=0), std)


def test_defaults_of_the_layers():
    linear = nn.Linear(64, 200, rng=0)
    check_uniform(linear.weight, 1 / 8)
    assert (
        np.abs(linear.bias.numpy()).max() <= 1 / 8 and linear.bias.numpy().std() > 0.05
    )
    check_uniform(nn.Conv2d(16, 32, 3, rng=0).weight, 1 / 12)
    check_normal(nn.Embedding(200, 50, rng=0).weight, 1.0)
    assert (nn.LayerNorm(3).weight.numpy() == 1).all()
    assert (nn.LayerNorm(3).bias.numpy() == 0).all()


def test_constants():
    p = parameter(2, 3)
    assert (init.ones_(p).numpy() == 1).all() and (init.zeros_(p).numpy() == 0).all()
    assert (init.constant_(p, 2.5).numpy() == 2.5).all() and p.dtype == np.float64


def test_dtype_of_the_parameter_is_kept():
    for dtype in ("f2", "f4", "f8"):
        p = init.normal_(parameter(4, 4, dtype=dtype), 0.5, 0.1, rng=0)
        assert p.dtype == dtype
        assert init.kaiming_uniform_(p, rng=0).dtype == dtype


def test_manual_seed_repeats_and_an_explicit_generator_does_not_touch_it():
    tinyft.manual_seed(3)
    first = nn.Linear(4, 4).weight.numpy()
    tinyft.manual_seed(3)
    nn.Linear(4, 4, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(nn.Linear(4, 4).weight.numpy(), first)
    assert (nn.Linear(4, 4).weight.numpy() != first).any()
    a, b = (nn.Linear(4, 4, rng=7).weight.numpy() for _ in range(2))
    np.testing.assert_array_equal(a, b)


def test_skipped_draws_nothing_and_ends():
    tinyft.manual_seed(3)
    with init.skipped():
        layer = nn.Linear(4, 4)
        assert (layer.weight.numpy() == 0).all()
    after = nn.Linear(4, 4).weight.numpy()
    tinyft.manual_seed(3)
    np.testing.assert_array_equal(nn.Linear(4, 4).weight.numpy(), after)


def test_refusals():
    with pytest.raises(ValueError, match="need 2 or more axes"):
        init.kaiming_uniform_(parameter(3))
    with pytest.raises(ValueError, match="'fan_in' or 'fan_out', got 'fan'"):
        init.kaiming_normal_(parameter(3, 3), mode="fan")
