"""Dropout: what it draws, what it keeps, and its gradient."""

import numpy as np
import pytest

from tinyft import gradcheck, ops, tensor


def rng():
    return np.random.default_rng(5)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_is_a_scaled_mask_drawn_from_the_generator(p):
    x = np.random.default_rng(0).standard_normal((20, 30)).astype("float32")
    keep = rng().random((20, 30), dtype="float32") < 1 - p
    X = tensor(x, requires_grad=True)
    y = ops.dropout(X, p, rng(), training=True)
    assert y.dtype == np.float32
    # one rounding of 1/(1 - p), one of the product
    np.testing.assert_allclose(y.numpy(), x * keep / (1 - p), rtol=3e-7)
    y.sum().backward()
    assert X.grad.dtype == np.float32
    np.testing.assert_allclose(X.grad.numpy(), keep / (1 - p), rtol=3e-7)


def test_the_mean_is_kept():
    """Mean of n = 1e6 draws of m/(1-p): 5 deviations of sqrt(p/(1-p)/n) = 6.55e-4."""
    y = ops.dropout(tensor(np.ones(1_000_000, "float32")), 0.3, rng(), True).numpy()
    assert abs(y.mean(dtype="float64") - 1) < 5 * 6.6e-4
    assert abs((y == 0).mean() - 0.3) < 5 * 4.6e-4  # sqrt(0.3 x 0.7 / n)


def test_evaluation_and_zero_are_the_identity():
    x, before = tensor([1.0, 2.0]), rng()
    assert ops.dropout(x, 0.5, None, training=False) is x
    assert ops.dropout(x, 0.0, before, training=True) is x
    assert before.random() == rng().random()  # nothing was drawn
    assert ops.dropout(np.ones(2), 0.5, None, training=False).tolist() == [1, 1]


def test_p_one_drops_everything():
    x = tensor([1.0, 2.0], requires_grad=True)
    y = ops.dropout(x, 1.0, rng(), True)
    y.sum().backward()
    assert y.tolist() == x.grad.tolist() == [0, 0]


def test_gradient_to_second_order_and_memory():
    x = tensor(np.random.default_rng(1).standard_normal((4, 5)), requires_grad=True)
    gradcheck(lambda x: ops.dropout(x, 0.4, rng(), True) ** 3, x, order=2)
    assert ops.dropout(x, 0.4, rng(), True)._node.keep.nbytes == x.size  # one byte each


@pytest.mark.parametrize("shape", [(), (0, 3)])
def test_shapes(shape):
    assert ops.dropout(tensor(np.ones(shape)), 0.5, rng(), True).shape == shape


@pytest.mark.parametrize("p", [-0.1, 1.5, float("nan")])
def test_bad_probability(p):
    with pytest.raises(ValueError, match="0 <= p <= 1"):
        ops.dropout(tensor([1.0]), p, rng(), True)


def test_missing_generator():
    with pytest.raises(ValueError, match="needs a generator, got NoneType"):
        ops.dropout(tensor([1.0]), 0.5, None, True)
