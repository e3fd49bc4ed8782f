"""Every check that one row of tests/ops/table.py implies."""

import sys
from pathlib import Path

import numpy as np
import pytest

from tinyft import grad, gradcheck, no_grad, tensor

sys.path.insert(0, str(Path(__file__).parent))
from table import TABLE


def rows_where(holds):
    rows = [row for row in TABLE if holds(row)]
    return pytest.mark.parametrize("row", rows, ids=lambda r: r.name.replace(" ", "_"))


every = rows_where(lambda row: True)


def tensors(arrays, requires_grad=True):
    return [tensor(a, requires_grad=requires_grad) for a in arrays]


def gradients(row, arrays):
    """y and the gradients for an upstream gradient of different entries."""
    xs = tensors(arrays)
    y = row.function(*xs)
    gy = np.cos(np.arange(y.size)).reshape(y.shape).astype(y.dtype)
    return y, grad([y], xs, [tensor(gy)])


def test_names_are_unique():
    names = [row.name for row in TABLE]
    assert sorted(names) == sorted(set(names))


@every
def test_forward_equals_numpy(row):
    arrays = row.arrays()
    y, want = row.function(*tensors(arrays, False)), row.reference(*arrays)
    assert y.shape == np.shape(want) and y.dtype == np.float64
    # float64: the same few roundings in another order
    np.testing.assert_allclose(y.numpy(), want, rtol=1e-13, atol=1e-14)
    assert not y.requires_grad


@every
def test_float32_in_float32_out(row):
    arrays = row.arrays("float32")
    y, gxs = gradients(row, arrays)
    assert y.dtype == np.float32 and {g.dtype for g in gxs} == {np.dtype("float32")}
    want = row.reference(*[a.astype(np.float64) for a in arrays])
    np.testing.assert_allclose(y.numpy(), want, rtol=row.rtol32, atol=row.rtol32)


@rows_where(lambda row: row.half)
def test_float16_stays_float16(row):
    y, gxs = gradients(row, row.arrays("float16"))
    assert y.dtype == np.float16 and {g.dtype for g in gxs} == {np.dtype("float16")}


@every
def test_gradient(row):
    xs = tensors(row.arrays())
    gradcheck(row.function, *xs, full=sum(x.size for x in xs) < 30)
    if row.complex_step:
        gradcheck(row.function, *xs, method="complex")


@rows_where(lambda row: row.second)
def test_second_order(row):
    gradcheck(row.function, *tensors(row.arrays()), order=2)


@every
def test_gradients_have_the_inputs_shape_and_memory_of_their_own(row):
    xs = tensors(row.arrays())
    row.function(*xs).sum().backward()
    for x in xs:
        assert x.grad.shape == x.shape and x.grad.numpy().base is None


@every
def test_fan_out_doubles_the_gradient(row):
    arrays = row.arrays()
    _, once = gradients(row, arrays)
    xs = tensors(arrays)
    y = row.function(*xs)
    gy = tensor(np.cos(np.arange(y.size)).reshape(y.shape))
    twice = grad([y + row.function(*xs)], xs, [gy])
    for a, b in zip(once, twice):
        np.testing.assert_allclose(b.numpy(), 2 * a.numpy(), rtol=1e-14)


@every
def test_memory_order_does_not_matter(row):
    arrays = row.arrays()
    strided = []
    for a in arrays:  # every second entry of a larger array, in Fortran order
        big = np.zeros([2 * n for n in a.shape] or 1, order="F")
        view = big[(slice(None, None, 2),) * a.ndim or ...].reshape(a.shape)
        view[...] = a
        strided.append(np.asarray(view))
    y, gxs = gradients(row, arrays)
    xs = [tensor(0.0) for _ in strided]
    for x, a in zip(xs, strided):  # tensor() would copy; .data keeps the strides
        x.data = a
        x.requires_grad_()
    y2 = row.function(*xs)
    gy = np.cos(np.arange(y.size)).reshape(y.shape)
    g2 = grad([y2], xs, [tensor(np.array(gy, order="F"))])
    np.testing.assert_allclose(y2.numpy(), y.numpy(), rtol=1e-14, atol=1e-15)
    for a, b in zip(gxs, g2):
        np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=1e-13, atol=1e-15)


@every
def test_constants_record_nothing_and_frozen_inputs_get_no_gradient(row):
    arrays = row.arrays()
    with no_grad():
        assert not row.function(*tensors(arrays)).requires_grad
    for i in range(len(arrays)):
        xs = tensors(arrays, False)
        xs[i].requires_grad_()
        y = row.function(*xs)
        y.backward(np.ones(y.shape))
        assert [x.grad is not None for x in xs] == [j == i for j in range(len(xs))]


@rows_where(lambda row: row.empty is not None)
def test_empty(row):
    arrays = row.arrays(shapes=[row.empty] * len(row.shapes))
    y, gxs = gradients(row, arrays)
    np.testing.assert_array_equal(y.numpy(), row.reference(*arrays))
    assert {g.shape for g in gxs} == {row.empty}


@rows_where(lambda row: row.scalar)
def test_scalar(row):
    arrays = row.arrays(shapes=[()] * len(row.shapes))
    y, gxs = gradients(row, arrays)
    np.testing.assert_allclose(
        y.numpy(), row.reference(*arrays), rtol=1e-13, atol=1e-15
    )
    assert {g.shape for g in gxs} == {()}
    assert type(y.numpy()) is np.ndarray  # never a NumPy scalar
    gradcheck(row.function, *tensors(arrays))


PAIRS = [((2, 3), (3,)), ((3,), (2, 3)), ((2, 3), ()), ((), (2, 3)), ((2, 1), (1, 3)),
         ((4, 1, 3), (2, 1)), ((1, 1), (2, 3)), ((0, 3), (1, 3)),
         ((1,), (0,))]  # fmt: skip


@rows_where(lambda row: row.broadcast)
@pytest.mark.parametrize("shapes", PAIRS, ids=str)
def test_broadcast(row, shapes):
    arrays = row.arrays(shapes=shapes)
    y, gxs = gradients(row, arrays)
    np.testing.assert_allclose(y.numpy(), row.reference(*arrays), rtol=1e-13)
    assert [g.shape for g in gxs] == list(shapes)
    gradcheck(row.function, *tensors(arrays), order=2)


@rows_where(lambda row: row.broadcast)
def test_python_scalars_do_not_change_the_dtype(row):
    for dtype in ("float16", "float32", "float64"):
        x = tensor(row.arrays(dtype)[0], requires_grad=True)
        for y in (row.function(x, 2), row.function(x, 2.5), row.function(2.5, x)):
            assert y.dtype == dtype
            assert grad([y.sum()], x).dtype == dtype
    ids = tensor(np.array([1, 2], "int64"))
    assert row.function(ids, 1.5).dtype == np.float32
    assert row.function(ids, tensor([1.5, 2.5])).dtype == np.float32
