"""One direction of an LSTM over a whole sequence (Hochreiter and Schmidhuber 1997).

    Z = x W_i^T + b_i + h W_h^T + b_h       columns i, f, g, o
    i, f, o = sigmoid(Z),  g = tanh(Z),     c' = f c + i g,   h' = o tanh(c')        (1)

Backwards, with gc and gh for the gradients that reach c' and h':

    gc += gh o (1 - tanh² c')
    gZ = (gc g i(1-i),  gc c f(1-f),  gc i (1-g²),  gh tanh(c') o(1-o))             (2)
    gc <- gc f,   gh <- gZ W_h + gy of the step before

Fuses all steps, where the composed form records 20 operations for each. x W_i^T is one
product before the loop and gW_h one after it; the four gates are one tanh, since
sigmoid(z) = (1 + tanh(z/2))/2, with the halves put into Z and W_h once; the factors of
gc and gh in (2) are made for all steps at once. See docs/performance.md for times.

Texts of unequal length: a step beyond the end of a text
leaves its h and c as they are, in both directions.
"""

from tinyft import backend
from tinyft.autograd.function import Function
from tinyft.ops.array.choose import where
from tinyft.ops.array.create import zeros_like
from tinyft.ops.blocked.products import SMALL_PRODUCT
from tinyft.ops.neural.linear import linear
from tinyft.ops.operands import cast, wrapped
from tinyft.ops.recurrent.lengths import beside, beyond, inside

FEWEST_ROWS = 8  # of one piece of a step's product; with fewer, packing costs less


class LSTM(Function):
    """h of each step and c of the last one (T + 1, B, H); Z (T, B, 4H) lacks h W_h^T.

    ended: for each step None or (B, 1), True for texts that have ended.
    """

    second_order = False
    fused = ("compiled",)
    instead = "ops.composed.lstm(x, weight_ih, weight_hh, ...)"
    carried = True

    @staticmethod
    def forward(ctx, Z, W, h, c, ended=None, reverse=False):
        xp, (T, B, G) = backend.xp_of(Z), Z.shape
        dtype = backend.result_type(Z.dtype, W.dtype)
        ctx.dtypes, ctx.reverse = (Z.dtype, W.dtype, h.dtype, c.dtype), reverse
        half = _halves(xp, G // 4, dtype)
        Z, right = Z * half, xp.ascontiguousarray(W.T) * half
        out, C = (xp.empty((T + 1, B, G // 4), dtype) for _ in range(2))
        tanh_C, room, before = xp.empty((T, B, G // 4), dtype), xp.empty_like(Z[0]), h
        C[0] = c
        zs, hs, ends = _in_order(reverse, T, Z, out[:T], ended)
        for t in range(T):
            zs[t] += _product(before, right, room)
            cell = zs[t], C[t], C[t + 1], tanh_C[t], hs[t]
            ctx.function.cell(*cell, half, ends[t])
            if ends[t] is not None:
                hs[t] = xp.where(ends[t], before, hs[t])
            before = hs[t]
        out[T] = C[T]
        ctx.save(W, h, out)
        ctx.kept = Z, C, tanh_C, ended
        return out

    @staticmethod
    def backward(ctx, gy):
        W, h, out = ctx.saved
        Z, C, tanh_C, ended = ctx.kept
        xp, T, reverse = backend.xp_of(gy), len(tanh_C), ctx.reverse
        zs, gys, ends = _in_order(reverse, T, Z, gy[:T], ended)
        gZ, known = xp.empty_like(Z), ctx.function.known(zs, C[:T], tanh_C)
        (gzs,) = _in_order(reverse, T, gZ)
        gc, gh = xp.empty((2, *gy.shape[1:]), gZ.dtype)
        gc[...], gh[...] = gy[T], gys[T - 1]
        for t in reversed(range(T)):
            ctx.function.cell_gradient(*(a[t] for a in known), gh, gc, gzs[t])
            kept = None if ends[t] is None else xp.where(ends[t], gh, 0)
            _product(gzs[t], W, gh)
            gh = gh if kept is None else gh + kept
            if t:
                gh += gys[t - 1]
        gW = _recurrent_gradient(gZ, out[:T], h, reverse) if ctx.needs[1] else None
        return tuple(cast(g, d) for g, d in zip((gZ, gW, gh, gc), ctx.dtypes))

    @staticmethod
    def cell(z, c, c_new, tanh_c, h, half, end):
        """(1) of a step: the gates over z, the new states into the arrays for them."""
        xp = backend.xp_of(z)
        _gates(xp, z, half, end)
        _states(xp, z, c, c_new, tanh_c, h)

    @staticmethod
    def known(Z, C, tanh_C):
        """What cell_gradient takes of each step, made for all of them at once."""
        H = C.shape[2]
        return *_slopes(backend.xp_of(Z), Z, C, tanh_C), Z[..., H : 2 * H]

    @staticmethod
    def cell_gradient(slopes, from_h, forget, gh, gc, gz):
        """(2) of a step, into gz and gc."""
        xp, gz = backend.xp_of(gh), gz.reshape(slopes.shape)
        gc += gh * from_h
        xp.multiply(slopes[:, :3], gc[:, None], out=gz[:, :3])
        xp.multiply(slopes[:, 3], gh, out=gz[:, 3])
        gc *= forget


def _in_order(reverse, T, *arrays):
    """Each array in the order in which its T steps are taken; a view, or a list."""
    arrays = [[None] * T if a is None else a for a in arrays]
    return [a[::-1] if reverse else a for a in arrays]


def _halves(xp, H, dtype):
    """1/2 for the columns of sigmoids, 1 for those of the tanh."""
    half = xp.full(4 * H, 0.5, dtype)
    half[2 * H : 3 * H] = 1
    return half


def _gates(xp, z, half, end):
    """i, f, g and o of a step from z, in place; f = 1 and others 0 for ended texts."""
    xp.tanh(z, out=z)
    z *= half
    z += 1 - half
    if end is not None:
        H = len(half) // 4
        z[...] = xp.where(end, 0, z)
        z[:, H : 2 * H] += end


def _states(xp, z, c, c_new, tanh_c, h):
    """c', tanh c' and h' of (1)."""
    i, f, g, o = z.reshape(len(z), 4, c.shape[1]).swapaxes(0, 1)
    xp.multiply(i, g, out=h)
    xp.multiply(f, c, out=c_new)
    c_new += h
    xp.tanh(c_new, out=tanh_c)
    xp.multiply(o, tanh_c, out=h)


def _slopes(xp, Z, C, tanh_C):
    """What multiplies gc, gc, gc, gh in (2), (T, B, 4, H), and gh on its way to gc."""
    T, B, H = tanh_C.shape
    i, _, g, o = xp.moveaxis(Z.reshape(T, B, 4, H), 2, 0)
    slopes = Z - Z * Z
    to_i, to_f, to_g, to_o = xp.moveaxis(slopes.reshape(T, B, 4, H), 2, 0)
    to_i *= g
    to_f *= C
    xp.multiply(g, g, out=to_g)
    xp.subtract(1, to_g, out=to_g)
    to_g *= i
    to_o *= tanh_C
    from_h = tanh_C * tanh_C
    xp.subtract(1, from_h, out=from_h)
    from_h *= o
    return slopes.reshape(T, B, 4, H), from_h


def _recurrent_gradient(gZ, out, h, reverse):
    """gW_h, the sum of gZ^T h over the steps, h being that of the step before."""
    T, B, G = gZ.shape
    first, later, earlier = gZ[0], gZ[1:], out[: T - 1]
    if reverse:
        first, later, earlier = gZ[T - 1], gZ[: T - 1], out[1:]
    rest = later.reshape((T - 1) * B, G).T @ earlier.reshape((T - 1) * B, h.shape[1])
    return first.T @ h + rest


def _product(A, W, out):
    """out = A W, in pieces of rows that OpenBLAS multiplies without packing W again."""
    xp, (M, K), n = backend.xp_of(A), A.shape, 1
    if backend.device_of(A) == "cpu":
        while M * W.size > SMALL_PRODUCT * n and M % (2 * n) == 0:
            n *= 2
        n = n if M >= n * FEWEST_ROWS else 1
    xp.matmul(A.reshape(n, M // n, K), W, out=out.reshape(n, M // n, W.shape[1]))
    return out


def lstm(
    x,
    weight_ih,
    weight_hh,
    bias_ih=None,
    bias_hh=None,
    h=None,
    c=None,
    lengths=None,
    reverse=False,
):
    """Equation (1) over a sequence. Returns Tensors y (T, B, H), h (B, H), c (B, H).

    x (T, B, in), weight_ih (4H, in), weight_hh (4H, H), biases (4H), rows in the order i,
    f, g, o; h and c (B, H) before the first step, 0 by default. reverse: from the last
    step to the first. lengths: the number of steps of each text, B integers; the rest is
    padding, where y is 0 and which changes neither h and c nor any gradient. First
    derivatives only. Raises ValueError, with the shapes, for what does not fit.
    """
    x, *weights = wrapped(x, weight_ih, weight_hh, bias_ih, bias_hh, h, c)
    _check(x, *weights)
    weight_ih, weight_hh, bias_ih, bias_hh, h, c = weights
    real = inside("lstm", lengths, *x.shape[:2])
    x, ended = _filled(real, x), beyond(real, x._data)  # padding may be NaN
    biases = [b for b in (bias_ih, bias_hh) if b is not None]
    Z = linear(x, weight_ih, sum(biases[1:], biases[0]) if biases else None)
    zero = zeros_like(Z[0, :, : weight_hh.shape[1]])
    h, c = (zero if a is None else a for a in (h, c))
    both = LSTM.apply(Z, weight_hh, h, c, ended=ended, reverse=reverse)
    y, h, c = both[:-1], both[0 if reverse else -2], both[-1]
    return _filled(real, y), h, c


def _filled(real, x):
    """x with zeros where it is padding."""
    return x if real is None else where(beside(real, x._data), x, 0.0)


def _check(x, weight_ih, weight_hh, bias_ih, bias_hh, h, c):
    shapes = f"x {x.shape}, weight_ih {weight_ih.shape}, weight_hh {weight_hh.shape}"
    if x.ndim != 3 or len(x) == 0 or weight_hh.ndim != 2:
        raise ValueError(
            f"lstm: got {shapes}; expected x (T, B, in) with a step at least, weight_ih "
            "(4H, in) and weight_hh (4H, H)"
        )
    H = weight_hh.shape[1]
    want = {"weight_hh": (4 * H, H), "weight_ih": (4 * H, x.shape[2])}
    want |= {"bias_ih": (4 * H,), "bias_hh": (4 * H,)}
    want |= {"h": (x.shape[1], H), "c": (x.shape[1], H)}
    given = {"weight_hh": weight_hh, "weight_ih": weight_ih}
    given |= {"bias_ih": bias_ih, "bias_hh": bias_hh, "h": h, "c": c}
    for name, a in given.items():
        if a is not None and a.shape != want[name]:
            raise ValueError(
                f"lstm: {name} has shape {a.shape}, expected {want[name]}; {shapes}"
            )
