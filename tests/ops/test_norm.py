"""Normalisations: closed forms, composed forms, many blocks, frozen weights, errors."""

import sys
from pathlib import Path

import numpy as np
import pytest

from tinyft import grad, no_grad, ops, tensor

sys.path.insert(0, str(Path(__file__).parent))
import twins


def draw(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


# (700, 300) spans two cache blocks: 210,000 entries in blocks of 131,072
@pytest.mark.parametrize("shape", [(5,), (2, 5), (2, 3, 4), (0, 3), (700, 300)])
@pytest.mark.parametrize("eps", [1e-5, 0.3])
def test_layer_norm_equals_its_composed_form(shape, eps):
    d = shape[-1]
    arrays = draw(*shape), 1 + draw(d), draw(d, seed=1)
    for n in (1, 2, 3):
        twins.compare(ops.layer_norm, ops.composed.layer_norm, *arrays[:n], eps=eps)


@pytest.mark.parametrize("shape", [(5,), (2, 5), (2, 3, 4), (0, 3), (700, 300)])
def test_rms_norm_equals_its_composed_form(shape):
    arrays = draw(*shape), 1 + draw(shape[-1])
    for n in (1, 2):
        twins.compare(ops.rms_norm, ops.composed.rms_norm, *arrays[:n])


@pytest.mark.parametrize(
    "shape", [(2, 6), (3, 6, 2), (2, 6, 3, 5), (40, 6, 30, 40), (0, 6, 2)]
)
@pytest.mark.parametrize("groups", [1, 2, 6])
def test_group_norm_equals_its_composed_form(shape, groups):
    arrays = draw(*shape), 1 + draw(6), draw(6, seed=1)
    if 0 in shape:
        assert ops.group_norm(tensor(arrays[0]), groups).shape == shape
        return
    for n in (1, 2, 3):
        twins.compare(
            lambda x, *wb: ops.group_norm(x, groups, *wb),
            lambda x, *wb: ops.composed.group_norm(x, groups, *wb),
            *arrays[:n],
            # gw sums 40 x 1200 products: their rounding, not that of one
            rtol=1e-11,
        )


def test_layer_norm_closed_form():
    """Exact for every eps, and the gradient of each row sums to 0."""
    x, w, G, eps = draw(3, 5), 1 + draw(5), draw(3, 5, seed=1), 0.01
    s = np.sqrt(x.var(axis=1, keepdims=True) + eps)
    xh, h = (x - x.mean(axis=1, keepdims=True)) / s, w * G
    want = (h - h.mean(1, keepdims=True) - xh * (h * xh).mean(1, keepdims=True)) / s
    X, W = tensor(x, requires_grad=True), tensor(w, requires_grad=True)
    gx, gw = grad([ops.layer_norm(X, W, eps=eps)], [X, W], [tensor(G)])
    np.testing.assert_allclose(gx.numpy(), want, atol=1e-14)
    np.testing.assert_allclose(gx.numpy().sum(axis=1), 0, atol=1e-14)
    np.testing.assert_allclose(gw.numpy(), (G * xh).sum(axis=0), atol=1e-14)


def test_a_large_mean_costs_no_precision():
    """Subtracting first leaves only the rounding of x itself: 1e4 eps = 1e-3, s = 1."""
    x = draw(4, 64)
    y = ops.layer_norm(tensor((x + 1e4).astype("float32"))).numpy()
    np.testing.assert_allclose(y, ops.layer_norm(tensor(x)).numpy(), atol=3e-3)


def test_constant_rows_give_the_bias():
    b = draw(4)
    y = ops.layer_norm(tensor(np.full((2, 4), 7.0)), bias=tensor(b))
    np.testing.assert_allclose(y.numpy(), [b, b])


@pytest.mark.parametrize(
    "needs", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (0, 1, 1)]
)
def test_each_gradient_alone_is_the_same(needs):
    arrays = draw(6, 4), 1 + draw(4), draw(4, seed=1)
    for fn in (ops.layer_norm, lambda x, w, b: ops.group_norm(x, 2, w, b)):
        xs = [tensor(a, requires_grad=True) for a in arrays]
        everything = grad([(fn(*xs) ** 2).sum()], xs)
        xs = [tensor(a, requires_grad=bool(n)) for a, n in zip(arrays, needs)]
        wanted = [x for x in xs if x.requires_grad]
        some = iter(grad([(fn(*xs) ** 2).sum()], wanted))
        for n, g in zip(needs, everything):
            if n:
                np.testing.assert_allclose(next(some).numpy(), g.numpy(), rtol=1e-13)


def test_without_gradients_nothing_is_kept():
    with no_grad():
        assert ops.layer_norm(tensor(draw(2, 3), requires_grad=True))._node is None


def test_backward_twice_gives_the_same():
    x = tensor(draw(3, 4), requires_grad=True)
    for fn in (ops.layer_norm, ops.rms_norm, lambda x: ops.group_norm(x, 2)):
        y = (fn(x) ** 3).sum()
        first = grad([y], x, retain_graph=True).numpy().copy()
        np.testing.assert_array_equal(grad([y], x).numpy(), first)


@pytest.mark.parametrize("dtypes", [("f4", "f8"), ("f8", "f4")])
def test_gradients_have_the_dtype_of_their_values(dtypes):
    x, w = (
        tensor(draw(*s).astype(t), requires_grad=True)
        for s, t in zip(((2, 3), (3,)), dtypes)
    )
    for fn in (ops.layer_norm, ops.rms_norm, lambda x, w: ops.group_norm(x, 3, w)):
        y = fn(x, w)
        assert y.dtype == x.dtype
        assert [g.dtype for g in grad([y.sum()], [x, w])] == [x.dtype, w.dtype]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda x: ops.layer_norm(x, tensor([1.0, 2.0])),
            r"weight has shape \(2,\), x \(4, 6\)",
        ),
        (
            lambda x: ops.layer_norm(x, None, tensor([1.0])),
            r"layer_norm: bias has shape",
        ),
        (lambda x: ops.rms_norm(x, tensor([1.0])), "rms_norm: weight has shape"),
        (lambda x: ops.group_norm(x, 4), "groups is 4"),
        (lambda x: ops.group_norm(x, 0), "groups is 0"),
        (lambda x: ops.group_norm(x[0], 2), r"x has shape \(6,\)"),
        (lambda x: ops.group_norm(x, 2, tensor([1.0])), "group_norm: weight has shape"),
        (lambda x: ops.layer_norm(x.sum()), "0-d"),
    ],
)
def test_errors(call, words):
    with pytest.raises(ValueError, match=words):
        call(tensor(np.ones((4, 6))))


def test_second_order_is_refused():
    x = tensor(draw(2, 3), requires_grad=True)
    with pytest.raises(RuntimeError, match="LayerNorm has no second derivative"):
        grad([ops.layer_norm(x).sum()], x, create_graph=True)


@pytest.mark.parametrize("shape", [(3, 0), (0, 4), (0, 0)])
def test_layer_norm_of_nothing(shape):
    x = tensor(np.zeros(shape), requires_grad=True)
    w = tensor(np.ones(shape[1:]), requires_grad=True)
    y = ops.layer_norm(x, w, w)
    y.sum().backward()
    assert y.shape == x.grad.shape == shape
    np.testing.assert_array_equal(w.grad.numpy(), np.zeros(shape[1:]))


@pytest.mark.parametrize("tiny", [0.0, 1e-40, 1e-20])
@pytest.mark.parametrize("norm", [ops.layer_norm, ops.rms_norm])
def test_a_row_that_leaves_the_range_changes_no_other_row(norm, tiny):
    """Squares of 1e25 overflow float32; the small row's 1/s stays 1/sqrt(eps)."""
    rows = np.stack([draw(8), tiny * draw(8, seed=1), 1e25 * draw(8, seed=2)])
    gy = draw(3, 8, seed=3).astype("f4")

    def outcome(x):
        x = tensor(x.astype("f4"), requires_grad=True)
        y = norm(x)
        return y.numpy(), grad([y], [x], [tensor(gy[: len(x)])])[0].numpy()

    for one, other in zip(outcome(rows), outcome(rows[:2])):
        np.testing.assert_allclose(one[:2], other, rtol=2e-6, atol=1e-30)
