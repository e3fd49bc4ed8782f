"""Every refusal is a sentence that names the operation, what came and what to do."""

import numpy as np
import pytest

from tinyft import ops, tensor

A, B = np.ones((3, 4)), np.ones((5, 6))
X = tensor(A)

CASES = [
    # arithmetic that does not broadcast: both shapes, whichever operation
    (lambda: X + B, ValueError,
        r"add on \(3, 4\) and \(5, 6\): the shapes do not broadcast"),
    (lambda: B - X, ValueError, r"sub on \(5, 6\) and \(3, 4\)"),
    (lambda: X * B, ValueError, r"mul on \(3, 4\) and \(5, 6\)"),
    (lambda: X / B, ValueError, r"div on \(3, 4\) and \(5, 6\)"),
    (lambda: X**B, ValueError, r"pow on \(3, 4\) and \(5, 6\)"),
    (lambda: X < B, ValueError, r"less on \(3, 4\) and \(5, 6\): the shapes do not"),
    (lambda: ops.maximum(X, B), ValueError, r"maximum on \(3, 4\) and \(5, 6\)"),
    (lambda: ops.where(A > 0, X, B), ValueError,
        r"where on \(3, 4\) and \(3, 4\) and \(5, 6\)"),
    (lambda: ops.clip(X), ValueError, "clip: give at least one bound"),
    # arguments of another kind
    (lambda: ops.concatenate([X, None]), TypeError, "takes Tensors, arrays and numbers"),
    (lambda: ops.pad(X, 1.5), ValueError, r"pad: widths 1.5 do not fit shape \(3, 4\)"),
    (lambda: ops.repeat(X, [1, 2], 0), ValueError, r"repeat: count is a whole number"),
    (lambda: ops.repeat(X, -1, 0), ValueError, r"repeat: count .* got -1"),
    (lambda: ops.arange(0, 5, 0), ValueError, "arange from 0 to 5: step is 0"),
    (lambda: ops.exp("a"), TypeError, "needs numbers"),
    # matrix products
    (lambda: X @ B, ValueError,
     r"matmul: \(3, 4\) @ \(5, 6\): the last axis of the first, 4, must equal the "
     r"second-to-last axis of the second, 5"),
    (lambda: X @ np.ones(3), ValueError, r"matmul: \(3, 4\) @ \(3,\).*only axis"),
    (lambda: ops.matmul(2.0, X), ValueError,
        r"matmul: \(\) @ \(3, 4\).*use \* instead"),
    (lambda: np.ones((2, 3, 4)) @ tensor(np.ones((5, 4, 3))), ValueError,
     r"batch axes \(2,\) and \(5,\) do not broadcast"),
    (lambda: ops.solve(X, B), ValueError,
        r"solve: expected A \(..., n, n\) and b .* got \(3, 4\) and \(5, 6\)"),
    (lambda: ops.solve(np.eye(3), B), ValueError, r"got \(3, 3\) and \(5, 6\)"),
    (lambda: ops.solve(np.ones((2, 3, 3)), np.ones((4, 3, 1))), ValueError,
        r"solve: the batch axes \(2,\) and \(4,\) do not broadcast"),
    (lambda: ops.solve(np.zeros((3, 3)), np.ones(3)), ValueError,
        r"solve on \(3, 3\) and \(3, 1\): Singular matrix"),
    (lambda: ops.dot(X, X), ValueError, r"dot: expected two vectors, got \(3, 4\)"),
    (lambda: ops.einsum("ij,jk->ik", X), ValueError, "names 2 operands, 1 were given"),
    (lambda: ops.einsum("ij,jk->ik", X, B), ValueError,
     r"'j' in 'ij,jk->ik' is 4 in one operand and 5 in another.*\(3, 4\) and \(5, 6\)"),
    (lambda: ops.einsum("ii->i", X), ValueError,
     r"'i' in 'ii->i' names axes of sizes \[3, 4\] in one operand, of shape \(3, 4\)"),
    (lambda: ops.einsum("i1->i", X), ValueError, "an axis is named by a letter"),
    (lambda: ops.einsum("ijk->i", X), ValueError,
        "'ijk' in 'ijk->i' does not fit 2 axes"),
    (lambda: ops.einsum("ij->ik", X), ValueError, "has one that no operand has"),
    (lambda: ops.einsum("ij->ii", X), ValueError, "repeats a letter"),
    (lambda: ops.einsum("...i,...i->...", np.ones((2, 3)), np.ones((4, 3))), ValueError,
     "is 2 in one operand and 4 in another"),
    # axes: the operation, the axis, the shape, what is legal
    (lambda: ops.sum(X, 2), ValueError,
     r"sum: axis 2 does not exist in shape \(3, 4\): expected -2..1"),
    (lambda: ops.mean(X, (0, -3)), ValueError,
        r"mean: axis -3 does not exist in shape \(3, 4\)"),
    (lambda: ops.max(X, (0, 0)), ValueError,
        r"max: axis \(0, 0\) names an axis of \(3, 4\) twice"),
    (lambda: ops.sum(X, 0.5), TypeError, "sum: axis is an integer, got 0.5"),
    (lambda: ops.sum(1.0, 1), ValueError, r"sum: axis 1.*shape \(\): it has no axes"),
    (lambda: ops.cumsum(X, 5), ValueError,
        r"cumsum: axis 5 does not exist in shape \(3, 4\)"),
    (lambda: ops.argmax(X, 5), ValueError,
        r"argmax on \(3, 4\): axis 5 is out of bounds"),
    (lambda: ops.softmax(X, axis=7), Exception, "7"),
    (lambda: ops.transpose(X, (0, 0)), ValueError, "twice"),
    (lambda: ops.transpose(X, (0,)), ValueError, "do not name every axis"),
    (lambda: ops.swapaxes(X, 0, 2), ValueError, "swapaxes: axis 2"),
    (lambda: ops.moveaxis(X, 0, 4), ValueError, "moveaxis: axis 4"),
    (lambda: ops.moveaxis(X, (0, 1), 0), ValueError, "differ in length"),
    (lambda: ops.expand_dims(X, 4), ValueError, "expand_dims: axis 4"),
    (lambda: ops.flip(X, 2), ValueError, "flip: axis 2"),
    (lambda: ops.roll(X, 1, 2), ValueError, r"roll on \(3, 4\): axis 2"),
    (lambda: ops.squeeze(X, 0), ValueError,
        r"squeeze: axis 0 of shape \(3, 4\) has not size 1"),
    # shapes
    (lambda: ops.reshape(X, (5, -1)), ValueError,
     r"reshape: 12 entries of shape \(3, 4\) do not fit into shape \(5, -1\)"),
    (lambda: X.reshape(-1, -1), ValueError, r"do not fit into shape \(-1, -1\)"),
    (lambda: ops.broadcast_to(X, (3, 5)), ValueError, r"broadcast_to on \(3, 4\)"),
    (lambda: ops.tril(np.ones(3)), ValueError,
        r"tril: needs two axes or more, got shape \(3,\)"),
    (lambda: ops.concatenate([]), ValueError, "concatenate needs at least one tensor"),
    (lambda: ops.concatenate([X, B]), ValueError,
        r"shapes \(3, 4\) and \(5, 6\) differ"),
    (lambda: ops.concatenate([X, np.ones(4)]), ValueError,
        r"\(3, 4\) and \(4,\) differ"),
    (lambda: ops.stack([X, B]), ValueError,
        r"must be equal, got \(3, 4\) and \(5, 6\)"),
    (lambda: ops.stack([X], 3), ValueError, "stack: axis 3"),
    (lambda: ops.split(X, 5), ValueError, "does not divide into 5 equal pieces"),
    (lambda: ops.split(X, [1, 1]), ValueError,
        r"add up to 2, but axis 0 of shape \(3, 4\) has 3"),
    (lambda: ops.pad(X, ((1, 1),) * 3), ValueError,
        r"pad: widths .* do not fit shape \(3, 4\)"),
    (lambda: ops.pad(X, -1), ValueError, "none negative"),
    # indices
    (lambda: X[5], IndexError, r"slice on \(3, 4\): index 5 is out of bounds"),
    (lambda: X[0, 0, 0], IndexError, r"\(3, 4\): too many indices"),
    (lambda: X[[0, 9]], IndexError, r"take on \(3, 4\): index 9 is out of bounds"),
    (lambda: X[np.array([0.0])], IndexError, "an array of float64 cannot index"),
    (lambda: X[tensor([1.0])], IndexError, "an array of float32 cannot index"),
    (lambda: X[np.array([True])], IndexError, "boolean index did not match"),
    (lambda: ops.embedding([0, 3], X), IndexError,
     r"embedding: ids must lie in 0..2 .*rows.* is 3\), but they range from 0 to 3"),
    (lambda: ops.embedding([-1], X), IndexError, "range from -1 to -1"),
    (lambda: ops.embedding([1.0], X), TypeError, "ids must be integers, got float32"),
    (lambda: ops.one_hot([3], 3), IndexError, "one_hot: ids must lie in 0..2"),
    (lambda: ops.one_hot([1.5], 3), TypeError, "one_hot: ids must be integers"),
    (lambda: ops.gather(X, [0], 0), ValueError, r"gather: indices of shape \(1,\)"),
    (lambda: ops.gather(X, [[0.5]], 0), TypeError, "gather: indices must be integers"),
    (lambda: ops.take_along_axis(X, [[9]], 1), IndexError, "out of bounds"),
    # nothing to choose from
    (lambda: ops.max(np.ones((0, 3)), 0), ValueError,
     r"max: nothing to choose from: shape \(0, 3\) has no entries along axis 0"),
    (lambda: ops.min([]), ValueError, "min: nothing to choose from"),
    (lambda: ops.argmax(np.ones(0)), ValueError, r"argmax on \(0,\)"),
    # devices and dtypes
    (lambda: X.to("gpu"), TypeError, "gpu"),
    (lambda: ops.to_device(X, "tpu"), ValueError, "device 'tpu' is not known"),
    (lambda: ops.add("text", X), Exception, "."),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda c: c[2][:40])
def test_error(case):
    call, kind, message = case
    with pytest.raises(kind, match=message):
        call()


def test_every_public_name_is_a_function():
    """A submodule of the same name (norm.py, index.py) must not hide the function."""
    names = (
        "sum mean max min norm index erf einsum abs pow all any round gather".split()
    )
    assert [n for n in names if not callable(getattr(ops, n))] == []


def test_the_mistake_inside_a_custom_forward_keeps_its_own_words():
    from tinyft import Function

    class Odd(Function):
        @staticmethod
        def forward(ctx, x):
            raise ValueError("odd: my own sentence")

    with pytest.raises(ValueError, match=r"^odd: my own sentence$"):
        Odd.apply(X)
