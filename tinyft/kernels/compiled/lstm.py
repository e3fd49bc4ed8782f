"""One step of an LSTM and its gradient; the products of the step stay with BLAS.

    i, f, o = s(2z),  g = 2 s(2z) - 1,  c' = f c + i g,  h' = o tanh c'             (1)
    gc += gh o (1 - tanh² c')
    gz = (gc g i(1-i),  gc c f(1-f),  gc i (1-g²),  gh tanh(c') o(1-o)),  gc <- gc f  (2)

s is the sigmoid. z comes with the halves of ops/recurrent/lstm.py: z/2 for i, f and o,
which makes s(2z) the sigmoid of what it was, and z for g, where 2 s(2z) - 1 = tanh z.
"""

from tinyft.kernels.compiled.jit import ONE, TWO, exp, inlined, kernel
from tinyft.kernels.compiled.memory import solid

MATRIX = "f4[:,::1]"


@inlined
def both(x):
    """s(2x)."""
    return ONE / (ONE + exp(-TWO * x))


@kernel(f"void({', '.join([MATRIX] * 5)})")
def forward(Z, C, C_new, tanh_C, H):
    n = C.shape[1]
    for b in range(C.shape[0]):
        z, c, c_new, tanh_c, h = Z[b], C[b], C_new[b], tanh_C[b], H[b]
        zi, zf, zg, zo = z[:n], z[n : 2 * n], z[2 * n : 3 * n], z[3 * n :]
        for j in range(n):
            i, forget, o = both(zi[j]), both(zf[j]), both(zo[j])
            g = TWO * both(zg[j]) - ONE
            v = forget * c[j] + i * g
            t = TWO * both(v) - ONE
            zi[j], zf[j], zg[j], zo[j] = i, forget, g, o
            c_new[j], tanh_c[j], h[j] = v, t, o * t


@kernel(f"void({', '.join([MATRIX] * 6)})")
def backward(Z, C, tanh_C, GH, GC, GZ):
    n = C.shape[1]
    for b in range(C.shape[0]):
        z, c, tanh_c, gh, gc, gz = Z[b], C[b], tanh_C[b], GH[b], GC[b], GZ[b]
        zi, zf, zg, zo = z[:n], z[n : 2 * n], z[2 * n : 3 * n], z[3 * n :]
        gi, gf, gg, go = gz[:n], gz[n : 2 * n], gz[2 * n : 3 * n], gz[3 * n :]
        for j in range(n):
            i, forget, g, o, t = zi[j], zf[j], zg[j], zo[j], tanh_c[j]
            d = gc[j] + gh[j] * o * (ONE - t * t)
            gi[j] = d * g * i * (ONE - i)
            gf[j] = d * c[j] * forget * (ONE - forget)
            gg[j] = d * i * (ONE - g * g)
            go[j] = gh[j] * t * o * (ONE - o)
            gc[j] = d * forget


def cell(z, c, c_new, tanh_c, h):
    """(1): the gates over z (B, 4H), and c', tanh c', h' into the last three (B, H)."""
    forward(z, solid(c), c_new, tanh_c, h)


def cell_gradient(z, c, tanh_c, gh, gc, gz):
    """(2): gz (B, 4H) and the new gc, in place."""
    backward(z, c, tanh_c, gh, gc, gz)
