"""Grader of best_rate. Bounds: a few roundings, 1e-15, unless a check says more."""

import math

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9


def problem(seed, d=6):
    """Curvatures in mixed order: neither the first nor the last is ℓ or L."""
    rng = np.random.default_rng(seed)
    low, top = rng.uniform(0.2, 0.4), rng.uniform(5.0, 8.0)
    inner = rng.uniform(1.0, 3.0, size=d - 2)
    return np.concatenate([inner[:2], [top, low], inner[2:]]), low, top


def plain(low, top):
    """η and ρ from 1 − ηℓ = ρ and 1 − ηL = −ρ, two linear equations."""
    return np.linalg.solve([[low, 1.0], [top, -1.0]], [1.0, 1.0])


def ball(low, top):
    """√μ = tanh(¼ ln κ), the half-angle form; then η from (1 + √μ)² = ηL."""
    root = math.tanh(math.log(top / low) / 4)
    return (1 + root) ** 2 / top, root


@pytest.mark.points(2)
def test_gradient_descent(student, seed):
    """Gradient descent: η, no momentum, ρ."""
    h, low, top = problem(seed)
    eta, rho = plain(low, top)
    eta1, rho1 = plain(h[0], h[-1])
    mean = np.mean(h)
    compare(
        student.best_rate(h, False),
        want=(eta, 0.0, rho),
        mistakes={
            "η = 2/L, the edge of stability": (2 / top, 0.0, rho),
            "η = 1/L": (1 / top, 0.0, rho),
            "η = 1/L, and its 1 − ℓ/L": (1 / top, 0.0, 1 - low / top),
            "the mean curvature in place of (L + ℓ)/2": (1 / mean, 0.0, rho),
            "ρ is that of the loss, the square": (eta, 0.0, rho**2),
            "the first and last curvature in place of ℓ and L": (eta1, 0.0, rho1),
            "ρ = 1/κ": (eta, 0.0, low / top),
        },
        tol=TOL,
        equation="(1.3)",
    )


@pytest.mark.points(2)
def test_heavy_ball(student, seed):
    """The heavy ball: η, μ, ρ."""
    h, low, top = problem(seed)
    eta, root = ball(low, top)
    eta0, rho0 = plain(low, top)
    eta1, root1 = ball(*sorted((h[0], h[-1])))
    compare(
        student.best_rate(h, True),
        want=(eta, root**2, root),
        mistakes={
            "κ in place of √κ": (eta, rho0**2, rho0),
            "√μ returned as μ": (eta, root, root),
            "ρ = μ, not √μ": (eta, root**2, root**2),
            "η of gradient descent, 2/(L + ℓ)": (eta0, root**2, root),
            "√η returned as η": (math.sqrt(eta), root**2, root),
            "the curvatures in η without their roots": (eta0**2, root**2, root),
            "the first and last curvature in place of ℓ and L": (eta1, root1**2, root1),
            "heavy_ball makes no difference": (eta0, 0.0, rho0),
        },
        tol=TOL,
        equation="(1.7)",
    )


def radius(h, eta, mu):
    """Largest |eigenvalue| of one step (x, v) → (x − ηv', v'), v' = μv + hx."""
    steps = [[[1 - eta * one, -eta * mu], [one, mu]] for one in h]
    return np.max(np.abs(np.linalg.eigvals(np.array(steps))))


def test_rho_is_the_real_radius(student, seed):
    """ρ is the spectral radius of the step with these η and μ; its neighbours are worse."""
    h, _, _ = problem(seed)
    for heavy_ball in (False, True):
        eta, mu, rho = student.best_rate(h, heavy_ball)
        compare(
            rho,
            want=radius(h, eta, mu),
            tol=1e-5,  # at the best pair two eigenvalues meet: they err by √1e-16 = 1e-8
            equation="(1.6)",
            called=f"ρ of best_rate(h, {heavy_ball}) against the matrices of one step",
        )
        for factor in (0.97, 1.03):
            for other in {(factor * eta, mu), (eta, factor * mu)} - {(eta, mu)}:
                assert radius(h, *other) > rho, (
                    f"(η, μ) = ({other[0]:.4g}, {other[1]:.4g}) is faster than your "
                    f"({eta:.4g}, {mu:.4g}): that is not the best pair. See (1.7)."
                )
