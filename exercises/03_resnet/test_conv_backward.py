"""Grader of conv_backward. Bounds: sums of at most 300 products, 1e-14."""

from collections import namedtuple

import numpy as np
import pytest

from tinyft.grading import compare, take

TOL = 1e-10
# x, (kh, kw), O, stride, padding: sizes differ, most leave a column that no window meets
DRAWS = (
    ((2, 3, 8, 11), (4, 2), 5, 3, 1),
    ((3, 1, 7, 6), (2, 3), 4, 1, 2),
    ((1, 4, 5, 9), (3, 1), 2, 2, 0),
)
Problem = namedtuple("Problem", "x W gy stride padding")
NAMES = "gx", "gW", "gb"


def problem(rng, shape, taps, outputs, stride, padding):
    x, W = rng.normal(size=shape) + 0.5, rng.normal(size=(outputs, shape[1], *taps))
    sides = [(n + 2 * padding - k) // stride + 1 for n, k in zip(shape[2:], taps)]
    gy = rng.normal(size=(shape[0], outputs, *sides)) + 0.3
    return Problem(x, W, gy, stride, padding)


def dense(this, W=None):
    """The convolution of one image as a matrix (O, Ho, Wo, C, H, W), tap by tap."""
    W, s, p = this.W if W is None else W, this.stride, this.padding
    (O, C, kh, kw), (H, wide), (Ho, Wo) = W.shape, this.x.shape[2:], this.gy.shape[2:]
    T = np.zeros((O, Ho, Wo, C, H, wide))
    for h, w, i, j in np.ndindex(Ho, Wo, kh, kw):
        a, b = s * h + i - p, s * w + j - p
        if 0 <= a < H and 0 <= b < wide:
            T[:, h, w, :, a, b] = W[:, :, i, j]
    return T


def input_gradient(this, W=None):
    return np.einsum("nohw,ohwcab->ncab", this.gy, dense(this, W))  # Tᵀ gy


def weight_gradient(this, images=slice(None)):
    """y is linear in W: its slope along a unit weight is the y of that weight alone."""
    gW = np.zeros(this.W.shape)
    for at in np.ndindex(*gW.shape):
        unit = np.zeros(gW.shape)
        unit[at] = 1
        T = dense(this, unit)[at[0], :, :, at[1]]  # (Ho, Wo, H, W)
        gy, x = this.gy[images, at[0]], this.x[images, at[1]]
        gW[at] = np.einsum("nhw,hwab,nab->", gy, T, x)
    return gW


def right(this):
    """gx, gW and gb."""
    gb = sum(
        this.gy[n, :, h, w] for n, h, w in np.ndindex(*np.delete(this.gy.shape, 1))
    )
    return input_gradient(this), weight_gradient(this), gb


def spread(this, step=None, add=True):
    """gx on the padded image, by slices: windows at `step`, added or written over."""
    step, p = step or this.stride, this.padding
    (Ho, Wo), W = this.gy.shape[2:], this.W
    wide = [n + 2 * p for n in this.x.shape[2:]]
    gx = np.zeros((*this.x.shape[:2], *wide))
    for i, j in np.ndindex(*W.shape[2:]):
        seen = slice(i, i + step * Ho, step), slice(j, j + step * Wo, step)
        part = np.einsum("nohw,oc->nchw", this.gy, W[:, :, i, j])
        gx[:, :, *seen] = part + (gx[:, :, *seen] if add else 0)
    return gx


def inner(this, gx):
    """The image without its padding."""
    p, (H, W) = this.padding, this.x.shape[2:]
    return gx[:, :, p : p + H, p : p + W]


def stride_one(this):
    """Window h starts at pixel h, not at s·h."""
    p, gW, (Ho, Wo) = this.padding, np.zeros(this.W.shape), this.gy.shape[2:]
    padded = np.pad(this.x, ((0, 0), (0, 0), (p, p), (p, p)))
    for i, j in np.ndindex(*gW.shape[2:]):
        seen = padded[:, :, i : i + Ho, j : j + Wo]
        gW[:, :, i, j] = np.einsum("nohw,nchw->oc", this.gy, seen)
    return gW


def mistakes(this, gx, gW, gb):
    """{name: (gx, gW, gb)}; what is right stays right."""
    n, gy, padded = len(this.x), this.gy, spread(this)
    H, wide = this.x.shape[2:]
    return {
        "the taps of W are flipped": (input_gradient(this, this.W[:, :, ::-1, ::-1]),),
        "overlapping windows overwrite each other": (
            inner(this, spread(this, add=False)),
        ),
        "gx is spread with stride 1": (inner(this, spread(this, 1)),),
        "gx is divided by the number of images": (gx / n,),
        "gx is cut from the padded image at its corner": (padded[:, :, :H, :wide],),
        "gx still has the padding": (padded,),
        "gW is returned before gx": (gW, gx, gb),
        "the taps of gW are flipped": (gx, gW[:, :, ::-1, ::-1]),
        "gW is divided by the number of images": (gx, gW / n),
        "gW is a mean over images and places": (gx, gW * gb.size / gy.size),
        "gW sees only the first image": (gx, weight_gradient(this, slice(1))),
        "gW takes the window of stride 1": (gx, stride_one(this)),
        "gW is transposed, (C, O, kh, kw)": (gx, gW.swapaxes(0, 1)),
        "gb is a mean over images and places": (gx, gW, gy.mean(axis=(0, 2, 3))),
        "gb is a mean over the images": (gx, gW, gb / n),
        "gb is summed over the images only": (gx, gW, gy.sum(axis=0)),
        "gb is not summed over the images": (gx, gW, gy.sum(axis=(2, 3))),
        "gb is summed over the channels too": (gx, gW, gy.sum()),
    }


def check(student, rng, draw, which):
    this = problem(rng, *draw)
    want = right(this)
    known = {
        said: v[which]
        for said, v in mistakes(this, *want).items()
        if len(v) > which
        and not (
            v[which].shape == want[which].shape
            and np.allclose(v[which], want[which], 1e-6)
        )
    }
    compare(
        student.conv_backward(*this)[which],
        want=want[which],
        mistakes=known,
        tol=TOL,
        equation="(3.4)",
        called=f"conv_backward(x, W, gy, {this.stride}, {this.padding}), {NAMES[which]},",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*DRAWS)
def test_input_gradient(student, rng, draw):
    """gx: the transpose of the convolution's matrix, applied to gy."""
    check(student, rng, draw, 0)


@pytest.mark.points(2)
@pytest.mark.draws(*DRAWS)
def test_weight_gradient(student, rng, draw):
    """gW: by linearity, one unit weight at a time."""
    check(student, rng, draw, 1)


@pytest.mark.draws(*DRAWS)
def test_bias_gradient(student, rng, draw):
    """gb: the sum over images and places."""
    check(student, rng, draw, 2)


@pytest.mark.draws(((3, 2, 9, 6), (3, 5), 7, 3, 1), ((2, 1, 4, 7), (4, 2), 3, 2, 3))
def test_the_inner_products_agree(student, rng, draw):
    """⟨gW, W⟩ = ⟨gx, x⟩ = ⟨gy, y⟩ without bias: y is linear in x and in W."""
    this = problem(rng, *draw)
    got = student.conv_backward(*this)
    gx, gW, _ = take(got, gx=this.x.shape, gW=this.W.shape, gb=(len(this.W),))
    y = np.einsum("ohwcab,ncab->nohw", dense(this), this.x)
    for name, one in ("⟨gx, x⟩", np.sum(gx * this.x)), ("⟨gW, W⟩", np.sum(gW * this.W)):
        compare(
            one,
            np.sum(this.gy * y),
            tol=TOL,
            scale=1,
            called=name,
            equation="(3.4)",
        )
