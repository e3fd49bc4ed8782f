"""Grader of momentum_step. Bounds: a few roundings, 1e-15, against 1e-9 allowed."""

import numpy as np
import pytest

from tinyft.grading import compare, fail

TOL = 1e-9


def problem(seed, d=5):
    """θ, v, g of three lengths, so that no two mistakes look alike."""
    rng = np.random.default_rng(seed)
    theta, v, g = rng.normal(size=(3, d)) + np.array([[2.0], [1.0], [-1.0]])
    return theta, v, g, rng.uniform(0.05, 0.2), rng.uniform(0.6, 0.8)


def pair(theta, v, step):
    return theta - step, v


def mistakes(theta, v, g, lr, mu):
    """Wrong heavy balls."""
    new = mu * v + g
    average = mu * v + (1 - mu) * g
    inside = mu * v + lr * g
    return {
        "v ← μv + (1 − μ)g, an average": pair(theta, average, lr * average),
        "the rate inside v": pair(theta, inside, inside),
        "θ moves by the old v": pair(theta, new, lr * v),
        "μ multiplies g too": pair(theta, mu * (v + g), lr * mu * (v + g)),
        "θ goes up the gradient": pair(theta, new, -lr * new),
        "θ moves by g alone": pair(theta, new, lr * g),
        "the new v is not returned": pair(theta, v, lr * new),
    }


@pytest.mark.points(2)
def test_heavy_ball(student, seed):
    """One step of the heavy ball from a moving start."""
    theta, v, g, lr, mu = problem(seed)
    before = theta.copy(), v.copy(), g.copy()
    got = student.momentum_step(theta, v, g, lr, mu)
    theta, v, g = before
    new = np.array([np.polyval([one, slope], mu) for one, slope in zip(v, g)])
    compare(
        got,
        want=(theta - lr * new, new),
        mistakes=mistakes(theta, v, g, lr, mu),
        tol=TOL,
        equation="(1.4)",
    )


@pytest.mark.points(2)
def test_nesterov(student, seed):
    """One step of Nesterov: θ moves by η(g + μv') = η((1 + μ)g + μ²v)."""
    theta, v, g, lr, mu = problem(seed)
    new = mu * v + g
    compare(
        student.momentum_step(theta, v, g, lr, mu, True),
        want=(theta - lr * ((1 + mu) * g + mu**2 * v), new),
        mistakes={
            "nesterov makes no difference": pair(theta, new, lr * new),
            "Nesterov: g + v without μ": pair(theta, new, lr * (g + new)),
            "Nesterov: μv without g": pair(theta, new, lr * mu * new),
            "Nesterov: v is the whole step g + μv": (
                pair(theta, g + mu * new, lr * (g + mu * new))
            ),
            "Nesterov: μg + v": pair(theta, new, lr * (mu * g + new)),
        },
        tol=TOL,
        equation="(1.8)",
    )


def test_rate_that_changes(student, seed):
    """Four steps with four rates: v is a sum of gradients and knows no rate."""
    theta0, _, _, _, mu = problem(seed)
    rng = np.random.default_rng(seed + 1)
    gs, lrs = rng.normal(size=(4, len(theta0))), np.array([0.2, 0.05, 0.15, 0.02])
    theta, v = theta0.copy(), np.zeros_like(theta0)
    for g, lr in zip(gs, lrs):
        theta, v = student.momentum_step(theta, v, g, lr, mu)
    weights = np.tril(mu ** np.subtract.outer(range(4), range(4)))  # μ^(t−i), i <= t
    inside = (weights * lrs[None, :]) @ gs
    compare(
        theta,
        want=theta0 - lrs @ (weights @ gs),
        mistakes={
            "the rate inside v": theta0 - inside.sum(axis=0),
            "v ← μv + (1 − μ)g, an average": theta0 - (1 - mu) * lrs @ (weights @ gs),
        },
        tol=TOL,
        equation="(1.4)",
        called="momentum_step 4 times, with another lr each time",
    )


def test_two_powers(student, seed):
    """Twelve steps on a quadratic follow c1 z1^t + c2 z2^t, for both methods."""
    x0, _, _, _, mu = problem(seed)
    h, lr = np.array([0.3, 1.0, 2.2, 4.0, 5.5]), 0.35
    for nesterov in (False, True):
        x, v = x0.copy(), np.zeros_like(x0)
        for _ in range(12):
            x, v = student.momentum_step(x, v, h * x, lr, mu, nesterov)
        keep = 1 - lr * h if nesterov else np.ones(5)  # trace and determinant of a step
        drop = (1 + mu) * keep if nesterov else 1 + mu - lr * h
        first = (1 - (1 + mu) * lr * h) * x0 if nesterov else (1 - lr * h) * x0
        roots = [np.roots([1, -a, mu * b]) for a, b in zip(drop, keep)]
        c = [
            np.linalg.solve([[1, 1], z], pair) for z, pair in zip(roots, zip(x0, first))
        ]
        compare(
            x,
            want=np.array([(a @ z**12).real for a, z in zip(c, roots)]),
            tol=1e-8,  # two close roots make the 2×2 system ill-conditioned, 1e-11
            equation="(1.8)" if nesterov else "(1.5)",
            called=f"momentum_step 12 times with nesterov={nesterov}",
        )
