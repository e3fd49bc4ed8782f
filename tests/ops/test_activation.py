"""Activations: far from zero, at kinks, on rows of -inf, and against ops.composed."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

from tinyft import grad, no_grad, ops, tensor

sys.path.insert(0, str(Path(__file__).parent))
import twins

FAR = [-1e4, -100.0, -30.0, 0.0, 30.0, 100.0, 1e4]


def values_and_slopes(fn, xs, dtype="float64"):
    x = tensor(np.array(xs, dtype), requires_grad=True)
    y = fn(x)
    gx = grad([y], x, [tensor(np.ones(len(xs), dtype))])
    assert y.dtype == gx.dtype == dtype
    return y.numpy(), gx.numpy()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("fn", "value", "slope"),
    [
        (ops.relu, lambda x: max(x, 0), lambda x: float(x > 0)),
        (ops.leaky_relu, lambda x: max(x, 0.01 * x), lambda x: 1.0 if x > 0 else 0.01),
        (ops.elu, lambda x: max(x, 0) + math.expm1(min(x, 0)),
         lambda x: math.exp(min(x, 0))),
        (ops.silu, lambda x: x if x > 0 else 0.0, lambda x: float(np.sign(x) + 1) / 2),
        (ops.softplus, lambda x: max(x, 0) + math.log1p(math.exp(-abs(x))),
         lambda x: float(np.sign(x) + 1) / 2),
        (ops.logsigmoid, lambda x: min(x, 0) - math.log1p(math.exp(-abs(x))),
         lambda x: float(1 - np.sign(x)) / 2),
        (ops.gelu, lambda x: max(x, 0), lambda x: float(np.sign(x) + 1) / 2),
        (lambda x: ops.gelu(x, "tanh"), lambda x: max(x, 0),
         lambda x: float(np.sign(x) + 1) / 2),
    ],
)  # fmt: skip
def test_far_from_zero_nothing_overflows(fn, value, slope, dtype):
    """The limits: beyond |x| = 30 each is a straight line to 30 e^-30 = 3e-12."""
    y, gx = values_and_slopes(fn, FAR, dtype)
    tolerance = {"float32": 1e-6, "float64": 1e-11}[dtype]
    np.testing.assert_allclose(
        y, [value(x) for x in FAR], rtol=tolerance, atol=tolerance
    )
    np.testing.assert_allclose(
        gx, [slope(x) for x in FAR], rtol=tolerance, atol=tolerance
    )


def test_relu_passes_nan_and_has_slope_zero_at_zero():
    _, gx = values_and_slopes(ops.relu, [0.0, -0.0, 1.0])
    assert gx.tolist() == [0, 0, 1]
    assert np.isnan(ops.relu(tensor([math.nan])).numpy()).all()


@pytest.mark.parametrize("slope", [0.0, 0.3, 1.0, 2.0, -0.5])
def test_leaky_relu_takes_any_slope(slope):
    y, gx = values_and_slopes(lambda x: ops.leaky_relu(x, slope), [-2.0, 3.0])
    np.testing.assert_allclose(y, [-2 * slope, 3])
    np.testing.assert_allclose(gx, [slope, 1])


@pytest.mark.parametrize("approximate", ["none", "tanh"])
@pytest.mark.parametrize("shape", [(2, 3), (), (0,), (300, 500)])
def test_gelu_equals_its_composed_form(approximate, shape):
    x = np.random.default_rng(0).standard_normal(shape) * 3
    twins.compare(ops.gelu, ops.composed.gelu, x, approximate=approximate)


def test_the_two_gelus_differ_where_they_should():
    x = tensor([2.7], dtype="float64")
    apart = abs(ops.gelu(x).item() - ops.gelu(x, "tanh").item())
    assert 3e-4 < apart < 4.8e-4  # the largest distance is 4.73e-4


def test_gelu_keeps_one_array_and_none_without_gradients():
    x = tensor(np.ones((64, 64), "float32"), requires_grad=True)
    y = ops.gelu(x)
    assert y._node.saved_here == () and y._node.slope.nbytes == x.nbytes
    with no_grad():
        assert ops.gelu(x)._node is None


def test_gelu_walked_twice_keeps_its_slope():
    """The last walk writes over the slope, an earlier one does not."""
    x, u = tensor([-1.0, 0.5, 2.0], requires_grad=True), tensor([1.0, 2.0, 3.0])
    y = ops.gelu(x)
    slope = y._node.slope
    kept = slope.copy()
    once = grad([y], x, [u], retain_graph=True)
    assert (slope == kept).all()
    last = grad([y], x, [u])
    assert last.numpy() is slope or np.shares_memory(last.numpy(), slope)
    np.testing.assert_array_equal(once.numpy(), last.numpy())
    assert (u.numpy() == [1, 2, 3]).all()


def test_gelu_in_float32_to_half_a_millionth():
    """Errors of y and its slope from float64's math.erfc; float32 rounds to 6e-8 · |y|."""
    x = np.linspace(-12, 12, 30001).astype("f4")
    phi = np.array([math.erfc(-v / math.sqrt(2)) / 2 for v in x.astype("f8")])
    density = np.exp(-(x.astype("f8") ** 2) / 2) / math.sqrt(2 * math.pi)
    y, slope = values_and_slopes(ops.gelu, x, "float32")
    assert abs(y - x * phi).max() < 6e-7 and abs(slope - phi - x * density).max() < 3e-7
    small = abs(x) < 0.5
    assert (abs(y - x * phi) <= 8e-7 * abs(x * phi))[small].all()
    quiet = tensor(x)
    assert (ops.gelu(quiet).numpy() == y).all()  # without a slope, the same


def test_gelu_has_no_second_derivative_and_says_so():
    x = tensor([1.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="GELU has no second derivative"):
        grad([ops.gelu(x).sum()], x, create_graph=True)


def test_gelu_name():
    with pytest.raises(ValueError, match="approximate is 'none' or 'tanh', got 'fast'"):
        ops.gelu(tensor([1.0]), "fast")


SOFTMAXES = [
    (ops.softmax, ops.composed.softmax),
    (ops.log_softmax, ops.composed.log_softmax),
]
FROM_INTEGERS = [
    ops.softmax,
    ops.log_softmax,
    ops.silu,
    ops.softplus,
    ops.elu,
    ops.gelu,
]


@pytest.mark.parametrize(("fused", "composed"), SOFTMAXES)
@pytest.mark.parametrize("shape", [(5,), (2, 5), (2, 3, 4), (0, 3), (700, 300)])
def test_softmax_equals_its_composed_form(fused, composed, shape):
    twins.compare(fused, composed, np.random.default_rng(1).standard_normal(shape))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shift", [0.0, 1e4, -1e4])
def test_softmax_does_not_see_a_shift(shift, dtype):
    logits = np.array([[0.0, 1.0, -2.0]], dtype)
    p = ops.softmax(tensor(logits + dtype_of(dtype, shift))).numpy()
    # x + 1e4 itself is rounded to 1e4 eps
    np.testing.assert_allclose(p, ops.softmax(tensor(logits)).numpy(),
                               rtol=2e4 * np.finfo(dtype).eps)  # fmt: skip
    log_p = ops.log_softmax(tensor(logits + dtype_of(dtype, shift))).numpy()
    np.testing.assert_allclose(np.exp(log_p), p, rtol=1e-5)


def dtype_of(dtype, number):
    return np.dtype(dtype).type(number)


def test_a_row_of_minus_infinity_gives_zeros_and_no_gradient():
    x = tensor([[-math.inf, -math.inf], [0.0, -math.inf]], requires_grad=True)
    p = ops.softmax(x)
    assert p.tolist() == [[0, 0], [1, 0]]
    assert grad([(p * p).sum()], x).tolist() == [[0, 0], [0, 0]]
    assert ops.log_softmax(x).tolist()[1] == [0, -math.inf]


def test_softmax_jacobian_is_diag_p_minus_p_p():
    x = tensor(np.array([0.3, -1.0, 0.7]), requires_grad=True)
    p = ops.softmax(x)
    J = [grad([p], x, [tensor(u)], retain_graph=True).numpy() for u in np.eye(3)]
    want = np.diag(p.numpy()) - np.outer(p.numpy(), p.numpy())
    np.testing.assert_allclose(J, want, atol=1e-15)


@pytest.mark.parametrize("fn", FROM_INTEGERS)
def test_integers_become_float32(fn):
    assert fn(tensor(np.array([1, 2, 3]))).dtype == np.float32


@pytest.mark.parametrize("fn", [ops.softmax, ops.log_softmax])
def test_softmax_of_nothing_is_nothing_and_a_scalar_has_no_axis_1(fn):
    x = tensor(np.ones((3, 0)), requires_grad=True)
    y = fn(x)
    y.sum().backward()
    assert y.shape == x.grad.shape == (3, 0)
    assert fn(np.ones((0, 3))).shape == (0, 3)
    with pytest.raises(ValueError, match=r"axis 1 .*shape \(\): it has no axes"):
        fn(tensor(1.0), 1)
