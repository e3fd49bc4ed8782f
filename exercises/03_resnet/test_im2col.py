"""Grader of im2col. Entries are copied, never computed: the bound is exactly 0."""

import numpy as np
import pytest

from tinyft.grading import compare, fail, take

# x, window, stride, padding: no two sizes of a draw are equal where they could be mixed
DRAWS = (
    ((2, 3, 8, 11), (3, 2), (2, 3), (1, 2)),
    ((3, 1, 5, 7), (2, 4), (3, 1), (0, 3)),
    ((1, 2, 9, 6), (5, 1), (1, 2), (2, 0)),
    ((4, 5, 6, 3), (1, 3), (4, 5), (3, 1)),
)


def problem(rng, shape):
    """No pixel is 0, so padding shows."""
    return rng.uniform(1, 2, shape)


def places(n, taps, step, pad):
    """Where a window fits on the padded axis, found by trying."""
    return [a for a in range(-pad, n + pad, step) if a + taps <= n + pad]


def windows(x, size, stride, padding, edge=False, flip=False, every=places):
    """(N, Ho, Wo, C, kh, kw): pixel by pixel, from the definition (3.3)."""
    N, C, H, W = x.shape
    rows, columns = map(every, (H, W), size, stride, padding)
    A = np.zeros((N, len(rows), len(columns), C, *size))
    for h, w, i, j in np.ndindex(len(rows), len(columns), *size):
        a, b = rows[h] + i, columns[w] + j
        if edge:
            a, b = min(max(a, 0), H - 1), min(max(b, 0), W - 1)
        if 0 <= a < H and 0 <= b < W:
            tap = (size[0] - 1 - i, size[1] - 1 - j) if flip else (i, j)
            A[:, h, w, :, *tap] = x[:, :, a, b]
    return A


def rounded_up(n, taps, step, pad):
    return list(range(-pad, n + pad - taps + step, step))


def one_less(n, taps, step, pad):
    return places(n, taps, step, pad)[:-1]


def matrix(A, order=(0, 1, 2, 3, 4, 5)):
    A = A.transpose(order)
    return A.reshape(np.prod(A.shape[:3]), np.prod(A.shape[3:]))


def one_side(x, size, stride, padding, first):
    """Padding at one end of each axis alone."""
    (p, q), H, W = padding, x.shape[2], x.shape[3]
    wide = np.pad(x, ((0, 0), (0, 0), (p, p), (q, q)))
    part = wide[:, :, : H + p, : W + q] if first else wide[:, :, p:, q:]
    return matrix(windows(part, size, stride, (0, 0)))


def mistakes(x, size, stride, padding):
    given = x, size, stride, padding
    A = windows(*given)
    return {
        "columns in the order i, j, c": matrix(A, (0, 1, 2, 4, 5, 3)),
        "columns in the order c, j, i": matrix(A, (0, 1, 2, 3, 5, 4)),
        "rows in the order h, w, n": matrix(A, (1, 2, 0, 3, 4, 5)),
        "rows in the order n, w, h": matrix(A, (0, 2, 1, 3, 4, 5)),
        "A is transposed: (C kh kw, N Ho Wo)": matrix(A).T,
        "the taps are flipped": matrix(windows(*given, flip=True)),
        "the edge is repeated, not 0": matrix(windows(*given, edge=True)),
        "padded at the top and left only": one_side(*given, first=True),
        "padded at the bottom and right only": one_side(*given, first=False),
        "one place too few: the + 1 is missing": matrix(
            windows(*given, every=one_less)
        ),
        "the number of places is rounded up": matrix(windows(*given, every=rounded_up)),
        "the stride is taken as (sw, sh)": matrix(
            windows(x, size, stride[::-1], padding)
        ),
        "the stride is ignored": matrix(windows(x, size, (1, 1), padding)),
        "the padding is taken as (q, p)": matrix(
            windows(x, size, stride, padding[::-1])
        ),
        "the padding is ignored": matrix(windows(x, size, stride, (0, 0))),
        "the window is taken as (kw, kh)": matrix(
            windows(x, size[::-1], stride, padding)
        ),
    }


@pytest.mark.points(3)
@pytest.mark.draws(*DRAWS)
def test_matrix(student, rng, draw):
    """Stride, padding and window that differ in height and width."""
    given = problem(rng, draw[0]), *draw[1:]
    want = matrix(windows(*given))
    compare(
        student.im2col(*given),
        want=want,
        mistakes=mistakes(*given),
        tol=0,
        equation="(3.3)",
    )


@pytest.mark.draws((3, 2, 4, 5, 7), (2, 3, 6, 1, 4))
def test_convolution(student, rng, draw):
    """A Wᵀ is a convolution: one window that covers the image is a dot product."""
    N, *taps, O = draw
    x, W = problem(rng, (N, *taps)), rng.normal(size=(O, *taps))
    A = take(student.im2col(x, tuple(taps[1:]), (1, 1), (0, 0)), A=(N, np.prod(taps)))
    axes = [1, 2, 3], [1, 2, 3]
    compare(
        A @ W.reshape(O, -1).T,
        want=np.tensordot(x, W, axes),
        mistakes={"the taps are flipped": np.tensordot(x, W[:, :, ::-1, ::-1], axes)},
        tol=1e-12,  # sums of 40 products
        equation="(3.3)",
        called=f"im2col(x, {tuple(taps[1:])}, (1, 1), (0, 0)) @ W.T",
    )


@pytest.mark.draws(((2, 1, 5, 4), "float32"), ((1, 3, 2, 6), "int64"))
def test_input_and_dtype(student, rng, draw):
    """A has the dtype of x, and memory of its own, without padding too."""
    shape, dtype = draw
    x = (10 * problem(rng, shape)).astype(dtype)  # one channel: a view would do
    A = student.im2col(x, (1, 1), (1, 1), (0, 0))
    if str(getattr(A, "dtype", "")) != dtype:
        said = f"x is {dtype}, A is {getattr(A, 'dtype', type(A).__name__)}"
        fail("the dtype of x is lost", said, equation="(3.3)")
    if "x" in student.shares:
        said = "writing to A would change the image; return a copy"
        fail("A shares its memory with x", said, equation="(3.3)")
