"""The LSTM, step by step (see composed/__init__.py).

i, f, o = sigmoid(x W_iᵀ + b_i + h W_hᵀ + b_h),  g = tanh(...)      columns i, f, g, o
c' = f c + i g,   h' = o tanh(c')
"""

from tinyft.ops.array.choose import where
from tinyft.ops.array.create import zeros_like
from tinyft.ops.array.join import split, stack
from tinyft.ops.array.trig import tanh
from tinyft.ops.array.unary import sigmoid
from tinyft.ops.composed.layers import linear
from tinyft.ops.recurrent.lengths import beside, inside


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
    """y, h and c of the equations above; beyond the end of a text h and c stay."""
    (T, B, _), H, y = x.shape, weight_hh.shape[1], {}
    real = inside("lstm", lengths, T, B)
    real = None if real is None else beside(real, x._data)
    x = x if real is None else where(real, x, 0.0)
    Z = linear(x, weight_ih, bias_ih)
    h, c = (zeros_like(Z[0, :, :H]) if a is None else a for a in (h, c))
    for t in reversed(range(T)) if reverse else range(T):
        h_new, c_new = _step(Z[t] + linear(h, weight_hh, bias_hh), c)
        h, c = _kept(real, t, h_new, h), _kept(real, t, c_new, c)
        y[t] = _kept(real, t, h, 0.0)
    return stack([y[t] for t in range(T)]), h, c


def _step(z, c):
    i, f, g, o = split(z, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(c), c


def _kept(real, t, new, old):
    """`new` where step t belongs to the text, else `old`."""
    return new if real is None else where(real[t], new, old)
