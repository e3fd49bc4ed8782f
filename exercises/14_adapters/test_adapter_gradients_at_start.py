"""Grader of adapter_gradients_at_start. Bounds: rounding; the complex step is exact."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-10
S = 1.6


def problem(seed, B=5, d=4, m=3):
    rng = np.random.default_rng(seed)
    y, g = rng.normal(size=(B, d)), rng.normal(size=(B, d))
    return y, g, rng.normal(size=(m, d)), rng.normal(size=m) + 0.5


def gradients(y, g, D, b, s, U, c):
    """All four by the complex step on L = Σ g∘y': no backward pass."""
    values, step, found = [D, b, U, c], 1e-30, []

    def L(D, b, U, c):
        return np.sum(g * (y + s * (np.tanh(y @ D.T + b) @ U.T + c)))

    for i, value in enumerate(values):
        slope = np.empty(value.shape)
        for at in np.ndindex(value.shape):
            moved = [v.astype(complex) for v in values]
            moved[i][at] += 1j * step
            slope[at] = L(*moved).imag / step
        found.append(slope)
    return found


def start(y, g, D, b, s):
    d, m = y.shape[1], len(b)
    return gradients(y, g, D, b, s, np.zeros((d, m)), np.zeros(d))


@pytest.mark.points(2)
def test_up(student, seed):
    """The gradients of U and c, all that learns in the first step."""
    y, g, D, b = problem(seed)
    _, _, gU, gc = start(y, g, D, b, S)
    linear = S * np.einsum("bi,bj->ij", g, y @ D.T + b)
    no_b = S * np.einsum("bi,bj->ij", g, np.tanh(y @ D.T))
    slope = S * np.einsum("bi,bj->ij", g, 1 / np.cosh(y @ D.T + b) ** 2)
    compare(
        student.adapter_gradients_at_start(y, g, D, b, S)[2:],
        want=(gU, gc),
        mistakes={
            "gU is transposed": lambda: (gU.T, gc),
            "gU without tanh": (linear, gc),
            "b is missing in gU": (no_b, gc),
            "gU without the scale": (gU / S, gc),
            "gc without the scale": (gU, gc / S),
            "gc is a mean over the batch": (gU, gc / len(y)),
            "gU is a mean over the batch": (gU / len(y), gc),
            "gc is zero": (gU, 0 * gc),
            "gU is zero, as if U = 0 stopped it": (0 * gU, gc),
            "gU has the slope of tanh, not its value": (slope, gc),
            "the scale is squared in gU": (S * gU, gc),
            "the order is gD, gb, gU, gc": lambda: (0 * D, 0 * b),
        },
        tol=TOL,
        equation="(14.3)",
    )


def test_down_does_not_move(student, seed):
    """D and b have no gradient at the start."""
    y, g, D, b = problem(seed)
    gD, gb, _, _ = start(y, g, D, b, S)
    as_if = gradients(y, g, D, b, S, D.T, np.zeros(len(D.T)))
    compare(
        student.adapter_gradients_at_start(y, g, D, b, S)[:2],
        want=(gD, gb),
        mistakes={
            "gD as if U were Dᵀ": (as_if[0], gb),
            "gb as if U were Dᵀ": (gD, as_if[1]),
        },
        tol=TOL,
        scale=1,  # what is wanted is 0
        equation="(14.3)",
    )


def test_default_scale(student, seed):
    """Left out, the scale is 1."""
    y, g, D, b = problem(seed, B=6, d=3, m=4)
    compare(
        student.adapter_gradients_at_start(y, g, D, b)[2:],
        want=tuple(start(y, g, D, b, 1.0)[2:]),
        tol=TOL,
        equation="(14.3)",
    )
