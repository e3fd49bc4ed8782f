"""Grader of best_rate. Bounds: a few roundings, 1e-15, unless a check says more."""

import math

import numpy as np
import pytest

from tinyft.grading import compare, fail, take

TOL = 1e-9
ORDERS = ("..Ll..", "lL", "L.l.......", ".LlLl")  # where ℓ and L are; two, or repeated


def problem(rng, order):
    """Curvatures h, ℓ and L; the extremes are not where the order would be easy."""
    low, top = rng.uniform(0.2, 0.4), rng.uniform(5.0, 8.0)
    inner = rng.uniform(1.0, 3.0, size=len(order))
    h = [{"l": low, "L": top}.get(one, x) for one, x in zip(order, inner)]
    return np.array(h), low, top


def plain(low, top):
    """η and ρ from 1 − ηℓ = ρ and 1 − ηL = −ρ, two linear equations."""
    return np.linalg.solve([[low, 1.0], [top, -1.0]], [1.0, 1.0])


def ball(low, top):
    """√μ = tanh(¼ ln κ), the half-angle form; then η from (1 + √μ)² = ηL."""
    root = math.tanh(math.log(top / low) / 4)
    return (1 + root) ** 2 / top, root


@pytest.mark.points(2)
@pytest.mark.draws(*ORDERS)
def test_gradient_descent(student, rng, draw):
    """Gradient descent: η, no momentum, ρ."""
    h, low, top = problem(rng, draw)
    eta, rho = plain(low, top)
    first, last = sorted((h[0], h[-1]))
    eta1, rho1 = plain(first, last) if first < last else (1 / first, 0.0)
    want = eta, 0.0, rho
    known = {
        "η = 2/L, the edge of stability": (2 / top, 0.0, rho),
        "η = 1/L": (1 / top, 0.0, rho),
        "η = 1/L, and its 1 − ℓ/L": (1 / top, 0.0, 1 - low / top),
        "η = 1/(L + ℓ): the 2 is missing": (eta / 2, 0.0, rho),
        "η = (L + ℓ)/2, not one over it": (1 / eta, 0.0, rho),
        "η = 1/√(Lℓ), with the geometric mean": ((top * low) ** -0.5, 0.0, rho),
        "the mean curvature instead of (L + ℓ)/2": (1 / np.mean(h), 0.0, rho),
        "ρ is squared: the factor of the loss, not of the error": (eta, 0.0, rho**2),
        "ρ is negative: L and ℓ are swapped in it": (eta, 0.0, -rho),
        "ρ = 1/κ": (eta, 0.0, low / top),
        "ρ of the heavy ball": (eta, 0.0, ball(low, top)[1]),
        "ρ is returned before μ": (eta, rho, 0.0),
        "the first and last curvature instead of ℓ and L": (eta1, 0.0, rho1),
    }
    compare(
        student.best_rate(h, False),
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(1.3)",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*ORDERS)
def test_heavy_ball(student, rng, draw):
    """The heavy ball: η, μ, ρ."""
    h, low, top = problem(rng, draw)
    (eta, root), (eta0, rho0) = ball(low, top), plain(low, top)
    first, last = sorted((h[0], h[-1]))
    eta1, root1 = ball(first, last)
    want = eta, root**2, root
    known = {
        "κ instead of √κ": (eta, rho0**2, rho0),
        "√μ returned as μ": (eta, root, root),
        "ρ = μ, not √μ": (eta, root**2, root**2),
        "μ is squared twice": (eta, root**4, root),
        "ρ is returned before μ": (eta, root, root**2),
        "ρ is negative: L and ℓ are swapped in it": (eta, root**2, -root),
        "η of gradient descent, 2/(L + ℓ)": (eta0, root**2, root),
        "η = 1/L, as Nesterov's": (1 / top, root**2, root),
        "√η returned as η": (math.sqrt(eta), root**2, root),
        "η = 1/(√L + √ℓ)²: the 2 inside the square is missing": (
            eta / 4,
            root**2,
            root,
        ),
        "η = 2/(√L + √ℓ)²: the 2 is outside the square": (eta / 2, root**2, root),
        "the curvatures in η without their roots": (eta0**2, root**2, root),
        "the first and last curvature instead of ℓ and L": (eta1, root1**2, root1),
        "heavy_ball makes no difference": (eta0, 0.0, rho0),
    }
    compare(
        student.best_rate(h, True),
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(1.7)",
    )


def radius(h, eta, mu):
    """Largest |eigenvalue| of one step (x, v) → (x − ηv', v'), v' = μv + hx."""
    steps = [[[1 - eta * one, -eta * mu], [one, mu]] for one in h]
    return np.max(np.abs(np.linalg.eigvals(np.array(steps))))


@pytest.mark.draws((False, ORDERS[0]), (True, ORDERS[1]), (True, ORDERS[2]))
def test_rho_is_the_real_radius(student, rng, draw):
    """ρ is the spectral radius of the step with these η and μ; its neighbours are worse."""
    heavy_ball, order = draw
    h, _, _ = problem(rng, order)
    got = take(student.best_rate(h, heavy_ball), eta=(), mu=(), rho=())
    eta, mu, rho = map(float, got)
    if not np.isfinite(eta) or not 0 <= mu < 1:
        fail(f"η = {eta:.4g} and μ = {mu:.4g} are no step", "μ lies in [0, 1)", "(1.6)")
    compare(
        rho,
        want=radius(h, eta, mu),
        tol=1e-5,  # at the best pair two eigenvalues meet: they err by √1e-16 = 1e-8
        equation="(1.6)",
        called=f"ρ of best_rate(h, {heavy_ball}) against the matrices of one step",
    )
    for factor in (0.97, 1.03):
        for other in {(factor * eta, mu), (eta, factor * mu)} - {(eta, mu)}:
            if radius(h, *other) <= rho:
                said = f"({other[0]:.4g}, {other[1]:.4g}) is faster than yours"
                fail("your (η, μ) is not the best pair", said, "(1.7)")
