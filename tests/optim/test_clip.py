"""Clipping by norm and by value. Tolerance 1e-6: a float32 reduction and a product."""

import math

import numpy as np
import pytest

from tinyft import Tensor, tensor
from tinyft.optim import clip_grad_norm, clip_grad_value


def with_gradients(*gradients):
    params = [tensor(np.zeros_like(g), requires_grad=True) for g in gradients]
    for p, g in zip(params, gradients):
        p.grad = Tensor(g)
    return params


def test_the_joint_norm_is_clipped_and_the_direction_kept():
    params = with_gradients(np.full((2, 2), 3.0, "f4"), np.full(4, 4.0, "f4"))
    total = clip_grad_norm(params, 2.0)
    assert isinstance(total, Tensor) and total.shape == () and total.dtype == np.float32
    assert float(total) == pytest.approx(10.0, rel=1e-6)  # sqrt(4 * 9 + 4 * 16)
    np.testing.assert_allclose(params[0].grad.data, 0.6, rtol=1e-6)
    np.testing.assert_allclose(params[1].grad.data, 0.8, rtol=1e-6)


def test_a_small_gradient_is_left_bit_for_bit():
    g = np.random.default_rng(0).standard_normal((3, 4)).astype("f4")
    (p,) = with_gradients(g)
    clip_grad_norm([p], 100.0)
    np.testing.assert_array_equal(p.grad.data, g)


def test_the_infinity_norm_is_the_largest_entry():
    params = with_gradients(np.array([1.0, -8.0]), np.array([[4.0]]))
    assert float(clip_grad_norm(params, 2.0, norm=math.inf)) == 8.0
    np.testing.assert_allclose(params[1].grad.data, [[1.0]], rtol=1e-6)


def test_without_gradients_the_norm_is_zero():
    x = tensor(np.ones(3), requires_grad=True)
    assert float(clip_grad_norm(x, 1.0)) == 0.0


def test_nan_is_not_hidden():
    (p,) = with_gradients(np.array([math.nan, 1.0], "f4"))
    assert math.isnan(float(clip_grad_norm([p], 1.0)))
    assert np.isnan(p.grad.data).all()


def test_values_are_clipped_entry_by_entry():
    params = with_gradients(np.array([-3.0, 0.5, 2.0]))
    clip_grad_value(params, 1.0)
    np.testing.assert_array_equal(params[0].grad.data, [-1.0, 0.5, 1.0])


def test_impossible_bounds_are_refused():
    (p,) = with_gradients(np.ones(2))
    with pytest.raises(ValueError, match="max_norm should be > 0"):
        clip_grad_norm([p], 0.0)
    with pytest.raises(ValueError, match=r"norm=1.0.* 2.0 or math.inf"):
        clip_grad_norm([p], 1.0, norm=1.0)
    with pytest.raises(ValueError, match="value should be > 0"):
        clip_grad_value([p], -1.0)


@pytest.mark.parametrize(
    "dtype, size",
    [
        ("f2", 300.0),
        ("f2", 6e4),
        ("f4", 1e30),
        ("f4", 1e-30),
        ("f8", 1e200),
        ("f8", 1e-250),
    ],
)
def test_squares_beyond_the_dtype_do_not_count_as_infinite_or_zero(dtype, size):
    """|(3, 4, 0)| size = 5 size, though its square is no number of this dtype."""
    size = size / 5 if dtype == "f2" else size
    g = (np.array([3.0, 4.0, 0.0]) * size).astype(dtype)
    params = with_gradients(g.copy(), np.zeros(2, dtype))
    total = clip_grad_norm(params, max(size, 1.0))
    assert total.item() == pytest.approx(5 * size, rel=1e-3)  # float16 rounds by 2^-11
    assert total.dtype == (np.float32 if dtype == "f2" else dtype)
    want = np.array([0.6, 0.8, 0.0]) * size if size > 1 else g
    got = params[0].grad.numpy().astype("f8")
    np.testing.assert_allclose(got, want, rtol=1e-3 if dtype == "f2" else 1e-5)
    assert params[0].grad.dtype == dtype


def test_an_infinite_gradient_does_not_become_zero():
    """0.0 would hide it: the step would be taken, and nothing would train."""
    params = with_gradients(np.array([np.inf, 1.0], "f4"), np.ones(2, "f4"))
    assert float(clip_grad_norm(params, 1.0)) == np.inf
    assert all(np.isnan(p.grad.numpy()).all() for p in params)
