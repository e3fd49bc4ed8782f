"""Pooling against loops over the definition, gradcheck, and the memory order.

float64 means of at most 9 numbers: 1e-14 of entries of size 3 is some roundings.
"""

import numpy as np
import pytest

from tinyft import Tensor, gradcheck, ops, tensor

RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 3, 7, 6))
WINDOWS = [(2, None, 0), (3, 1, 1), (3, 2, 1), ((2, 3), (1, 2), (1, 0)), ((7, 6), 1, 0)]


def windows(x, size, stride, padding):
    """Yield (h, w, the pixels that window sees), by the definition."""
    (kh, kw), (p, q) = ops.blocked.window.pair(size), ops.blocked.window.pair(padding)
    sh, sw = ops.blocked.window.pair(size if stride is None else stride)
    for h in range((x.shape[2] + 2 * p - kh) // sh + 1):
        for w in range((x.shape[3] + 2 * q - kw) // sw + 1):
            top, left = h * sh - p, w * sw - q
            rows = slice(max(0, top), top + kh)
            yield h, w, x[:, :, rows, max(0, left) : left + kw]


@pytest.mark.parametrize("size, stride, padding", WINDOWS)
def test_max_pool(size, stride, padding):
    y = ops.max_pool2d(X, size, stride, padding).numpy()
    seen = list(windows(X, size, stride, padding))
    assert y.shape == (2, 3, seen[-1][0] + 1, seen[-1][1] + 1)
    for h, w, pixels in seen:
        np.testing.assert_array_equal(y[:, :, h, w], pixels.max(axis=(2, 3)))
    # entries differ by more than 1e-5, the step of the difference quotient
    assert np.diff(np.sort(X.ravel())).min() > 1e-5
    assert gradcheck(
        lambda x: ops.max_pool2d(x, size, stride, padding),
        Tensor(X, requires_grad=True),
    )


@pytest.mark.parametrize("size, stride, padding", WINDOWS)
@pytest.mark.parametrize("padded", [True, False])
def test_avg_pool(size, stride, padding, padded):
    y = ops.avg_pool2d(X, size, stride, padding, count_include_pad=padded).numpy()
    kh, kw = ops.blocked.window.pair(size)
    for h, w, pixels in windows(X, size, stride, padding):
        count = kh * kw if padded else pixels[0, 0].size
        want = pixels.sum(axis=(2, 3)) / count
        np.testing.assert_allclose(y[:, :, h, w], want, rtol=0, atol=1e-14)
    assert gradcheck(
        lambda x: ops.avg_pool2d(x * x, size, stride, padding, padded),
        Tensor(X, requires_grad=True),
        order=2,
    )


@pytest.mark.parametrize("size", [1, (3, 2), (4, 5), (7, 6), (9, 4), (None, 1)])
def test_adaptive_avg_pool(size):
    y = ops.adaptive_avg_pool2d(X, size).numpy()
    Ho, Wo = (
        n if k is None else k for k, n in zip(ops.blocked.window.pair(size), (7, 6))
    )
    assert y.shape == (2, 3, Ho, Wo)
    for h, w in np.ndindex(Ho, Wo):
        rows = slice(int(np.floor(h * 7 / Ho)), int(np.ceil((h + 1) * 7 / Ho)))
        cols = slice(int(np.floor(w * 6 / Wo)), int(np.ceil((w + 1) * 6 / Wo)))
        want = X[:, :, rows, cols].mean(axis=(2, 3))
        np.testing.assert_allclose(y[:, :, h, w], want, rtol=0, atol=1e-14)
    assert gradcheck(
        lambda x: ops.adaptive_avg_pool2d(x * x, size),
        Tensor(X, requires_grad=True),
        order=2,
    )


def test_ties_go_to_the_first_and_nan_wins():
    x = tensor(np.ones((1, 1, 2, 4)), requires_grad=True)
    ops.max_pool2d(x, 2).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy()[0, 0], [[1, 0, 1, 0], [0, 0, 0, 0]])
    with_nan = np.array([[[[1.0, np.nan], [3.0, 2.0]]]])
    assert np.isnan(ops.max_pool2d(with_nan, 2).item())


def test_padding_never_wins():
    y = ops.max_pool2d(np.full((1, 1, 2, 2), -5.0), 2, 1, 1).numpy()
    np.testing.assert_array_equal(y, np.full((1, 1, 3, 3), -5.0))


POOLS = [
    lambda x: ops.max_pool2d(x, 3, 2, 1),
    lambda x: ops.avg_pool2d(x, 3, 2, 1),
    lambda x: ops.adaptive_avg_pool2d(x, (2, 3)),
    lambda x: ops.adaptive_avg_pool2d(x, 1),
]


@pytest.mark.parametrize("pool", POOLS)
def test_memory_order_dtype_and_empty_batch(pool):
    x = X.astype("f4")
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    gradients = []
    for a in (x, last, x[:0]):
        leaf = Tensor._of(a, None).requires_grad_()
        y = pool(leaf)
        y.backward(np.ones(y.shape, "f4"))
        assert y.dtype == leaf.grad.dtype == np.dtype("f4")
        assert y._data.transpose(0, 2, 3, 1).flags.c_contiguous
        assert leaf.grad.shape == a.shape
        gradients.append((y.numpy(), leaf.grad.numpy()))
    for got, want in zip(gradients[1], gradients[0]):
        # the adaptive mean sums in another order: 7 roundings of 6e-8
        np.testing.assert_allclose(got, want, rtol=0, atol=5e-7)


def test_errors_are_sentences():
    with pytest.raises(ValueError, match="four axes"):
        ops.max_pool2d(X[0], 2)
    with pytest.raises(ValueError, match="more than half"):
        ops.avg_pool2d(X, 2, padding=2)
    with pytest.raises(ValueError, match="covers 8 pixels"):
        ops.max_pool2d(X, 8)
    with pytest.raises(ValueError, match="stride is 0"):
        ops.max_pool2d(X, 2, 0)
    with pytest.raises(ValueError, match="at least 1"):
        ops.adaptive_avg_pool2d(X, (0, 2))
    with pytest.raises(ValueError, match="at least one pixel"):
        ops.adaptive_avg_pool2d(X[:, :, :0], 1)
