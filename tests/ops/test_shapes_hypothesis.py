"""Any two shapes that broadcast give NumPy's value and gradients of their own shape.

The gradient of sum(x op y) has a closed form: the sum of the partial derivative over
the axes that broadcasting added.
"""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import (
    basic_indices,
    broadcastable_shapes,
    mutually_broadcastable_shapes,
)

from tinyft import grad, ops, tensor

quick = settings(max_examples=60, deadline=None, derandomize=True)
shapes_of_two = mutually_broadcastable_shapes(
    num_shapes=2, min_dims=0, max_dims=4, min_side=0, max_side=4
)


def draw(shape, seed):
    return np.random.default_rng(seed).uniform(0.5, 2.0, shape)


def summed_to(full, shape):
    """Sum `full` over the axes that were added or expanded from `shape`."""
    extra = full.ndim - len(shape)
    full = full.sum(axis=tuple(range(extra)))
    wide = tuple(i for i, n in enumerate(shape) if n == 1 and full.shape[i] != 1)
    return full.sum(axis=wide, keepdims=True)


PARTIALS = {  # d/dx and d/dy
    "add": (lambda x, y: 1.0, lambda x, y: 1.0),
    "sub": (lambda x, y: 1.0, lambda x, y: -1.0),
    "mul": (lambda x, y: y, lambda x, y: x),
    "div": (lambda x, y: 1 / y, lambda x, y: -x / y**2),
    "pow": (lambda x, y: y * x ** (y - 1), lambda x, y: x**y * np.log(x)),
}


@quick
@given(shapes_of_two, st.sampled_from(sorted(PARTIALS)))
def test_broadcast(two, name):
    a, b = draw(two.input_shapes[0], 0), draw(two.input_shapes[1], 1)
    x, y = tensor(a, requires_grad=True), tensor(b, requires_grad=True)
    z = getattr(ops, name)(x, y)
    assert z.shape == two.result_shape
    reference = {
        "sub": np.subtract,
        "div": np.divide,
        "mul": np.multiply,
        "pow": np.power,
    }
    np.testing.assert_allclose(z.numpy(), reference.get(name, np.add)(a, b), rtol=1e-14)
    for g, of, partial in zip(grad([z.sum()], [x, y]), (a, b), PARTIALS[name]):
        want = summed_to(np.broadcast_to(partial(a, b), z.shape), of.shape)
        np.testing.assert_allclose(g.numpy(), want, rtol=1e-12, atol=1e-12)


@quick
@given(st.data())
def test_broadcast_to_gives_back_how_often_each_entry_was_used(data):
    shape = data.draw(st.lists(st.integers(1, 4), max_size=3).map(tuple))
    wide = data.draw(broadcastable_shapes(shape, max_dims=4, max_side=4))
    target = np.broadcast_shapes(shape, wide)
    x = tensor(draw(shape, 0), requires_grad=True)
    g = grad([ops.broadcast_to(x, target).sum()], x)
    np.testing.assert_array_equal(
        g.numpy(), np.full(shape, np.prod(target) / np.prod(shape))
    )


@quick
@given(st.data())
def test_reductions_over_any_axes(data):
    shape = data.draw(st.lists(st.integers(1, 4), max_size=4).map(tuple))
    chosen = data.draw(
        st.sets(st.integers(0, len(shape) - 1)) if shape else st.just(set())
    )
    signs = data.draw(
        st.lists(st.booleans(), min_size=len(chosen), max_size=len(chosen))
    )
    axis = tuple(a - len(shape) if s else a for a, s in zip(sorted(chosen), signs))
    keep = data.draw(st.booleans())
    a = draw(shape, 0)
    x = tensor(a, requires_grad=True)
    for name in ("sum", "mean", "max", "min", "prod", "var"):
        y = getattr(ops, name)(x, axis=axis, keepdims=keep)
        want = getattr(np, name)(a, axis=axis, keepdims=keep)
        assert y.shape == want.shape
        np.testing.assert_allclose(y.numpy(), want, rtol=1e-12, atol=1e-14)
        assert grad([y.sum()], x).shape == shape


@quick
@given(st.data())
def test_indexing_counts_what_was_taken(data):
    shape = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple))
    key = data.draw(basic_indices(shape, allow_newaxis=True))
    a = draw(shape, 0)
    x = tensor(a, requires_grad=True)
    y = x[key]
    np.testing.assert_array_equal(y.numpy(), a[key])
    want = np.zeros(shape)
    want[key] = 1.0
    np.testing.assert_array_equal(grad([y.sum()], x).numpy(), want)


@quick
@given(st.data())
def test_matmul_with_batch_axes(data):
    batch = data.draw(
        mutually_broadcastable_shapes(num_shapes=2, max_dims=2, min_side=1, max_side=3)
    )
    m, k, n = (data.draw(st.integers(0, 4)) for _ in range(3))
    a, b = (
        draw((*batch.input_shapes[0], m, k), 0),
        draw((*batch.input_shapes[1], k, n), 1),
    )
    x, w = tensor(a, requires_grad=True), tensor(b, requires_grad=True)
    y = x @ w
    np.testing.assert_allclose(y.numpy(), a @ b, rtol=1e-12, atol=1e-12)
    ones = np.ones(y.shape)
    gx, gw = grad([y.sum()], [x, w])
    np.testing.assert_allclose(
        gx.numpy(), summed_to(ones @ b.swapaxes(-1, -2), a.shape), rtol=1e-12
    )
    np.testing.assert_allclose(
        gw.numpy(), summed_to(a.swapaxes(-1, -2) @ ones, b.shape), rtol=1e-12
    )
