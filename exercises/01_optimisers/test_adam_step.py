"""Grader of adam_step. Bounds: a few roundings, 1e-15, against 1e-9 allowed."""

import numpy as np
import pytest

from tinyft.grading import compare, fail

TOL = 1e-9
BETAS, EPS = (0.8, 0.95), 0.05  # a large ε, so that its place shows


def problem(seed, d=4, steps=5):
    """A history of gradients of very different sizes, one row a step."""
    rng = np.random.default_rng(seed)
    sizes = np.array([0.03, 0.3, 1.0, 4.0])
    gs = sizes * (rng.uniform(0.5, 1.5, size=(steps, d)) * np.array([1, -1, 1, -1]))
    return gs, rng.normal(size=d) + 2.0, rng.uniform(0.1, 0.2), rng.uniform(0.3, 0.5)


def average(xs, beta):
    """m̂ as what it is: a mean of all x so far with weights β^(t−i)."""
    weights = beta ** np.arange(len(xs))[::-1]
    return weights @ xs / weights.sum()


def plain_decay(theta, step, lr, w):
    return (1 - lr * w) * theta - step


def walk(problem, direction=None, decay=plain_decay, betas=BETAS, l2=0.0):
    """θ after all steps; direction(M, V, t) in place of M/(√V + ε)."""
    gs, theta, lr, w = problem
    direction = direction or (lambda M, V, t: M / (np.sqrt(V) + EPS))
    seen = []
    for t, g in enumerate(gs, 1):
        seen.append(g + l2 * w * theta)
        past = np.array(seen)
        M, V = average(past, betas[0]), average(past**2, betas[1])
        theta = decay(theta, lr * direction(M, V, t), lr, w)
    return theta


def run(student, problem):
    gs, theta, lr, w = problem
    m = v = np.zeros_like(theta)
    for t, g in enumerate(gs, 1):
        theta, m, v = student.adam_step(theta, g, m, v, t, lr, BETAS, EPS, w)
    return theta, m, v


@pytest.mark.points(3)
def test_five_steps(student, seed):
    """θ after five steps, m̂ and v̂ computed as weighted means of all gradients."""
    this, (b1, b2) = problem(seed), BETAS

    def bias(beta, t):
        return 1 - beta**t

    compare(
        run(student, this)[0],
        want=walk(this),
        mistakes={
            "ε inside the root": walk(this, lambda M, V, t: M / np.sqrt(V + EPS)),
            "no bias correction": walk(
                this,
                lambda M, V, t: bias(b1, t) * M / (np.sqrt(bias(b2, t) * V) + EPS),
            ),
            "v without its hat": walk(
                this, lambda M, V, t: M / (np.sqrt(bias(b2, t) * V) + EPS)
            ),
            "m without its hat": walk(
                this, lambda M, V, t: bias(b1, t) * M / (np.sqrt(V) + EPS)
            ),
            "the root of v̂ is missing": walk(this, lambda M, V, t: M / (V + EPS)),
            "β1 and β2 are swapped": walk(this, betas=(b2, b1)),
            "ε next to the root of v without hat": walk(
                this,
                lambda M, V, t: M / (np.sqrt(V) + EPS / np.sqrt(bias(b2, t))),
            ),
            "the decay is added to the gradient: Adam with L2": walk(
                this, decay=lambda theta, step, lr, w: theta - step, l2=1.0
            ),
            "the decay is not multiplied by the rate": walk(
                this, decay=lambda theta, step, lr, w: (1 - w) * theta - step
            ),
            "the decay makes θ grow": walk(
                this, decay=lambda theta, step, lr, w: (1 + lr * w) * theta - step
            ),
            "θ decays after the step": walk(
                this, decay=lambda theta, step, lr, w: (1 - lr * w) * (theta - step)
            ),
            "θ goes up the gradient": walk(
                this, decay=lambda theta, step, lr, w: (1 - lr * w) * theta + step
            ),
        },
        tol=TOL,
        equation="(1.10)",
        called="adam_step 5 times, t = 1 ... 5, with decay",
    )


@pytest.mark.points(2)
def test_state(student, seed):
    """m and v after five steps, without hats."""
    gs, _, _, _ = this = problem(seed)
    b1, b2 = BETAS
    weights = [beta ** np.arange(5)[::-1] * (1 - beta) for beta in BETAS]
    m, v = weights[0] @ gs, weights[1] @ gs**2
    _, got_m, got_v = run(student, this)

    def fed_back(xs, beta):
        """What comes out when the hatted average is what the next step gets."""
        kept = 0.0
        for t, x in enumerate(xs, 1):
            kept = (beta * kept + (1 - beta) * x) / (1 - beta**t)
        return kept

    compare(
        (got_m, got_v),
        want=(m, v),
        mistakes={
            "m and v are returned with hats": (fed_back(gs, b1), fed_back(gs**2, b2)),
            "β1 and β2 are swapped": (weights[1] @ gs, weights[0] @ gs**2),
            "|g| in place of g² in v": (m, weights[1] @ abs(gs)),
            "1 − β is missing": (m / (1 - b1), v / (1 - b2)),
        },
        tol=TOL,
        equation="(1.10)",
        called="m and v of adam_step, 5 times",
    )


def test_first_step(student, seed):
    """The first step is −η g/(|g| + ε), and no input is changed."""
    gs, theta, lr, _ = problem(seed)
    g, m, v = gs[0].copy(), np.zeros(4), np.zeros(4)
    got, _, _ = student.adam_step(theta, g, m, v, 1, lr, BETAS, EPS)
    size = abs(g)
    compare(
        got,
        want=theta - lr * g / (size + EPS),
        mistakes={
            "ε inside the root": theta - lr * g / np.sqrt(size**2 + EPS),
            "no bias correction": (theta - lr * 0.2 * g / (np.sqrt(0.05) * size + EPS)),
            "v without its hat": theta - lr * g / (np.sqrt(0.05) * size + EPS),
            "m without its hat": theta - lr * 0.2 * g / (size + EPS),
            "ε next to the root of v without hat": (
                theta - lr * g / (size + EPS / np.sqrt(0.05))
            ),
        },
        tol=TOL,
        equation="(1.11)",
    )


def test_only_decay(student, seed):
    """With no gradient at all θ is multiplied by 1 − ηw."""
    _, theta, lr, w = problem(seed)
    zero = np.zeros(4)
    got, _, _ = student.adam_step(theta, zero, zero, zero, 1, lr, BETAS, EPS, w)
    compare(
        got,
        want=theta - lr * w * theta,
        mistakes={
            "the decay is not multiplied by the rate": theta - w * theta,
            "the decay makes θ grow": theta + lr * w * theta,
            "the decay is added to the gradient: Adam with L2": (
                theta - lr * w * theta / (abs(w * theta) + EPS)
            ),
            "the decay is missing": theta,
        },
        tol=TOL,
        equation="(1.13)",
    )
