"""GELU: y = x Phi(x), Phi the normal distribution function.

    "none"  Phi(x) = (1 + erf(x/sqrt 2))/2         y' = Phi(x) + x phi(x)
    "tanh"  Phi(x) ~ (1 + tanh u)/2                y' = (1 + t)/2 + x u' (1 - t²)/2
            with u = sqrt(2/pi) (x + 0.044715 x³), t = tanh u: within 4.7e-4 of y

Source: Hendrycks and Gimpel 2016. BERT and PyTorch use the first, GPT-2 the second.

In float32 the exact form needs one exponential for both Phi and phi, since for a >= 0

    Phi(-a) = e^(-a²/2) (A1 t + A2 t² + ... + A7 t^7),  t = 1/(1 + 0.35 a),         (1)

with A fitted to 7e-8 of Phi near 0 and 4e-8 absolute (Hastings 1955 has this form).

Fuses value and derivative in one walk over cache blocks, in place, and keeps y' where
the composed form keeps seven intermediate arrays; backward is then one product. On 1M
to 3M entries "tanh" takes a third to a sixth of the composed form's time, "none" half.
"""

import math

from tinyft import backend
from tinyft.autograd.function import Function
from tinyft.ops.blocked.blocks import slices
from tinyft.ops.blocked.erf import erf_values


class GELU(Function):
    second_order = False  # keeps the derivative, not x
    fused = ("cuda", "compiled")
    instead = "ops.composed.gelu(x, approximate)"
    carried = True

    @staticmethod
    def forward(ctx, x, approximate):
        xp, x = backend.xp_of(x), backend.as_float(x)
        single = x.dtype == backend.float32
        exact = _gelu_single if single else _gelu_erf
        gelu_block = {"none": exact, "tanh": _gelu_tanh}[approximate]
        y = xp.empty(x.shape, x.dtype)
        ctx.slope = xp.empty(x.shape, x.dtype) if ctx.needs[0] else None
        flat_x, flat_y = x.reshape(-1), y.reshape(-1)
        flat_slope = None if ctx.slope is None else ctx.slope.reshape(-1)
        for piece in slices(x.size, 1, x):
            slope = None if flat_slope is None else flat_slope[piece]
            gelu_block(xp, flat_x[piece], flat_y[piece], slope)
        return y

    @staticmethod
    def backward(ctx, gy):
        if ctx.spent:  # the last walk: the product may lie where the slope does
            return backend.xp_of(gy).multiply(gy, ctx.slope, out=ctx.slope)
        return gy * ctx.slope


C0 = math.sqrt(2 / math.pi)
C1 = 0.044715 * C0
WIDTH = 0.35  # of t in (1); TAIL: A1 to A7
TAIL = (
    0.1397764507328475,
    0.13687136743042597,
    0.1431561170700135,
    0.0089278436304565,
    0.21108152827388013,
    -0.18442859654803948,
    0.04461532515229163,
)


def _gelu_tanh(xp, x, y, slope):
    """y = x (1 + t)/2 and slope = (1 + t)/2 + (1 - t²) x u'/2, with t = tanh u."""
    s = x * x  # never x**3: np.power takes 60x the time of two products
    if xp is not backend.HOST or not xp.maximum.reduce(s) < 1e30:
        xp.minimum(s, 1e3, out=s)  # above it 1 - t² is 0, and 0 times infinity is NaN
    xp.multiply(s, C1, out=y)
    y += C0
    y *= x
    xp.tanh(y, out=y)
    if slope is not None:
        s *= 1.5 * C1
        s += 0.5 * C0  # u' / 2
        xp.multiply(y, y, out=slope)
        xp.subtract(1, slope, out=slope)
        slope *= s
        slope *= x
    y *= 0.5
    y += 0.5
    if slope is not None:
        slope += y
    y *= x


def _gelu_erf(xp, x, y, slope):
    """y = x Phi(x) and slope = Phi(x) + x phi(x), to the precision of float64."""
    z = x * math.sqrt(0.5)
    y[...] = erf_values(z)
    y *= 0.5
    y += 0.5
    if slope is not None:
        z *= z
        xp.negative(z, out=z)
        xp.exp(z, out=slope)
        slope *= 1 / math.sqrt(2 * math.pi)
        slope *= x
        slope += y
    y *= x


def _gelu_single(xp, x, y, slope):
    """The same in float32, from one exponential: equation (1)."""
    e = xp.empty_like(x) if slope is None else slope
    xp.multiply(x, x, out=e)
    e *= -0.5
    xp.exp(e, out=e)
    t = xp.abs(x)
    t *= WIDTH
    t += 1
    xp.reciprocal(t, out=t)
    xp.multiply(t, TAIL[-1], out=y)
    for a in TAIL[-2::-1]:
        y += a
        y *= t
    y *= e  # Phi(-|x|)
    y -= 0.5
    xp.copysign(y, x, out=y)
    y += 0.5  # Phi(x)
    if slope is not None:
        slope *= 1 / math.sqrt(2 * math.pi)
        slope *= x
        slope += y
    y *= x


def gelu(x, approximate="none"):
    """x Phi(x), or GPT-2's approximation of it with "tanh". Returns a Tensor.

    The two differ by up to 4.7e-4. First derivatives only. ValueError for another name.
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: approximate is 'none' or 'tanh', got {approximate!r}")
    return GELU.apply(x, approximate=approximate)
