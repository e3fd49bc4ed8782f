"""Grader of conv_backward. Bounds: sums of at most 300 products, 1e-14."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL, STRIDE, PADDING = 1e-10, 3, 1


def problem(seed, shape=(2, 3, 8, 11), taps=(4, 2), outputs=5):
    """x, W and gy: every size is different, the last column of x meets no window."""
    rng = np.random.default_rng(seed)
    x, W = rng.normal(size=shape) + 0.5, rng.normal(size=(outputs, shape[1], *taps))
    sides = [(n + 2 * PADDING - k) // STRIDE + 1 for n, k in zip(shape[2:], taps)]
    return x, W, rng.normal(size=(shape[0], outputs, *sides)) + 0.3


def dense(W, shape):
    """The convolution of one image as a matrix (O, Ho, Wo, C, H, W), tap by tap."""
    (O, C, kh, kw), (H, wide) = W.shape, shape
    Ho, Wo = ((n + 2 * PADDING - k) // STRIDE + 1 for n, k in zip(shape, (kh, kw)))
    T = np.zeros((O, Ho, Wo, C, H, wide))
    for h, w, i, j in np.ndindex(Ho, Wo, kh, kw):
        a, b = STRIDE * h + i - PADDING, STRIDE * w + j - PADDING
        if 0 <= a < H and 0 <= b < wide:
            T[:, h, w, :, a, b] = W[:, :, i, j]
    return T


def input_gradient(W, gy, shape):
    return np.einsum("nohw,ohwcab->ncab", gy, dense(W, shape))  # Tᵀ gy


def weight_gradient(x, W, gy):
    """y is linear in W: its slope along a unit weight is the y of that weight alone."""
    gW = np.zeros(W.shape)
    for at in np.ndindex(*W.shape):
        unit = np.zeros(W.shape)
        unit[at] = 1
        gW[at] = np.einsum("nohw,ohwcab,ncab->", gy, dense(unit, x.shape[2:]), x)
    return gW


def last_only(W, gy, shape):
    """Each pixel keeps only the last tap that was written to it."""
    gx = np.zeros((len(gy), W.shape[1], *(n + 2 * PADDING for n in shape)))
    for i, j in np.ndindex(*W.shape[2:]):
        rows = slice(i, i + STRIDE * gy.shape[2], STRIDE)
        columns = slice(j, j + STRIDE * gy.shape[3], STRIDE)
        gx[:, :, rows, columns] = np.einsum("nohw,oc->nchw", gy, W[:, :, i, j])
    return gx[:, :, PADDING:-PADDING, PADDING:-PADDING]


def answers(student, seed, **sizes):
    got = student.conv_backward(*problem(seed, **sizes), STRIDE, PADDING)
    assert isinstance(got, tuple) and len(got) == 3, (
        f"conv_backward must return the tuple (gx, gW, gb), it returned {type(got)}"
    )
    return got


@pytest.mark.points(2)
def test_input_gradient(student, seed):
    """gx: the transpose of the convolution's matrix, applied to gy."""
    x, W, gy = problem(seed)
    right = input_gradient(W, gy, x.shape[2:])
    compare(
        answers(student, seed)[0],
        want=right,
        mistakes={
            "the taps of W are flipped": input_gradient(
                W[:, :, ::-1, ::-1], gy, x.shape[2:]
            ),
            "overlapping windows overwrite each other": last_only(W, gy, x.shape[2:]),
            "gx is divided by the number of images": right / len(x),
            "gx is cut from the padded image at its corner": np.pad(
                right, ((0, 0), (0, 0), (1, 0), (1, 0))
            )[:, :, :-1, :-1]
            + edge_rows(W, gy, x.shape[2:]),
        },
        tol=TOL,
        equation="(3.4)",
        called="conv_backward(x, W, gy, 3, 1)[0], gx,",
    )


def edge_rows(W, gy, shape):
    """What the padding itself would receive above and left of the image."""
    wide = tuple(n + 2 * PADDING for n in shape)
    gx = np.zeros((len(gy), W.shape[1], *wide))
    for h, w, i, j in np.ndindex(*gy.shape[2:], *W.shape[2:]):
        gx[:, :, STRIDE * h + i, STRIDE * w + j] += gy[:, :, h, w] @ W[:, :, i, j]
    gx[:, :, PADDING:, PADDING:] = 0
    return gx[:, :, : shape[0], : shape[1]]


@pytest.mark.points(2)
def test_weight_gradient(student, seed):
    """gW: by linearity, one unit weight at a time."""
    x, W, gy = problem(seed)
    right = weight_gradient(x, W, gy)
    places = len(x) * gy.shape[2] * gy.shape[3]
    compare(
        answers(student, seed)[1],
        want=right,
        mistakes={
            "the taps of gW are flipped": right[:, :, ::-1, ::-1],
            "gW is divided by the number of images": right / len(x),
            "gW is a mean over images and places": right / places,
            "gW sees only the first image": weight_gradient(x[:1], W, gy[:1]),
            "gW takes the window of stride 1": stride_one(x, W, gy),
        },
        tol=TOL,
        equation="(3.4)",
        called="conv_backward(x, W, gy, 3, 1)[1], gW,",
    )


def stride_one(x, W, gy):
    """Window h starts at pixel h, not at s·h."""
    padded = np.pad(x, ((0, 0), (0, 0), (PADDING, PADDING), (PADDING, PADDING)))
    gW, (Ho, Wo) = np.zeros(W.shape), gy.shape[2:]
    for i, j in np.ndindex(*W.shape[2:]):
        gW[:, :, i, j] = np.tensordot(
            gy, padded[:, :, i : i + Ho, j : j + Wo], axes=([0, 2, 3], [0, 2, 3])
        )
    return gW


def test_bias_gradient(student, seed):
    """gb: the sum over images and places."""
    _, _, gy = problem(seed)
    compare(
        answers(student, seed)[2],
        want=sum(gy[n, :, h, w] for n, h, w in np.ndindex(2, *gy.shape[2:])),
        mistakes={
            "gb is a mean over images and places": gy.mean(axis=(0, 2, 3)),
            "gb is summed over the images only": gy.sum(axis=0),
        },
        tol=TOL,
        equation="(3.4)",
        called="conv_backward(x, W, gy, 3, 1)[2], gb,",
    )


def test_the_inner_products_agree(student, seed):
    """⟨gW, W⟩ = ⟨gx, x⟩ = ⟨gy, y⟩ without bias, for another shape: y is bilinear."""
    shape = {"shape": (3, 2, 9, 6), "taps": (3, 5), "outputs": 7}
    x, W, gy = problem(seed, **shape)
    gx, gW, _ = answers(student, seed, **shape)
    y = np.einsum("ohwcab,ncab->nohw", dense(W, x.shape[2:]), x)
    for name, got in (("⟨gx, x⟩", np.sum(gx * x)), ("⟨gW, W⟩", np.sum(gW * W))):
        compare(got, np.sum(gy * y), tol=TOL, scale=1, called=name, equation="(3.4)")
