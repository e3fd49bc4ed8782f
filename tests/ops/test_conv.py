"""conv2d against its composed twin (im2col and a product), gradcheck, and closed forms.

Tolerances. float64: 1e-12 of the largest entry, some hundred roundings of 1e-16 in sums
of at most 200 products. Finite differences: gradcheck's own 1e-6.
"""

import numpy as np
import pytest

from tinyft import Tensor, gradcheck, no_grad, ops, tensor
from tinyft.autograd import grad
from tinyft.ops.blocked import blocks, columns, correlate, products, tap_rows

CASES = [  # x, weight, stride, padding, groups, dilation: no two dimensions alike
    ((2, 3, 7, 6), (4, 3, 3, 2), 1, 0, 1, 1),
    ((2, 3, 7, 6), (4, 3, 3, 3), 1, 1, 1, 1),
    ((2, 3, 8, 7), (4, 3, 3, 5), 2, (1, 2), 1, 1),
    ((2, 3, 9, 7), (5, 3, 2, 3), (3, 2), (2, 0), 1, 1),
    ((2, 3, 9, 8), (5, 3, 3, 2), 1, 2, 1, (2, 3)),
    ((2, 3, 11, 9), (5, 3, 3, 3), (4, 2), 1, 1, (2, 4)),  # some pixels meet no tap
    ((2, 3, 12, 11), (5, 3, 3, 3), (2, 3), 1, 1, (3, 2)),
    ((2, 4, 7, 6), (6, 2, 3, 2), 2, 1, 2, 1),
    ((2, 3, 7, 6), (6, 1, 3, 3), 1, 1, 3, 1),  # depthwise, two outputs a channel
    ((2, 3, 7, 6), (3, 1, 3, 2), 1, (1, 0), 3, 1),  # depthwise
    ((2, 3, 9, 8), (3, 1, 3, 4), (2, 3), (1, 2), 3, (1, 2)),
    ((2, 3, 11, 9), (3, 1, 3, 3), (4, 2), 3, 3, (2, 4)),  # windows of zeros alone
    ((2, 3, 5, 4), (3, 1, 1, 1), 2, 0, 3, 1),
    ((2, 6, 9, 8), (9, 2, 3, 2), (3, 2), (2, 1), 3, (2, 1)),
    ((2, 4, 5, 6), (6, 2, 1, 1), 1, 0, 2, 1),
    ((3, 4, 5, 6), (7, 4, 1, 1), 1, 0, 1, 1),
    ((3, 4, 5, 6), (7, 4, 1, 1), 2, 1, 1, 1),
    ((2, 3, 3, 4), (5, 3, 3, 4), 1, 0, 1, 1),  # one window
]


def draw(*shapes, dtype="f8", seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def close(got, want, tol=1e-12):
    assert got.shape == want.shape
    assert np.abs(got - want).max(initial=0) <= tol * np.abs(want).max(initial=1)


def dense(w, groups, dilation):
    """The weight (O, C, kh', kw') that needs neither groups nor dilation."""
    (O, I, kh, kw), (d, e) = w.shape, ops.blocked.window.pair(dilation)
    full = np.zeros((O, I * groups, d * (kh - 1) + 1, e * (kw - 1) + 1))
    for o in range(O):
        first = o // (O // groups) * I
        full[o, first : first + I, ::d, ::e] = w[o]
    return full


def twin(x, w, b, stride, padding):
    """conv2d as im2col and one matrix product, of primitive operations."""
    O, _, kh, kw = w.shape
    columns = ops.im2col(x, (kh, kw), stride, padding)  # (N, Ho Wo, C kh kw)
    y = columns @ w.reshape(O, -1).T + b
    s, p = ops.blocked.window.pair(stride), ops.blocked.window.pair(padding)
    Ho, Wo = (
        (n + 2 * q - k) // t + 1 for n, q, k, t in zip(x.shape[2:], p, (kh, kw), s)
    )
    return y.transpose(0, 2, 1).reshape(x.shape[0], O, Ho, Wo)


def test_im2col_by_hand():
    x = tensor(np.arange(12.0).reshape(1, 1, 3, 4))
    rows = ops.im2col(x, 2, stride=(1, 2)).numpy()
    want = [[0, 1, 4, 5], [2, 3, 6, 7], [4, 5, 8, 9], [6, 7, 10, 11]]
    np.testing.assert_array_equal(rows, [want])
    assert gradcheck(
        lambda a: ops.im2col(a, (2, 3), (1, 2), 1), Tensor(draw((2, 3, 5, 4))[0], True)
    )


@pytest.mark.parametrize("case", CASES)
def test_equals_its_composed_twin(case):
    shape, w_shape, stride, padding, groups, dilation = case
    x, w, b = draw(shape, w_shape, w_shape[:1])
    X, W, B = (Tensor(a, requires_grad=True) for a in (x, w, b))
    y = ops.conv2d(X, W, B, stride, padding, groups, dilation)
    u = draw(y.shape, seed=1)[0]
    got = [g.numpy() for g in grad(y, [X, W, B], [Tensor(u)])]
    full = Tensor(dense(w, groups, dilation), requires_grad=True)
    same = twin(X, full, B, stride, padding)
    gx, gfull, gb = (g.numpy() for g in grad(same, [X, full, B], [Tensor(u)]))
    close(y.numpy(), same.numpy())
    close(got[0], gx)
    close(got[2], gb)
    mask = dense(np.ones_like(w), groups, dilation) != 0  # where w went, in its order
    close(got[1], gfull[mask].reshape(w.shape))


@pytest.mark.parametrize("case", CASES)
def test_gradcheck(case):
    shape, w_shape, *options = case
    x, w, b = (Tensor(a, requires_grad=True) for a in draw(shape, w_shape, w_shape[:1]))
    assert gradcheck(lambda *xs: ops.conv2d(*xs, *options), x, w, b)


@pytest.mark.parametrize("case", [CASES[i] for i in (1, 3, 5, 6, 7, 10, 11, 13)])
def test_second_order(case):
    shape, w_shape, *options = case
    x, w, b = (Tensor(a, requires_grad=True) for a in draw(shape, w_shape, w_shape[:1]))

    def squared(*xs):  # so that every second derivative is there
        return ops.conv2d(*xs, *options) * ops.conv2d(*xs, *options)

    assert gradcheck(squared, x, w, b, order=2)


@pytest.mark.parametrize("case", CASES)
def test_recorded_gradients_are_the_plain_ones(case):
    shape, w_shape, *options = case
    leaves = [Tensor(a, True) for a in draw(shape, w_shape, w_shape[:1])]
    y = ops.conv2d(*leaves, *options)
    u = Tensor(draw(y.shape, seed=1)[0])
    plain = grad(y, leaves, [u], retain_graph=True)
    for got, want in zip(grad(y, leaves, [u], create_graph=True), plain):
        close(got.numpy(), want.numpy())


def test_third_derivative_of_a_cube():
    """y = w x at 1 x 1, so d³(y³)/dx³ = 6 w³: exact in float64."""
    x, w = tensor([[[[2.0]]]], True, "f8"), tensor([[[[3.0]]]], True, "f8")
    y = ops.conv2d(x, w)
    g = y * y * y
    for _ in range(3):
        g = grad(g, x, create_graph=True)
    assert g.item() == 6 * 27


def test_transpose_is_the_adjoint():
    """<conv(x), u> = <x, conv_transpose(u)>, which defines it."""
    for shape, w_shape, stride, padding, groups, dilation in CASES:
        x, w = draw(shape, w_shape)
        y = ops.conv2d(x, w, None, stride, padding, groups, dilation).numpy()
        u = draw(y.shape, seed=2)[0]
        rest = [
            (n + 2 * p - d * (k - 1) - 1) % s
            for n, k, s, p, d in zip(
                shape[2:],
                w_shape[2:],
                *map(ops.blocked.window.pair, (stride, padding, dilation)),
            )
        ]
        back = ops.conv_transpose2d(u, w, None, stride, padding, rest, groups, dilation)
        assert back.shape == shape
        close((back.numpy() * x).sum(), (y * u).sum(), 1e-11)


def test_transpose_gradcheck_and_bias():
    x, w, b = (Tensor(a, True) for a in draw((2, 4, 5, 3), (4, 3, 3, 2), (6,)))

    def transpose(*xs):
        return ops.conv_transpose2d(*xs, stride=(2, 3), padding=1, groups=2)

    assert gradcheck(transpose, x, w, b, order=2)


def test_conv1d_is_a_sliding_dot_product():
    x, w, b = draw((2, 3, 9), (4, 3, 4), (4,))
    y = ops.conv1d(x, w, b, stride=2).numpy()
    for n, o, t in np.ndindex(2, 4, 3):
        want = (x[n, :, 2 * t : 2 * t + 4] * w[o]).sum() + b[o]
        assert abs(y[n, o, t] - want) < 1e-12
    assert gradcheck(lambda *xs: ops.conv1d(*xs, padding=2), Tensor(x, True), Tensor(w))


def test_cross_correlation_and_the_conjugate_dft():
    """On a padded circle y_hat = conj(w_hat) x_hat: correlation, not convolution."""
    (x,), (w,) = draw((1, 1, 1, 16)), draw((1, 1, 1, 5))
    around = np.concatenate([x, x[..., :4]], axis=3)
    y = ops.conv2d(around, w).numpy()
    want = np.fft.ifft(np.fft.fft(x) * np.conj(np.fft.fft(w, 16))).real
    close(y, want)


@pytest.mark.parametrize(
    "layout", ["channels last", "strided", "broadcast", "reversed"]
)
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_any_memory_order(layout, groups):
    x, w = draw((2, 4, 6, 5), (4, 4 // groups, 3, 2))
    if layout == "channels last":
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    elif layout == "strided":
        x, w = draw((4, 4, 6, 10))[0][::2, :, :, ::2], draw((4, 8, 3, 2))[0]
        w = w[:, : 8 // groups : 2]
    elif layout == "broadcast":
        x = np.broadcast_to(x[:1, :1], x.shape)
    else:
        x, w = x[:, ::-1, ::-1], w[..., ::-1]
    plain = (np.ascontiguousarray(x), np.ascontiguousarray(w))
    results = []
    for a, v in ((x, w), plain):
        X, W = Tensor._of(a, None), Tensor._of(v, None)
        X.requires_grad_(), W.requires_grad_()
        y = ops.conv2d(X, W, padding=1, groups=groups)
        y.backward(np.cos(np.arange(y.size)).reshape(y.shape))
        results.append((y.numpy(), X.grad.numpy(), W.grad.numpy()))
    for got, want in zip(*results):
        close(got, want)


def test_results_stay_in_channels_last_memory():
    x, w = (Tensor(a, requires_grad=True) for a in draw((2, 3, 6, 5), (4, 3, 3, 3)))
    y = ops.conv2d(x, w, padding=1)
    z = ops.conv2d(y * y + y, Tensor(draw((5, 4, 1, 1))[0]), stride=2)
    assert all(t._data.transpose(0, 2, 3, 1).flags.c_contiguous for t in (y, z))


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_blocks_do_not_change_the_result(groups, monkeypatch):
    """Blocks of some images, of one, and of some rows of one; stacks and remainders."""
    x, w = draw((5, 4, 9, 8), (4, 4 // groups, 3, 3))
    u = draw((5, 4, 9, 8), seed=1)[0]

    def run():
        X, W = Tensor(x, True), Tensor(w, True)
        y = ops.conv2d(X, W, padding=1, groups=groups)
        return y.numpy(), *(g.numpy() for g in grad(y, [X, W], [Tensor(u)]))

    whole = run()
    monkeypatch.setattr(products, "FEWEST_ROWS", 2)
    monkeypatch.setattr(products, "SMALL_PRODUCT", 36 * 4 // groups**2 * 7)
    for images in (2.5, 1, 0.4, 0.01):
        monkeypatch.setattr(columns, "BLOCK_BYTES", int(images * 72 * 36 * 8))
        monkeypatch.setattr(blocks, "ENTRIES", int(images * 72 * 4))
        for got, want in zip(run(), whole):
            close(got, want)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_large_weights_are_multiplied_as_they_lie(groups, monkeypatch):
    """The layouts of a weight's matrix: read in place, transposed runs, a copy."""
    for k in (1, 3):
        x, w = draw((2, 4, 6, 5), (8, 4 // groups, k, k))
        results = []
        for limit in (0, 10**6):
            monkeypatch.setattr(correlate, "LARGE_WEIGHT", limit)
            X, W = Tensor(x, True), Tensor(w, True)
            y = ops.conv2d(X, W, padding=1, groups=groups)
            y.backward(np.cos(np.arange(y.size)).reshape(y.shape))
            results.append((y.numpy(), X.grad.numpy(), W.grad.numpy()))
        for got, want in zip(*results):
            close(got, want)


@pytest.mark.parametrize(
    "case",
    [
        ((3, 4, 15, 14), (8, 4, 3, 3), 1),
        ((3, 8, 16, 15), (9, 8, 2, 3), (0, 2)),
        ((2, 3, 17, 18), (8, 3, 5, 1), (2, 0)),
        ((2, 8, 17, 18), (8, 8, 3, 3), (3, 0)),
    ],
)
def test_columns_of_one_tap_row(case, monkeypatch):
    """Taken for few channels and images of 14 x 14 on; equal to all columns at once."""
    shape, w_shape, padding = case
    x, w = draw(shape, w_shape)
    x = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    taken, fits = [], tap_rows.fits

    def run(on):
        seen = lambda *a: taken.append(on and fits(*a)) or taken[-1]  # noqa: E731
        monkeypatch.setattr(tap_rows, "fits", seen)
        X, W = Tensor(x, True), Tensor(w, True)
        y = ops.conv2d(X, W, padding=padding)
        u = Tensor(np.cos(np.arange(y.size)).reshape(y.shape))
        return y.numpy(), *(g.numpy() for g in grad(y, [X, W], [u]))

    rows = run(True)
    assert taken == [True, shape[1] >= 8]
    for got, want in zip(rows, run(False)):
        close(got, want)
    monkeypatch.setattr(columns, "BLOCK_BYTES", 1)  # blocks of less than an image
    for got, want in zip(run(True), rows):
        close(got, want)
    assert taken[-2:] == [False, False]


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 6])
def test_groups_of_every_width_and_dtype(channels, dtype):
    """Widths that are copied as items of 8 or 16 bytes, and others, with an empty batch;
    float32 to 2e-5, 54 products."""
    x, w = draw((2, 3 * channels, 6, 5), (9, channels, 3, 3), dtype=dtype)
    y = ops.conv2d(x, w, padding=1, groups=3)
    parts = np.split(x.astype("f8"), 3, 1), np.split(w.astype("f8"), 3)
    want = [ops.conv2d(a, b, padding=1).numpy() for a, b in zip(*parts)]
    close(y.numpy(), np.concatenate(want, 1), {"f4": 2e-5, "f8": 1e-12}[dtype])
    assert y.dtype == dtype
    assert ops.conv2d(x[:0], w, padding=1, groups=3).shape == (0, 9, 6, 5)


@pytest.mark.parametrize("groups", [2, 4])
def test_a_group_sees_nothing_of_the_others(groups):
    """Infinite or undefined channels of one group leave the other outputs alone."""
    x, w = draw((2, 4, 6, 5), (4, 4 // groups, 3, 3))
    want = ops.conv2d(x, w, padding=1, groups=groups).numpy()
    x[:, 0], w[0] = np.inf, np.nan
    with np.errstate(invalid="ignore"):
        got = ops.conv2d(x, w, padding=1, groups=groups).numpy()
    assert np.isnan(got[:, 0]).all()
    np.testing.assert_array_equal(got[:, 4 // groups :], want[:, 4 // groups :])


def test_only_needed_gradients_are_computed_and_kept(monkeypatch):
    x, w, b = (Tensor(a) for a in draw((2, 3, 6, 5), (4, 3, 3, 3), (4,)))
    made = []
    for name in ("input_gradient", "weight_gradient"):
        fn = getattr(correlate, name)
        monkeypatch.setattr(
            correlate,
            name,
            lambda *a, fn=fn, name=name: made.append((name, len(a))) or fn(*a),
        )
    for leaf, saved, calls in [
        (x, [False, True], [("input_gradient", 5)]),  # its last argument, X, is None
        (w, [True, False], [("weight_gradient", 4)]),
        (b, [False, False], []),
    ]:
        leaf.requires_grad_()
        y = ops.conv2d(x, w, b)
        assert [kept is not None for kept in y._node.saved_here] == saved
        y.sum().backward()
        leaf.requires_grad_(False)
        assert made == calls
        made.clear()
    assert all(leaf.grad is not None for leaf in (x, w, b))
    with no_grad():
        assert ops.conv2d(x, w, b)._node is None


@pytest.mark.parametrize("shape", [(0, 3, 5, 4), (2, 3, 5, 4)])
@pytest.mark.parametrize("w_shape", [(4, 3, 2, 2), (3, 1, 2, 2), (6, 1, 2, 2)])
def test_empty_batch_and_dtypes(shape, w_shape):
    O, groups = w_shape[0], 3 // w_shape[1]
    for dtype in ("f2", "f4", "f8"):
        x, w, b = (Tensor(a, True) for a in draw(shape, w_shape, (O,), dtype=dtype))
        y = ops.conv2d(x, w, b, padding=1, groups=groups)
        y.sum().backward()
        assert y.shape == (shape[0], O, 6, 5) and y.dtype == dtype
        assert [a.grad.dtype for a in (x, w, b)] == [np.dtype(dtype)] * 3
        assert x.grad.shape == shape
    images = np.arange(60, dtype="u1").reshape(1, 3, 5, 4)
    assert ops.conv2d(images, Tensor(draw((4, 3, 2, 2), dtype="f4")[0])).dtype == "f4"


@pytest.mark.parametrize(
    "message, change",
    [
        ("four axes", {"x": (3, 5, 4)}),
        (r"\(2, 5, 5, 4\).*\(4, 3, 2, 2\).*5 channels come", {"x": (2, 5, 5, 4)}),
        ("covers 7 pixels and the padded image has 5", {"weight": (4, 3, 7, 2)}),
        ("groups=2 must divide 4 and 3", {"groups": 2}),
        ("stride is 0, expected a number or a pair, at least 1", {"stride": 0}),
        ("stride", {"stride": (1, 1, 1)}),
        ("padding is -1", {"padding": -1}),
        ("dilation is 0", {"dilation": 0}),
        (r"bias \(3,\)", {"bias": (3,)}),
    ],
)
def test_errors_are_sentences(message, change):
    shapes = {"x": (2, 3, 5, 4), "weight": (4, 3, 2, 2), "bias": (4,)}
    arguments = {k: draw(change.get(k, v))[0] for k, v in shapes.items()} | {
        k: v for k, v in change.items() if k not in shapes
    }
    with pytest.raises(ValueError, match=message):
        ops.conv2d(**arguments)


def test_errors_of_the_relatives():
    x, w = draw((2, 3, 5, 4), (4, 3, 2, 2))
    with pytest.raises(ValueError, match="three axes"):
        ops.conv1d(x, w)
    with pytest.raises(ValueError, match="expected"):
        ops.conv_transpose2d(x, w)
    with pytest.raises(ValueError, match="below the stride"):
        ops.conv_transpose2d(x, w[:3], stride=2, output_padding=2)
    with pytest.raises(ValueError, match=r"padding 3 leaves \[0, -1\] pixels"):
        ops.conv_transpose2d(x, w[:3], padding=3)
    with pytest.raises(ValueError, match="four axes"):
        ops.im2col(x[0], 2)


def test_output_padding_up_to_the_dilation():
    """Row 2 of the padding lies past every tap: zeros, as the longer image of conv2d."""
    x, w = draw((1, 2, 3, 3), (2, 1, 2, 2))
    y = ops.conv_transpose2d(x, w, dilation=3, output_padding=2).numpy()
    np.testing.assert_array_equal(y[..., -2:, :], np.zeros((1, 1, 2, y.shape[-1])))
    inner = ops.conv_transpose2d(x, w, dilation=3).numpy()
    np.testing.assert_array_equal(y[..., :-2, :-2], inner)
