"""Grader of lean_layer. Slopes by the complex step; a few products of size one: 1e-13.

The grader keeps the tape: it hands back as `kept` what lean_forward returned, and x to
nobody.
"""

import numpy as np
import pytest

from tinyft.grading import compare, fail, take

TOL = 1e-9
EQUATION = "(19.3)"
SIZES = [  # batch axes, out, in, r: no two sizes of a draw are equal
    ((8,), 5, 6, 3),
    ((2, 4), 3, 7, 5),
    ((3, 5, 2), 6, 4, 1),
    ((), 7, 5, 2),
]


def problem(rng, batch, out, inputs, r):
    shapes = (*batch, inputs), (out, inputs), (r, inputs), (out, r)
    return *(rng.normal(size=shape) for shape in shapes), rng.uniform(1.5, 2.5)


def output(x, W, A, B, s):
    """One row at a time, through the whole matrix."""
    return np.einsum("...i,oi->...o", x, W + s * np.einsum("or,ri->oi", B, A))


def slope(f, at, h=1e-30):
    """∂f/∂at by Im f(at + ih e)/h for every entry e."""
    found = np.empty(at.shape)
    for i in np.ndindex(at.shape):
        moved = at.astype(complex)
        moved[i] += 1j * h
        found[i] = f(moved).imag / h
    return found


def forward(student, given):
    """(y, kept) of the answer, its shapes looked at."""
    x, W, _, B, _ = given
    shapes = {"y": (*x.shape[:-1], len(W)), "kept": (*x.shape[:-1], None)}
    y, kept = take(student.lean_forward(*given), EQUATION, **shapes)
    if kept.shape[-1] > B.shape[1]:
        fail(
            f"kept has {kept.shape[-1]} numbers per token, more than r = {B.shape[1]}",
            "A is frozen, so no gradient needs x itself; what does gB need?",
            equation=EQUATION,
        )
    return y, kept


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_forward(student, rng, draw):
    """y, and r numbers per token."""
    given = x, W, A, B, s = problem(rng, *draw)
    want, base, low = (
        output(*given),
        output(x, W, A, 0 * B, s),
        output(x, 0 * W, A, B, s),
    )
    known = {
        "the scale is left out": base + low / s,
        "the frozen weight is left out": low,
        "the adapter is left out": base,
        "the scale is on the base too": s * base + low,
        "the update is subtracted": base - low,
        "the scale is squared": base + s * low,
    }
    y = forward(student, given)[0]
    compare(y, want=want, mistakes=known, tol=TOL, equation=EQUATION)


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_backward(student, rng, draw):
    """gB and gx from what was kept."""
    given = x, W, A, B, s = problem(rng, *draw)
    y, kept = forward(student, given)
    gy = rng.normal(size=y.shape)
    want = (
        slope(lambda b: np.sum(gy * output(x, W, A, b, s)), B),
        slope(lambda v: np.sum(gy * output(v, W, A, B, s)), x),
    )
    got = take(
        student.lean_backward(gy, kept, W, A, B, s), EQUATION, gB=B.shape, gx=x.shape
    )
    gB, gx = want
    through_W, n = gy @ W, gy.size // gy.shape[-1]
    through_BA = gx - through_W
    known = {
        "gB: s is missing": (gB / s, gx),
        "gB: s² instead of s": (gB * s, gx),
        "gB: the sign is wrong": (-gB, gx),
        "gx: s is missing": (gB, through_W + through_BA / s),
        "gx: s² instead of s": (gB, through_W + through_BA * s),
        "gx: the way back through the adapter is left out": (gB, through_W),
        "gx: the way back through W is left out": (gB, through_BA),
        "gx: the scale is on W too": (gB, s * through_W + through_BA),
        "s is missing in both": (gB / s, through_W + through_BA / s),
    }
    if n > 1:
        known["divided by the batch, which is in gy already"] = (gB / n, gx / n)
        known["gB is divided by the batch, which is in gy already"] = (gB / n, gx)
    compare(
        got,
        want=want,
        mistakes=known,
        tol=TOL,
        equation=EQUATION,
        called="lean_backward: gB, gx",
    )


def descend(W1, A1, B1, W2, A2, B2, X, Y, s, lr, steps):
    """(B1, B2) of two layers with a tanh between them, by slopes of the loss."""

    def loss(b1, b2):
        h = np.tanh(output(X, W1, A1, b1, s))
        return np.sum((output(h, W2, A2, b2, s) - Y) ** 2) / (2 * len(X))

    for _ in range(steps):
        first, second = B1, B2
        g1 = slope(lambda b, other=second: loss(b, other), first)
        g2 = slope(lambda b, other=first: loss(other, b), second)
        B1, B2 = first - lr * g1, second - lr * g2
    return B1, B2


@pytest.mark.points(3)
@pytest.mark.draws((9, 5, 4, 7, 2, 3), (6, 8, 5, 3, 1, 4))
def test_training(student, rng, draw):
    """Two such layers train, tanh between them: some steps of gradient descent."""
    n, inputs, hidden, out, r, steps = draw
    X, W1, A1, B1, s = problem(rng, (n,), hidden, inputs, r)
    _, W2, A2, B2, _ = problem(rng, (n,), out, hidden, r)
    Y, lr = rng.normal(size=(n, out)), 0.02
    given = [0.5 * W1, A1, 0.3 * B1, 0.5 * W2, A2, 0.3 * B2]
    want = descend(*given, X, Y, s, lr, steps)
    W1, A1, B1, W2, A2, B2 = given
    for _ in range(steps):
        y1, kept1 = forward(student, (X, W1, A1, B1, s))
        h = np.tanh(y1)
        y2, kept2 = forward(student, (h, W2, A2, B2, s))
        gy = (y2 - Y) / n
        g2, gh = _backward(student, gy, kept2, W2, A2, B2, s)
        g1, _ = _backward(student, gh * (1 - h**2), kept1, W1, A1, B1, s)
        B1, B2 = B1 - lr * g1, B2 - lr * g2
    compare(
        (B1, B2),
        want=want,
        mistakes={},
        tol=TOL,
        equation=EQUATION,
        called=f"B of both layers after {steps} steps",
    )


def _backward(student, gy, kept, W, A, B, s):
    found = student.lean_backward(gy, kept, W, A, B, s)
    return take(found, EQUATION, gB=B.shape, gx=(*gy.shape[:-1], W.shape[1]))
