"""Grader of momentum_step. Bounds: a few roundings, 1e-15, against 1e-9 allowed."""

import numpy as np
import pytest

from tinyft.grading import compare, take

TOL = 1e-9


def problem(rng, d):
    """θ, v, g of three lengths, so that no two mistakes look alike."""
    theta, v, g = rng.normal(size=(3, d)) + np.array([[2.0], [1.0], [-1.0]])
    return theta, v, g, float(rng.uniform(0.05, 0.2)), float(rng.uniform(0.6, 0.8))


# --- steps that are wrong: (θ, v, g, η, μ, nesterov) to (θ, v) ------------------------


def step(velocity=lambda v, g, lr, mu: mu * v + g, lr_inside=False, ahead=None):
    """A step with another velocity, or Nesterov's look ahead by ahead(v, g, μ)."""
    ahead = ahead or (lambda v, g, mu: g + mu * v)

    def rule(theta, v, g, lr, mu, nesterov):
        v = velocity(v, g, lr, mu)
        used = lr * g if lr_inside else g
        move = ahead(v, used, mu) if nesterov else v
        return theta - (1 if lr_inside else lr) * move, v

    return rule


def whole_step_kept(theta, v, g, lr, mu, nesterov):
    v = mu * v + g
    v = g + mu * v if nesterov else v
    return theta - lr * v, v


def returned(change):
    """The right step, with change(θ, v, the old θ, the old v) returned."""
    return lambda theta, v, *given: change(*step()(theta, v, *given), theta, v)


def moved_by(direction):
    def rule(theta, v, g, lr, mu, nesterov):
        return theta - lr * direction(v, g, mu), mu * v + g

    return rule


RULES = {
    "v ← μv + (1 − μ)g, an average": step(lambda v, g, lr, mu: mu * v + (1 - mu) * g),
    "the rate inside v": step(lambda v, g, lr, mu: mu * v + lr * g, True),
    "the rate inside v and again in the step": step(
        lambda v, g, lr, mu: mu * v + lr * g
    ),
    "μ multiplies g too": step(lambda v, g, lr, mu: mu * (v + g)),
    "μ is missing in v": step(lambda v, g, lr, mu: v + g),
    "g is subtracted in v": step(lambda v, g, lr, mu: mu * v - g),
    "1 − μ instead of μ": step(lambda v, g, lr, mu: (1 - mu) * v + g),
    "θ goes up the gradient": returned(lambda new, v, old, _: (2 * old - new, v)),
    "the new v is not returned": returned(lambda new, _, theta, v: (new, v)),
    "v is returned before θ": returned(lambda new, v, *_: (v, new)),
    "only the change of θ is returned": returned(lambda new, v, old, _: (new - old, v)),
    "θ moves by the old v": moved_by(lambda v, g, mu: v),
    "θ moves by g alone": moved_by(lambda v, g, mu: g),
    "nesterov makes no difference": step(ahead=lambda v, g, mu: v),
    "Nesterov: g + v without μ": step(ahead=lambda v, g, mu: g + v),
    "Nesterov: μv without g": step(ahead=lambda v, g, mu: mu * v),
    "Nesterov: v is the whole step g + μv": whole_step_kept,
    "Nesterov: μg + v": step(ahead=lambda v, g, mu: mu * g + v),
    "Nesterov: μ(g + v)": step(ahead=lambda v, g, mu: mu * (g + v)),
}


@pytest.mark.points(2)
@pytest.mark.draws(5, 1, 8)
def test_heavy_ball(student, rng, draw):
    """One step of the heavy ball from a moving start."""
    theta, v, g, lr, mu = given = problem(rng, draw)
    new = np.array([np.polyval([one, slope], mu) for one, slope in zip(v, g)])
    want = theta - lr * new, new
    known = {said: rule(*given, False) for said, rule in RULES.items()}
    compare(
        student.momentum_step(*given),
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(1.4)",
    )


@pytest.mark.points(2)
@pytest.mark.draws(3, 6, 1)
def test_nesterov(student, rng, draw):
    """One step of Nesterov: θ moves by η(g + μv') = η((1 + μ)g + μ²v)."""
    theta, v, g, lr, mu = given = problem(rng, draw)
    want = theta - lr * ((1 + mu) * g + mu**2 * v), mu * v + g
    known = {said: rule(*given, True) for said, rule in RULES.items()}
    compare(
        student.momentum_step(*given, True),
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(1.8)",
    )


@pytest.mark.draws((5, 4), (2, 7), (1, 3))
def test_rate_that_changes(student, rng, draw):
    """Steps from v = 0 with another rate each: v is a sum of gradients without it."""
    d, steps = draw
    theta0, _, _, _, mu = problem(rng, d)
    gs, lrs = rng.normal(size=(steps, d)), rng.uniform(0.02, 0.3, size=steps)

    def walk(rule):
        theta, v = theta0, np.zeros(d)
        for g, lr in zip(gs, lrs):
            theta, v = rule(theta, v, g, float(lr), mu, False)
        return theta

    def asked(theta, v, *given):
        return take(student.momentum_step(theta, v, *given), theta=(d,), v=(d,))

    weights = np.tril(mu ** np.abs(np.subtract.outer(range(steps), range(steps))))
    want = theta0 - lrs @ (weights @ gs)  # weights μ^(t−i) for i <= t
    compare(
        walk(asked),
        want=want,
        mistakes={said: walk(rule) for said, rule in RULES.items()},
        tol=TOL,
        equation="(1.4)",
        called=f"momentum_step {steps} times, with another lr each time",
    )


@pytest.mark.draws((5, 12, False), (4, 9, True))
def test_two_powers(student, rng, draw):
    """Steps on a quadratic follow c1 z1^t + c2 z2^t, for both methods."""
    d, steps, nesterov = draw
    x0, _, _, _, mu = problem(rng, d)
    h, lr = np.array([0.3, 1.0, 2.2, 4.0, 5.5])[:d], 0.35

    def walk(rule):
        x, v = x0, np.zeros(d)
        for _ in range(steps):
            x, v = rule(x, v, h * x, lr, mu, nesterov)
        return x

    def asked(x, v, *given):
        return take(student.momentum_step(x, v, *given), theta=(d,), v=(d,))

    keep = 1 - lr * h if nesterov else np.ones(d)  # trace and determinant of a step
    drop = (1 + mu) * keep if nesterov else 1 + mu - lr * h
    first = (1 - (1 + mu) * lr * h) * x0 if nesterov else (1 - lr * h) * x0
    roots = [np.roots([1, -a, mu * b]) for a, b in zip(drop, keep)]
    c = [np.linalg.solve([[1, 1], z], pair) for z, pair in zip(roots, zip(x0, first))]
    want = np.array([(a @ z**steps).real for a, z in zip(c, roots)])
    compare(
        walk(asked),
        want=want,
        mistakes={said: walk(rule) for said, rule in RULES.items()},
        tol=1e-8,  # two close roots make the 2×2 system ill-conditioned, 1e-11
        equation="(1.8)" if nesterov else "(1.5)",
        called=f"momentum_step {steps} times with nesterov={nesterov}",
    )
