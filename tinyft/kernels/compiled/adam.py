"""Adam's step in one walk over a slab of parameters.

    h = g + coupled p,  m <- m + (1 - b1)(h - m),  v <- v + (1 - b2)(h² - v)
    p <- shrink p - step m / (sqrt(v) + eps)

`step` and `eps` hold the bias corrections; AMSGrad divides by the largest v so far.
Formulas: optim/adam.py.
"""

from math import sqrt

from tinyft.kernels.compiled.jit import ONE, f, kernel
from tinyft.kernels.compiled.memory import NONE, solid

VECTORS = ", ".join(["f4[::1]"] * 5)


@kernel(f"void({VECTORS}, f4, f4, f4, f4, f4, f4)")
def walk(p, g, m, v, most, new1, new2, step, eps, coupled, shrink):
    """new1 = 1 - b1 and new2 = 1 - b2; with 1 the old moment leaves no rounding."""
    for i in range(p.size):
        h = g[i] + coupled * p[i]
        mi = h if new1 == ONE else m[i] + (h - m[i]) * new1
        vi = h * h if new2 == ONE else v[i] + (h * h - v[i]) * new2
        m[i], v[i] = mi, vi
        if most.size:
            vi = most[i] if most[i] > vi else vi
            most[i] = vi
        p[i] = p[i] * shrink - step * mi / (f(sqrt(vi)) + eps)


def adam(p, g, state, numbers):
    """One step in place; numbers: (b1, b2, step, eps, coupled, shrink)."""
    beta1, beta2, *others = numbers
    arrays = p, g, *state
    there = [solid(a) for a in arrays]
    most = there[4:] or [NONE]
    walk(*there[:4], *most, 1 - beta1, 1 - beta2, *others)
    for a, b in zip(arrays, there):
        if a is not b and a is not g:  # an array without C order or alignment
            a[...] = b
