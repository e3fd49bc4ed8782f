"""gradcheck must accept right derivatives and refuse wrong ones, and say where."""

import numpy as np
import pytest

from tinyft import Function, gradcheck, ops, tensor
from tinyft.autograd import GradcheckError


def leaf(shape, seed=0):
    values = np.random.default_rng(seed).standard_normal(shape)
    return tensor(values, requires_grad=True)


def product(backward):
    """x @ w for matrices with the backward that is given."""

    class Product(Function):
        @staticmethod
        def forward(ctx, x, w):
            ctx.save(x, w)
            return x @ w

    Product.backward = staticmethod(backward)
    return Product


def right(ctx, gy):
    x, w = ctx.saved
    return gy @ w.swapaxes(-1, -2), x.swapaxes(-1, -2) @ gy


def wrong_sign(ctx, gy):
    gx, gw = right(ctx, gy)
    return gx, -gw


def missing_factor(ctx, gy):
    gx, gw = right(ctx, gy)
    return gx * 0.5, gw


def transposed(ctx, gy):
    gx, gw = right(ctx, gy)
    return gx.swapaxes(-1, -2), gw


def slightly_off(ctx, gy):
    gx, gw = right(ctx, gy)
    return gx * (1 + 1e-4), gw


@pytest.mark.parametrize("method", ["central", "complex"])
@pytest.mark.parametrize("full", [False, True])
def test_right_is_accepted(method, full):
    assert gradcheck(
        product(right), leaf((3, 3)), leaf((3, 3), 1), method=method, full=full
    )


@pytest.mark.parametrize("method", ["central", "complex"])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(
    "backward, which",
    [(wrong_sign, 1), (missing_factor, 0), (transposed, 0), (slightly_off, 0)],
)
def test_wrong_is_refused_and_the_input_named(backward, which, method, full):
    with pytest.raises(GradcheckError, match=f"input {which}.*backward gives"):
        gradcheck(
            product(backward), leaf((3, 3)), leaf((3, 3), 1), method=method, full=full
        )


def test_full_names_the_entry():
    class OneWrong(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2.0

        @staticmethod
        def backward(ctx, gy):
            gx = gy * 2.0
            gx[1, 2] *= 3.0
            return gx

    with pytest.raises(GradcheckError, match=r"d output\[1, 2\] / d input 0\[1, 2\]"):
        gradcheck(OneWrong, leaf((2, 3)), full=True)


def test_complex_step_sees_what_central_differences_can_not():
    class NearlyExp(Function):  # 1e-8 too large: below the error of differences
        @staticmethod
        def forward(ctx, x):
            y = np.exp(x)
            ctx.save(y)
            return y

        @staticmethod
        def backward(ctx, gy):
            (y,) = ctx.saved
            return gy * y * (1 + 1e-8)

    assert gradcheck(NearlyExp, leaf((3,)))
    with pytest.raises(GradcheckError):
        gradcheck(NearlyExp, leaf((3,)), method="complex")


def test_order_two_finds_a_wrong_second_derivative():
    class Cube(Function):  # backward right, but a constant to second order
        @staticmethod
        def forward(ctx, x):
            ctx.slope = 3 * x * x
            return x * x * x

        @staticmethod
        def backward(ctx, gy):
            return gy * ctx.slope

    assert gradcheck(Cube, leaf((3,)))
    with pytest.raises(GradcheckError):
        gradcheck(Cube, leaf((3,)), order=2)
    assert gradcheck(lambda x: x * x * x, leaf((3,)), order=2)
    assert gradcheck(
        lambda x, w: ops.tanh(x @ w), leaf((2, 3)), leaf((3, 4)), order=2, full=True
    )


def test_a_constant_function_has_gradient_zero():
    assert gradcheck(lambda x: x.detach() * 0.0 + 1.0, leaf((3,)))
    with pytest.raises(GradcheckError):
        gradcheck(lambda x: x.detach() * 2.0, leaf((3,)))


def test_inputs_are_checked():
    x = leaf((2,))
    with pytest.raises(TypeError, match="float64 inputs, got float32"):
        gradcheck(ops.exp, tensor([1.0], requires_grad=True))
    with pytest.raises(ValueError, match="requires_grad"):
        gradcheck(ops.exp, tensor([1.0], dtype="float64"))
    with pytest.raises(ValueError, match="'central' or 'complex'"):
        gradcheck(ops.exp, x, method="forward")
    assert gradcheck(
        ops.mul, (x, tensor([2.0, 3.0]))
    )  # a tuple; constants pass unchecked


@pytest.mark.parametrize("wrong", [1.0, None, (tensor(1.0), tensor(2.0))])
def test_the_function_returns_one_tensor(wrong):
    for full in (False, True):
        with pytest.raises(TypeError, match=r"returned a \w+, expected one Tensor"):
            gradcheck(lambda x: wrong, leaf((2,)), full=full)


def test_fp_noise_does_not_fail_large_values():
    x = tensor(np.array([300.0, 20.0]), requires_grad=True)
    assert gradcheck(lambda x: x**4, x)  # slopes of 1e8: the bound is relative
