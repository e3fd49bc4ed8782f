"""batch_norm against its composed form, gradcheck, and what the statistics must be.

float64: 1e-10 of the largest entry (sums of some thousand terms). float32: 2e-5,
a hundred roundings of 6e-8 with headroom, since gx subtracts two means.
"""

import numpy as np
import pytest

from tinyft import Tensor, gradcheck, ops
from tinyft.autograd import grad

SHAPES = [(7, 3), (2, 3, 5, 4), (4, 3, 5), (2, 3, 2, 4, 5), (13, 3, 31, 17)]


def draw(shape, dtype="f8", seed=0):
    rng = np.random.default_rng(seed)
    C = shape[1]
    x = 2 * rng.standard_normal(shape) + rng.standard_normal(C).reshape(
        -1, *[1] * len(shape[2:])
    )
    w, b, mean = rng.standard_normal((3, C))
    return [a.astype(dtype) for a in (x, w, b, mean, rng.uniform(0.5, 2, C))]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype, tol", [("f8", 1e-10), ("f4", 2e-5)])
def test_equals_its_composed_form(shape, training, dtype, tol):
    x, w, b, mean, var = draw(shape, dtype)
    X, W, B = (Tensor(a, requires_grad=True) for a in (x, w, b))
    stats = (None, None) if training else (mean, var)
    y = ops.batch_norm(X, mean.copy(), var.copy(), W, B, training, eps=1e-3)
    same = ops.composed.batch_norm(X, *stats, W, B, eps=1e-3)
    u = Tensor(draw(shape, dtype, seed=1)[0])
    pairs = zip((y, *grad(y, [X, W, B], [u])), (same, *grad(same, [X, W, B], [u])))
    for got, want in pairs:
        assert got.dtype == np.dtype(dtype)
        bound = tol * max(1, np.abs(want.numpy()).max())
        np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=0, atol=bound)


@pytest.mark.parametrize("shape", SHAPES[:4])
@pytest.mark.parametrize("training", [True, False])
def test_gradcheck(shape, training):
    x, w, b, mean, var = draw(shape)
    X, W, B = (Tensor(a, requires_grad=True) for a in (x, w, b))

    def norm(x, w=None, b=None):
        return ops.batch_norm(x, mean.copy(), var.copy(), w, b, training)

    assert gradcheck(norm, X, W, B)
    assert gradcheck(norm, X)
    assert gradcheck(lambda w: norm(x, w), W)
    assert gradcheck(lambda b: norm(x, w, b), B)


def test_running_statistics():
    """Momentum weights the new batch; the stored variance is the unbiased one."""
    x, _, _, mean, var = draw((5, 3, 4, 2))
    new_mean, new_var = mean.copy(), var.copy()
    ops.batch_norm(x, new_mean, new_var, training=True, momentum=0.3)
    want_mean = 0.7 * mean + 0.3 * x.mean(axis=(0, 2, 3))
    want_var = 0.7 * var + 0.3 * x.var(axis=(0, 2, 3), ddof=1)
    np.testing.assert_allclose(new_mean, want_mean, rtol=1e-13)
    np.testing.assert_allclose(new_var, want_var, rtol=1e-13)
    frozen = new_mean.copy()
    ops.batch_norm(x, new_mean, new_var)
    np.testing.assert_array_equal(new_mean, frozen)


def test_running_statistics_may_be_tensors():
    x, _, _, mean, var = draw((5, 3, 4, 2))
    tensors = Tensor(mean), Tensor(var)
    ops.batch_norm(x, *tensors, training=True)
    ops.batch_norm(x, mean, var, training=True)
    np.testing.assert_array_equal(tensors[0].numpy(), mean)
    np.testing.assert_array_equal(tensors[1].numpy(), var)


def test_without_running_statistics_the_batch_always_serves():
    x = draw((5, 3, 4, 2))[0]
    for training in (True, False):
        y = ops.batch_norm(x, None, None, training=training, eps=0.0).numpy()
        np.testing.assert_allclose(y.mean(axis=(0, 2, 3)), 0, atol=1e-14)
        np.testing.assert_allclose(y.var(axis=(0, 2, 3)), 1, rtol=1e-13)


@pytest.mark.parametrize("sorted_batch", [False, True])
def test_a_large_mean_costs_no_precision(sorted_batch):
    """float32 at 1e4 holds x to 5e-4; float64 of the same numbers decides."""
    rng = np.random.default_rng(0)
    x = (1e4 + rng.standard_normal((64, 3, 16, 32))).astype("f4")
    if sorted_batch:  # the worst case of the one-pass variance: blocks that differ
        x[:8] -= 1e4
    mean, var = np.zeros(3, "f4"), np.zeros(3, "f4")
    y = ops.batch_norm(x, mean, var, training=True, momentum=1.0).numpy()
    fine = x.astype("f8")
    want_mean, want_var = fine.mean(axis=(0, 2, 3)), fine.var(axis=(0, 2, 3), ddof=1)
    # half an ulp of 1e4 is 5e-4; sums of 1e3 float32 terms add a few roundings
    np.testing.assert_allclose(mean, want_mean, rtol=2e-7)
    np.testing.assert_allclose(var, want_var, rtol=1e-5)
    want = (fine - want_mean.reshape(-1, 1, 1)) / np.sqrt(
        fine.var(axis=(0, 2, 3), keepdims=True) + 1e-5
    )
    # y shifts by what rounding the mean and slope x costs: two half ulps of 1e4
    np.testing.assert_allclose(y, want, rtol=0, atol=2e-3)


def test_memory_order_is_kept_and_does_not_matter():
    x, w, b, *_ = draw((4, 3, 6, 5))
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    u = draw(x.shape, seed=1)[0]
    results = []
    for a in (x, last, np.repeat(x, 2, axis=3)[:, :, :, ::2]):
        leaf = Tensor._of(a, None).requires_grad_()
        y = ops.batch_norm(leaf, None, None, Tensor(w), Tensor(b))
        assert y._data.transpose(0, 2, 3, 1).flags.c_contiguous
        y.backward(u)
        results.append((y.numpy(), leaf.grad.numpy()))
    for other in results[1:]:
        np.testing.assert_array_equal(other[0], results[0][0])
        np.testing.assert_array_equal(other[1], results[0][1])


def test_only_what_is_needed_is_kept():
    x, w, b, mean, var = (Tensor(a) for a in draw((4, 3, 6, 5)))

    def keeps_x(leaf, training):
        leaf.requires_grad_()
        y = ops.batch_norm(x, mean, var, w, b, training)
        leaf.requires_grad_(False)
        return y._node.saved_here[0] is not None

    assert keeps_x(x, True) and keeps_x(w, True) and not keeps_x(b, True)
    assert not keeps_x(x, False) and keeps_x(w, False) and not keeps_x(b, False)


@pytest.mark.parametrize("training", [False, True])
def test_an_empty_batch_moves_no_statistic(training):
    *_, mean, var = draw((4, 3, 6, 5))
    before = mean.copy(), var.copy()
    x = Tensor(np.zeros((0, 3, 6, 5)), requires_grad=True)
    w = Tensor(np.ones(3), requires_grad=True)
    for stats in ((mean, var), (None, None)):
        y = ops.batch_norm(x, *stats, w, w, training)
        y.sum().backward()
        assert y.shape == x.grad.shape == (0, 3, 6, 5)
    np.testing.assert_array_equal(w.grad.numpy(), np.zeros(3))
    np.testing.assert_array_equal([mean, var], before)


def test_second_order_is_refused_with_a_sentence():
    x = Tensor(draw((4, 3))[0], requires_grad=True)
    y = ops.batch_norm(x, None, None)
    with pytest.raises(RuntimeError, match="BatchNorm has no second derivative"):
        grad(y.sum(), x, create_graph=True)


def test_errors_are_sentences():
    x, w, b, mean, var = draw((4, 3, 6, 5))
    with pytest.raises(ValueError, match="one value for each channel"):
        ops.batch_norm(x[:1, :, :1, :1], mean, var, training=True)
    with pytest.raises(ValueError, match="come together"):
        ops.batch_norm(x, mean, None)
    with pytest.raises(ValueError, match=r"expected \(3,\)"):
        ops.batch_norm(x, mean, var, w[:2], b)
    with pytest.raises(ValueError, match=r"expected \(N, C, ...\)"):
        ops.batch_norm(x[0, 0, 0], mean, var)
