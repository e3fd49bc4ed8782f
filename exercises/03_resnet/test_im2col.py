"""Grader of im2col. Entries are copied, never computed: the bound is exactly 0."""

import numpy as np
import pytest

from tinyft.grading import compare, fail

SIZE, STRIDE, PADDING = (3, 2), (2, 3), (1, 2)


def problem(seed, shape=(2, 3, 8, 11)):
    """Every size is different; no pixel is 0, so padding shows."""
    return np.random.default_rng(seed).uniform(1, 2, shape)


def places(n, taps, step, pad):
    """Where a window fits on the padded axis, found by trying."""
    return [a for a in range(-pad, n + pad, step) if a + taps <= n + pad]


def windows(x, size=SIZE, stride=STRIDE, padding=PADDING, edge=False, flip=False):
    """(N, Ho, Wo, C, kh, kw): pixel by pixel, from the definition (3.3)."""
    N, C, H, W = x.shape
    rows, columns = map(places, (H, W), size, stride, padding)
    A = np.zeros((N, len(rows), len(columns), C, *size))
    for h, w, i, j in np.ndindex(len(rows), len(columns), *size):
        a, b = rows[h] + i, columns[w] + j
        if edge:
            a, b = min(max(a, 0), H - 1), min(max(b, 0), W - 1)
        if 0 <= a < H and 0 <= b < W:
            tap = (size[0] - 1 - i, size[1] - 1 - j) if flip else (i, j)
            A[:, h, w, :, *tap] = x[:, :, a, b]
    return A


def matrix(A, order=(0, 1, 2, 3, 4, 5)):
    A = A.transpose(order)
    return A.reshape(np.prod(A.shape[:3]), -1)


def one_side(x, first):
    """Padding at one end of each axis alone."""
    (p, q), H, W = PADDING, x.shape[2], x.shape[3]
    wide = np.pad(x, ((0, 0), (0, 0), (p, p), (q, q)))
    part = wide[:, :, : H + p, : W + q] if first else wide[:, :, p:, q:]
    return matrix(windows(part, padding=(0, 0)))


@pytest.mark.points(3)
def test_matrix(student, seed):
    """Stride, padding and window that differ in height and width."""
    x = problem(seed)
    A = windows(x)
    compare(
        student.im2col(x, SIZE, STRIDE, PADDING),
        want=matrix(A),
        mistakes={
            "columns in the order i, j, c": matrix(A, (0, 1, 2, 4, 5, 3)),
            "columns in the order c, j, i": matrix(A, (0, 1, 2, 3, 5, 4)),
            "rows in the order h, w, n": matrix(A, (1, 2, 0, 3, 4, 5)),
            "rows in the order n, w, h": matrix(A, (0, 2, 1, 3, 4, 5)),
            "the taps are flipped": matrix(windows(x, flip=True)),
            "the edge is repeated, not 0": matrix(windows(x, edge=True)),
            "padded at the top and left only": one_side(x, first=True),
            "padded at the bottom and right only": one_side(x, first=False),
            "the stride is taken as (sw, sh)": matrix(windows(x, stride=STRIDE[::-1])),
            "the stride is ignored": matrix(windows(x, stride=(1, 1))),
            "the padding is taken as (q, p)": matrix(windows(x, padding=PADDING[::-1])),
            "the padding is ignored": matrix(windows(x, padding=(0, 0))),
            "the window is taken as (kw, kh)": matrix(windows(x, size=SIZE[::-1])),
        },
        tol=0,
        equation="(3.3)",
    )


def test_convolution(student, seed):
    """A Wᵀ is a convolution: one window that covers the image is a dot product."""
    x = problem(seed, (3, 2, 4, 5))
    W = np.random.default_rng(seed + 1).normal(size=(7, 2, 4, 5))
    compare(
        student.im2col(x, (4, 5), (1, 1), (0, 0)) @ W.reshape(7, -1).T,
        want=np.tensordot(x, W, axes=([1, 2, 3], [1, 2, 3])),
        mistakes={
            "the taps are flipped": np.tensordot(
                x, W[:, :, ::-1, ::-1], axes=([1, 2, 3], [1, 2, 3])
            )
        },
        tol=1e-12,  # sums of 40 products
        equation="(3.3)",
        called="im2col(x, (4, 5), (1, 1), (0, 0)) @ W.T",
    )


def test_input_and_dtype(student, seed):
    """Without padding too, x stays as it is and A has its dtype."""
    x = problem(seed, (2, 1, 5, 4)).astype(np.float32)  # one channel: a view would do
    A = student.im2col(x, (1, 1), (1, 1), (0, 0))
    if getattr(A, "dtype", None) != np.float32:
        fail(
            "the dtype of x is lost",
            f"x is float32, A is {getattr(A, 'dtype', type(A).__name__)}; "
            "give np.empty or np.zeros the dtype of x",
            equation="(3.3)",
        )
    if "x" in student.shares:
        fail(
            "A shares its memory with x",
            "writing to A changed the image; return a copy",
            equation="(3.3)",
        )
