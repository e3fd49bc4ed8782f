"""Grader of adapter_gradients_at_start. Bounds: rounding; the complex step is exact."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-10
SIZES = [  # batch axes, k, d, m, s: no two sizes of a draw are equal
    ((5,), 6, 4, 3, 1.6),
    ((2, 4), 3, 5, 7, 0.4),
    ((), 7, 3, 2, 2.5),
    ((3, 1, 2), 5, 6, 1, 0.7),
]


def problem(rng, batch, k, d, m, s):
    h, g = rng.normal(size=(*batch, k)), rng.normal(size=(*batch, d))
    return h, g, rng.normal(size=(m, k)), rng.normal(size=m) + 0.5, s


def gradients(h, g, D, b, s, U, c):
    """All four by the complex step on L = Σ g∘(y' − y): no backward pass."""
    values, step, found = [D, b, U, c], 1e-30, []

    def L(D, b, U, c):
        return np.sum(g * s * (np.tanh(h @ D.T + b) @ U.T + c))

    for i, value in enumerate(values):
        slope = np.empty(value.shape)
        for at in np.ndindex(value.shape):
            moved = [v.astype(complex) for v in values]
            moved[i][at] += 1j * step
            slope[at] = L(*moved).imag / step
        found.append(slope)
    return found


def start(h, g, D, b, s):
    d, m = g.shape[-1], len(b)
    return gradients(h, g, D, b, s, np.zeros((d, m)), np.zeros(d))


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_up(student, rng, draw):
    """The gradients of U and c, all that learns in the first step."""
    h, g, D, b, s = problem(rng, *draw)
    gD, gb, gU, gc = start(h, g, D, b, s)
    n = g.size // g.shape[-1]

    def outer(f):
        rows, inside = g.reshape(-1, g.shape[-1]), f(h @ D.T).reshape(-1, len(D))
        return s * sum(np.outer(one, other) for one, other in zip(rows, inside))

    known = {
        "gU is transposed": (gU.T, gc),
        "gU without tanh": (outer(lambda a: a + b), gc),
        "b is missing in gU": (outer(np.tanh), gc),
        "gU without the scale": (gU / s, gc),
        "gc without the scale": (gU, gc / s),
        "both without the scale": (gU / s, gc / s),
        "gc is a mean over the batch": (gU, gc / n),
        "gU is a mean over the batch": (gU / n, gc),
        "both are means over the batch": (gU / n, gc / n),
        "gc is zero": (gU, 0 * gc),
        "gU is zero, as if U = 0 stopped it": (0 * gU, gc),
        "gU has the slope of tanh, not its value": (
            outer(lambda a: 1 / np.cosh(a + b) ** 2),
            gc,
        ),
        "the scale is squared in gU": (s * gU, gc),
        "the signs are reversed": (-gU, -gc),
        "gU and gc are returned in the wrong order": (gc, gU),
        "gU and gc come first, gD and gb last": (gD, gb),
    }
    compare(
        student.adapter_gradients_at_start(h, g, D, b, s)[2:],
        want=(gU, gc),
        mistakes=known,
        tol=TOL,
        equation="(14.3)",
    )


@pytest.mark.draws(*SIZES)
def test_down_does_not_move(student, rng, draw):
    """D and b have no gradient at the start."""
    h, g, D, b, s = problem(rng, *draw)
    gD, gb, _, _ = start(h, g, D, b, s)
    compare(
        student.adapter_gradients_at_start(h, g, D, b, s)[:2],
        want=(gD, gb),
        mistakes={"gb and gD are returned in the wrong order": (gb, gD)}
        if len(b) > 1
        else {},
        tol=TOL,
        scale=1,  # what is wanted is 0
        equation="(14.3)",
    )


@pytest.mark.draws(((4,), 5, 5, 3, 1.3), ((3, 2), 4, 4, 2, 0.6))
def test_as_if_up_were_not_zero(student, rng, draw):
    """D and b have no gradient, also where D's transpose would fit for U."""
    h, g, D, b, s = problem(rng, *draw)
    gD, gb, _, _ = start(h, g, D, b, s)
    as_if = gradients(h, g, D, b, s, D.T, np.zeros(len(D.T)))
    compare(
        student.adapter_gradients_at_start(h, g, D, b, s)[:2],
        want=(gD, gb),
        mistakes={
            "gD as if U were Dᵀ": (as_if[0], gb),
            "gb as if U were Dᵀ": (gD, as_if[1]),
        },
        tol=TOL,
        scale=1,  # what is wanted is 0
        equation="(14.3)",
    )


@pytest.mark.draws(((6,), 3, 5, 4), ((2, 3), 4, 7, 2))
def test_default_scale(student, rng, draw):
    """Left out, the scale is 1."""
    h, g, D, b, _ = problem(rng, *draw, 1.0)
    compare(
        student.adapter_gradients_at_start(h, g, D, b)[2:],
        want=tuple(start(h, g, D, b, 1.0)[2:]),
        tol=TOL,
        equation="(14.3)",
    )


def descended(h, g, D, b, lr, s, steps=2, of=gradients, **how):
    """(D, b, U, c) after so many steps by slopes of L; `how`: what goes wrong."""
    p = [D, b, np.zeros((g.shape[-1], len(b))), np.zeros(g.shape[-1])]
    for _ in range(steps):
        G = of(h, g, *p[:2], s, *p[2:])
        if how.get("up_first"):
            p[2:] = [v - lr * d for v, d in zip(p[2:], G[2:])]
            G = [*of(h, g, *p[:2], s, *p[2:])[:2], *G[2:]]
            p[:2] = [v - lr * d for v, d in zip(p[:2], G[:2])]
            continue
        G = [d * on for d, on in zip(G, how.get("moves", (1, 1, 1, 1)))]
        p = [v - lr * d for v, d in zip(p, G)]
    return tuple(p)


def by_hand(h, g, D, b, s, U, c, slope=lambda t: 1 - t**2):
    """The chain rule with another slope of tanh, for the named mistakes."""
    inside = np.tanh(h @ D.T + b)
    back = s * (g @ U) * slope(inside)
    return [back.T @ h, back.sum(0), s * g.T @ inside, s * g.sum(0)]


@pytest.mark.points(3)
@pytest.mark.draws(
    ((5,), 6, 4, 3, 1.6, 0.2), ((8,), 3, 5, 7, 0.7, 0.35), ((1,), 4, 2, 5, 2.2, 0.15)
)
def test_two_steps(student, rng, draw):
    """Two steps: U and c move in the first, D and b only in the second."""
    *sizes, lr = draw
    h, g, D, b, s = problem(rng, *sizes)
    given = h, g, D, b, lr, s
    want = descended(*given)

    def other(slope):
        return descended(*given, of=lambda *a: by_hand(*a, slope=slope))

    n = len(h)
    known = {
        "one step only": descended(*given, steps=1),
        "three steps": descended(*given, steps=3),
        "D and b do not move in the second step either": descended(
            *given, moves=(0, 0, 1, 1)
        ),
        "b does not move": descended(*given, moves=(1, 0, 1, 1)),
        "D does not move": descended(*given, moves=(0, 1, 1, 1)),
        "c does not move": descended(*given, moves=(1, 1, 1, 0)),
        "D's step uses the new U": descended(*given, up_first=True),
        "the steps go up the gradient": descended(h, g, D, b, -lr, s),
        "the slope of tanh is left out": other(lambda t: 1.0),
        "the slope of tanh is 1 − tanh, without the square": other(lambda t: 1 - t),
        "tanh instead of its slope": other(lambda t: t),
        "the scale is left out": descended(h, g, D, b, lr, 1.0),
        "the gradients are means over the batch": descended(h, g, D, b, lr / n, s),
        "the changes are returned, not the parameters": tuple(
            p - q for p, q in zip(want, (D, b, 0, 0))
        ),
        "U and c come first, D and b last": (*want[2:], *want[:2]),
        "both steps use the first gradient": (
            D,
            b,
            *(2 * p for p in descended(*given, steps=1)[2:]),
        ),
    }
    compare(
        student.two_steps(*given),
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(14.3)",
    )
