"""linear: against its composed form, what it keeps for backward, and its errors."""

import sys
from pathlib import Path

import numpy as np
import pytest

from tinyft import grad, gradcheck, ops, tensor

sys.path.insert(0, str(Path(__file__).parent))
import twins


def draw(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


@pytest.mark.parametrize("lead", [(), (2,), (2, 5), (1, 2, 3), (0,), (2, 0)])
@pytest.mark.parametrize("with_bias", [True, False])
def test_equals_its_composed_form(lead, with_bias):
    arrays = [draw(*lead, 3), draw(4, 3), draw(4)][: 2 + with_bias]
    if lead:
        twins.compare(ops.linear, ops.composed.linear, *arrays)
    else:  # its @ takes (3,) @ (3, 4) as well
        twins.compare(ops.linear, lambda x, W, b=0.0: x @ W.T + b, *arrays)


def test_square_weight_is_not_transposed():
    x, W = draw(2, 3), draw(3, 3)
    np.testing.assert_allclose(
        ops.linear(tensor(x), tensor(W)).numpy(), x @ W.T, rtol=1e-13
    )


def test_second_order():
    xs = [tensor(a, requires_grad=True) for a in (draw(2, 3), draw(4, 3), draw(4))]
    gradcheck(lambda x, W, b: ops.linear(x, W, b) ** 2, *xs, order=2)


def kept(y):
    return [None if v is None else v.shape for v in y._node.saved]


@pytest.mark.parametrize(
    ("needs", "want"),
    [((1, 1), [(2, 3), (4, 3)]), ((1, 0), [None, (4, 3)]), ((0, 1), [(2, 3), None])],
)
def test_keeps_only_what_the_wanted_gradients_need(needs, want):
    x, W = (
        tensor(a, requires_grad=bool(n))
        for a, n in zip((draw(2, 3), draw(4, 3)), needs)
    )
    assert kept(ops.linear(x, W)) == want


def test_only_the_bias_keeps_nothing():
    b = tensor(draw(4), requires_grad=True)
    y = ops.linear(tensor(draw(2, 3)), tensor(draw(4, 3)), b)
    assert kept(y) == [None, None]
    np.testing.assert_array_equal(grad([y.sum()], b).numpy(), np.full(4, 2.0))


@pytest.mark.parametrize(
    "dtypes", [("f4", "f4"), ("f4", "f8"), ("f8", "f4"), ("i8", "f4")]
)
def test_gradients_have_the_dtype_of_their_values(dtypes):
    x = tensor((10 * draw(2, 3)).astype(dtypes[0]), requires_grad=dtypes[0] != "i8")
    W, b = (
        tensor(draw(*s).astype(dtypes[1]), requires_grad=True) for s in ((4, 3), (4,))
    )
    y = ops.linear(x, W, b)
    assert y.dtype == ("f8" if "f8" in dtypes else "f4")
    y.sum().backward()
    assert [t.grad.dtype for t in (W, b)] == [W.dtype, b.dtype]
    assert x.grad is None or x.grad.dtype == x.dtype


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        (((2, 3), (3, 4)), r"x has shape \(2, 3\) and weight \(3, 4\)"),
        (((), (3, 4)), r"x \(\.\.\., in\)"),
        (((2, 3), (3,)), "expected"),
        (((2, 3), (4, 3), (3,)), r"bias has shape \(3,\), weight \(4, 3\)"),
    ],
)
def test_shapes_that_do_not_fit(shapes, words):
    with pytest.raises(ValueError, match=words):
        ops.linear(*(tensor(np.zeros(s)) for s in shapes))
