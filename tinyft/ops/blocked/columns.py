"""Columns: the windows of images as the rows of a matrix, block by block.

Images are N x H x W x C here (channels innermost), in G groups of I channels. Row
(n, h, w) of the matrix A holds, group after group, the window that an output pixel sees
("im2col", Chellapilla, Puri and Simard 2006), so a correlation is one product for each
group. Blocks of A stay in the L2 cache; with channels innermost a window row is one run
of kw C numbers (of I, if there are groups). On a ResNet-20's 3 x 3 layers 1.2x to 1.9x
faster than all columns at once (but 0.9x on images of 2 x 2), one thread.
"""

from typing import NamedTuple

from tinyft import backend

# Bytes of columns in one block: half of a 2 MiB L2, the rest is for padded images and
# results. Half of it is 5 to 12 % slower: more calls. A device wants few launches, so
# there only memory limits the block.
BLOCK_BYTES, DEVICE_BLOCK_BYTES = 2**20, 2**28

ITEMS = {8: "f8", 16: "c16"}  # dtypes of that many bytes, to copy by


class Axis(NamedTuple):
    """One image axis: taps, stride, dilation, zeros before and after, results.

    Negative zeros crop: the gradient's correlations start inside gY.
    """

    taps: int
    stride: int
    dilation: int
    before: int
    after: int
    out: int


def columns(X, axes, groups=1):
    """Yield (block, A): an index of output pixels, and their columns (rows, G, kh kw I).

    The memory of A is used again for the next block.
    """
    xp, N, I = backend.xp_of(X), len(X), X.shape[3] // groups
    kh, kw, Ho, Wo = axes[0].taps, axes[1].taps, axes[0].out, axes[1].out
    images, rows = block_shape(X, kh * kw * X.shape[3] * Wo, Ho)
    A = xp.empty((images, rows, Wo, groups, kh, kw, I) if kh * kw > 1 else 0, X.dtype)
    padded, inside, taken = _padding(X, axes, images)
    windows = window_view(X if padded is None else padded, axes, groups)
    to, windows = _as_items(A, windows) if groups > 1 else (A, windows)
    for n in range(0, N, images):
        here = slice(n, min(n + images, N))
        if padded is None:
            part = windows[here]
        else:
            part = windows[: here.stop - n]
            padded[: len(part)][inside] = X[here][taken]
        for h in range(0, Ho, rows):
            strip = part[:, h : h + rows]
            if kh * kw > 1:
                here_too = slice(0, len(strip)), slice(0, strip.shape[1])
                to[here_too] = strip
                strip = A[here_too]
            yield (here, slice(h, h + rows)), strip.reshape(-1, groups, kh * kw * I)


def window_view(X, axes, groups=1):
    """View padded X (n, H, W, C) as windows (n, Ho, Wo, G, kh, kw, I)."""
    (h, w), I = axes, X.shape[3] // groups
    step_n, step_h, step_w, step_c = X.strides
    shape = (len(X), h.out, w.out, groups, h.taps, w.taps, I)
    along = (step_n, step_h * h.stride, step_w * w.stride, step_c * I)
    inside = (step_h * h.dilation, step_w * w.dilation, step_c)
    as_strided = backend.xp_of(X).lib.stride_tricks.as_strided
    return as_strided(X, shape, (*along, *inside))


def _as_items(*arrays):
    """The arrays with the channels of a group as one item, where an item can hold them.

    NumPy copies an item at a time where runs are short: 2.5x faster for four float32.
    """
    I, size = arrays[0].shape[-1], arrays[0].shape[-1] * arrays[0].dtype.itemsize
    if I < 2 or size not in ITEMS or any(backend.device_of(a) != "cpu" for a in arrays):
        return arrays
    return [a.view(ITEMS[size]) for a in arrays]


def block_shape(X, row_entries, Ho):
    """(images, output rows) of one block: whole images, or some rows of one image.

    row_entries: how many numbers one output row of an image needs.
    """
    on_host = backend.device_of(X) == "cpu"
    budget = (BLOCK_BYTES if on_host else DEVICE_BLOCK_BYTES) // X.dtype.itemsize
    rows = max(1, min(Ho, budget // max(1, row_entries)))
    images = max(1, min(len(X), budget // max(1, row_entries * Ho)))
    return images, rows


def _padding(X, axes, images):
    """A zeroed buffer of padded images, where images go in it, what of them is taken.

    The buffer is None where X can be read as it lies.
    """
    if X.strides[3] == X.dtype.itemsize and not any(a.before or a.after for a in axes):
        return None, None, None
    inside, taken = [slice(None)], [slice(None)]
    for axis, size in zip(axes, X.shape[1:3]):
        first, last = max(0, -axis.before), min(size, size + axis.after)
        taken.append(slice(first, last))
        inside.append(slice(first + axis.before, last + axis.before))
    sizes = [n + axis.before + axis.after for axis, n in zip(axes, X.shape[1:3])]
    buffer = backend.xp_of(X).zeros((images, *sizes, X.shape[3]), X.dtype)
    return buffer, tuple(inside), tuple(taken)
