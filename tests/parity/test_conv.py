"""Convolution, pooling and batch norm equal PyTorch's, value and gradients.

float64 at 1e-10 of the largest entry: the same sums in another order. float32 at 1e-4:
sums of up to 576 products, each side rounding by 6e-8 sqrt(576) and gradients of 8192
terms by 6e-8 sqrt(8192) = 5e-6, times a factor for the largest of many entries.
"""

import itertools

import numpy as np
import pytest

from tinyft import Tensor, ops
from tinyft.autograd import grad

torch = pytest.importorskip("torch", reason="parity needs PyTorch: the 'peers' extra")
F = torch.nn.functional
TOLERANCE = {"f8": 1e-10, "f4": 1e-4}


def compare(ours, theirs, *arrays, dtype="f8"):
    """Values and gradients, from one random upstream gradient, of two functions."""
    arrays = [a.astype(dtype) for a in arrays]
    xs = [Tensor._of(a, None).requires_grad_() for a in arrays]
    ts = [torch.tensor(a, requires_grad=True) for a in arrays]
    y, t = ours(*xs), theirs(*ts)
    u = np.random.default_rng(1).standard_normal(tuple(t.shape)).astype(dtype)
    got = [y, *grad(y, xs, [Tensor(u)])]
    want = [t, *torch.autograd.grad(t, ts, torch.tensor(u))]
    for g, w in zip(got, want, strict=True):
        w = w.detach().numpy()
        assert g.shape == w.shape and g.dtype == w.dtype
        bound = TOLERANCE[dtype] * np.abs(w).max(initial=1)
        np.testing.assert_allclose(g.numpy(), w, rtol=0, atol=bound)


def draw(*shapes):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape) for shape in shapes]


def channels_last(x):
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


GRID = list(itertools.product([1, 2, 3, (2, 1)], [0, 1, (2, 1)], [1, 2, 3], [1, 2]))


@pytest.mark.parametrize("stride, padding, dilation, groups", GRID)
def test_conv2d(stride, padding, dilation, groups):
    for kh, kw in [(3, 3), (2, 3)] if dilation > 1 else [(1, 1), (2, 3)]:
        arrays = draw((3, 4, 11, 9), (6, 4 // groups, kh, kw), (6,))
        compare(
            lambda *xs: ops.conv2d(*xs, stride, padding, groups, dilation),
            lambda *xs: F.conv2d(*xs, stride, padding, dilation, groups),
            *arrays,
        )


@pytest.mark.parametrize(
    "stride, padding, extra", [(1, 0, 0), (2, 1, 1), ((3, 2), 2, (2, 0))]
)
@pytest.mark.parametrize("dilation, groups", [(1, 1), (2, 2)])
def test_conv_transpose2d(stride, padding, extra, dilation, groups):
    compare(
        lambda *xs: ops.conv_transpose2d(*xs, stride, padding, extra, groups, dilation),
        lambda *xs: F.conv_transpose2d(*xs, stride, padding, extra, groups, dilation),
        *draw((3, 4, 6, 5), (4, 6 // groups, 3, 2), (6,)),
    )


def test_conv1d():
    for stride, padding, dilation, groups in [(1, 0, 1, 1), (2, 3, 2, 2)]:
        compare(
            lambda *xs, o=(stride, padding, groups, dilation): ops.conv1d(*xs, *o),
            lambda *xs, o=(stride, padding, dilation, groups): F.conv1d(*xs, *o),
            *draw((3, 4, 13), (6, 4 // groups, 3), (6,)),
        )


RESNET = [  # B, C, O, H, kernel, stride: the layers of a ResNet-20, and odd sizes
    (4, 3, 16, 32, 3, 1),
    (4, 16, 32, 32, 3, 2),
    (4, 16, 32, 32, 1, 2),
    (8, 64, 64, 8, 3, 1),
    (32, 64, 64, 2, 3, 1),
    (2, 3, 8, 33, 7, 2),
]


@pytest.mark.parametrize("B, C, O, H, k, stride", RESNET)
@pytest.mark.parametrize("order", [np.ascontiguousarray, channels_last])
def test_conv2d_float32(B, C, O, H, k, stride, order):
    x, w = draw((B, C, H, H), (O, C, k, k))
    compare(
        lambda x, w: ops.conv2d(x, w, None, stride, k // 2),
        lambda x, w: F.conv2d(x, w, None, stride, k // 2),
        order(x),
        w / np.sqrt(C * k * k),
        dtype="f4",
    )


def test_conv2d_of_strided_views():
    x, w = draw((6, 4, 11, 18), (6, 8, 3, 3))
    compare(
        lambda *xs: ops.conv2d(*xs, padding=1),
        lambda *xs: F.conv2d(*xs, padding=1),
        x[::2, :, :, ::2].astype("f8", order="K"),
        w[:, ::2],
    )


def test_second_order():
    """The gradient of |d(sum y³)/dx|² in both variables."""
    found = []
    arrays = draw((2, 4, 7, 6), (6, 2, 3, 2))
    for wrap, conv, gradient in [
        (lambda a: Tensor(a, True), ops.conv2d, grad),
        (
            lambda a: torch.tensor(a, requires_grad=True),
            lambda *a, **k: F.conv2d(*a, **k),
            lambda y, x, **k: torch.autograd.grad(y, x, **k),
        ),
    ]:
        x, w = map(wrap, arrays)
        y = conv(x, w, stride=2, padding=1, groups=2)
        gx, gw = gradient((y * y * y).sum(), [x, w], create_graph=True)
        penalty = (gx * gx).sum() + (gw * gw).sum()
        found.append(gradient(penalty, [x, w]))
    for got, want in zip(*found, strict=True):
        bound = 1e-10 * want.abs().max().item()
        np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=0, atol=bound)


@pytest.mark.parametrize(
    "size, stride, padding",
    [(2, None, 0), (3, 1, 1), (3, 2, 1), ((3, 2), (1, 2), (1, 0))],
)
@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_pooling(size, stride, padding, dtype):
    (x,) = draw((3, 5, 11, 9))
    x[0, 0, :4] = 0  # ties
    options = size, stride, padding
    compare(
        lambda x: ops.max_pool2d(x, *options),
        lambda x: F.max_pool2d(x, *options),
        x,
        dtype=dtype,
    )
    for padded in (True, False):
        compare(
            lambda x, p=padded: ops.avg_pool2d(x, *options, count_include_pad=p),
            lambda x, p=padded: F.avg_pool2d(x, *options, count_include_pad=p),
            channels_last(x),
            dtype=dtype,
        )


@pytest.mark.parametrize("size", [1, (4, 3), (11, 9), (20, 2), (None, 4)])
def test_adaptive_pooling(size):
    compare(
        lambda x: ops.adaptive_avg_pool2d(x, size),
        lambda x: F.adaptive_avg_pool2d(x, size),
        *draw((3, 5, 11, 9)),
    )


@pytest.mark.parametrize("shape", [(7, 5), (4, 5, 6), (3, 5, 11, 9), (16, 5, 32, 32)])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_batch_norm(shape, training, dtype):
    x, w, b, mean = draw(shape, 5, 5, 5)
    var = 0.5 + mean * mean
    ours = mean.astype(dtype), var.astype(dtype)
    theirs = [torch.tensor(a) for a in ours]
    compare(
        lambda *xs: ops.batch_norm(xs[0], *ours, *xs[1:], training, 0.3, 1e-3),
        lambda *xs: F.batch_norm(xs[0], *theirs, *xs[1:], training, 0.3, 1e-3),
        3 * x + 2,
        w,
        b,
        dtype=dtype,
    )
    for got, want in zip(ours, theirs):
        np.testing.assert_allclose(got, want.numpy(), rtol=TOLERANCE[dtype])
