"""Grader of adam_step. Bounds: a few roundings, 1e-15, against 1e-9 allowed."""

import numpy as np
import pytest

from tinyft.grading import compare, take

TOL = 1e-9
# d, steps, β1, β2, ε (large, so that its place shows), w
DRAWS = (
    (4, 5, 0.8, 0.95, 0.05, 0.4),
    (1, 3, 0.6, 0.9, 0.2, 0.0),
    (7, 9, 0.9, 0.7, 0.1, 0.3),
)


def problem(rng, d, steps):
    """Gradients of very different sizes, one row per step; θ and η."""
    sizes = np.resize([0.3, 0.03, 1.0, 4.0], d)
    signs = np.resize([-1.0, 1.0], d)
    gs = sizes * signs * rng.uniform(0.5, 1.5, size=(steps, d))
    return gs, rng.normal(size=d) + 2.0, float(rng.uniform(0.1, 0.2))


def average(xs, beta):
    """m̂ as what it is: a mean of all x so far with weights β^(t−i)."""
    weights = beta ** np.arange(len(xs))[::-1]
    return weights @ xs / weights.sum()


def right(gs, theta, lr, draw):
    """θ after all steps from means of all gradients; m and v without hats."""
    _, steps, b1, b2, eps, w = draw
    for t in range(1, steps + 1):
        M, V = average(gs[:t], b1), average(gs[:t] ** 2, b2)
        theta = (1 - lr * w) * theta - lr * M / (np.sqrt(V) + eps)
    return theta, (1 - b1**steps) * M, (1 - b2**steps) * V


# --- steps that are wrong -------------------------------------------------------------


def step(
    gradient=lambda g, theta, w: g,
    m=lambda m, g, b: b * m + (1 - b) * g,
    v=lambda v, g, b, m: b * v + (1 - b) * g**2,
    hats=lambda m, v, t, b1, b2: (m / (1 - b1**t), v / (1 - b2**t)),
    direction=lambda M, V, eps, t, b2: M / (np.sqrt(V) + eps),
    decay=lambda theta, move, lr, w: (1 - lr * w) * theta - move,
    keep=lambda theta, m, v, M, V: (theta, m, v),
):
    """One step of AdamW with some of its parts replaced."""

    def rule(theta, g, m0, v0, t, lr, betas, eps, w):
        (b1, b2), g = betas, gradient(g, theta, w)
        m1 = m(m0, g, b1)
        v1 = v(v0, g, b2, m1)
        M, V = hats(m1, v1, t, b1, b2)
        new = decay(theta, lr * direction(M, V, eps, t, b2), lr, w)
        return keep(new, m1, v1, M, V)

    return rule


def swapped(theta, g, m, v, t, lr, betas, eps, w):
    return step()(theta, g, m, v, t, lr, betas[::-1], eps, w)


RULES = {
    "ε inside the root": step(direction=lambda M, V, eps, *_: M / np.sqrt(V + eps)),
    "ε is missing": step(direction=lambda M, V, eps, *_: M / np.sqrt(V)),
    "no bias correction": step(hats=lambda m, v, *_: (m, v)),
    "v without its hat": step(hats=lambda m, v, t, b1, b2: (m / (1 - b1**t), v)),
    "m without its hat": step(hats=lambda m, v, t, b1, b2: (m, v / (1 - b2**t))),
    "both hats are made with β1": step(
        hats=lambda m, v, t, b1, b2: (m / (1 - b1**t), v / (1 - b1**t))
    ),
    "the hats divide by 1 − β, not by 1 − β^t": step(
        hats=lambda m, v, t, b1, b2: (m / (1 - b1), v / (1 - b2))
    ),
    "the hats divide by 1 − β^(t + 1)": step(
        hats=lambda m, v, t, b1, b2: (m / (1 - b1 ** (t + 1)), v / (1 - b2 ** (t + 1)))
    ),
    "the hats multiply by 1 − β^t": step(
        hats=lambda m, v, t, b1, b2: (m * (1 - b1**t), v * (1 - b2**t))
    ),
    "the root of v̂ is missing": step(direction=lambda M, V, eps, *_: M / (V + eps)),
    "β1 and β2 are swapped": swapped,
    "β and 1 − β are swapped": step(
        m=lambda m, g, b: (1 - b) * m + b * g,
        v=lambda v, g, b, m: (1 - b) * v + b * g**2,
    ),
    "ε next to the root of v without hat": step(
        direction=lambda M, V, eps, t, b2: M / (np.sqrt(V) + eps / np.sqrt(1 - b2**t))
    ),
    "the decay is added to the gradient: Adam with L2": step(
        gradient=lambda g, theta, w: g + w * theta,
        decay=lambda theta, move, lr, w: theta - move,
    ),
    "the decay is not multiplied by the rate": step(
        decay=lambda theta, move, lr, w: (1 - w) * theta - move
    ),
    "the decay makes θ grow": step(
        decay=lambda theta, move, lr, w: (1 + lr * w) * theta - move
    ),
    "the decay is missing": step(decay=lambda theta, move, lr, w: theta - move),
    "θ decays after the step": step(
        decay=lambda theta, move, lr, w: (1 - lr * w) * (theta - move)
    ),
    "θ goes up the gradient": step(
        decay=lambda theta, move, lr, w: (1 - lr * w) * theta + move
    ),
    "only the change of θ is returned": step(
        decay=lambda theta, move, lr, w: -lr * w * theta - move
    ),
    "m and v are returned with hats": step(
        keep=lambda theta, m, v, M, V: (theta, M, V)
    ),
    "v is returned before m": step(keep=lambda theta, m, v, M, V: (theta, v, m)),
    "θ is returned last": step(keep=lambda theta, m, v, M, V: (m, v, theta)),
    "|g| instead of g² in v": step(v=lambda v, g, b, m: b * v + (1 - b) * abs(g)),
    "v averages m², not g²": step(v=lambda v, g, b, m: b * v + (1 - b) * m**2),
    "1 − β is missing": step(
        m=lambda m, g, b: b * m + g, v=lambda v, g, b, m: b * v + g**2
    ),
}


def walk(rule, gs, theta, lr, draw):
    """(θ, m, v) after a step for each row of gs."""
    _, _, b1, b2, eps, w = draw
    m = v = np.zeros_like(theta)
    for t, g in enumerate(gs, 1):
        theta, m, v = rule(theta, g, m, v, t, lr, (b1, b2), eps, w)
    return theta, m, v


def known(want, which, *given):
    """{mistake: its outputs `which`}, of those that show on this draw."""
    found = {said: walk(rule, *given)[which] for said, rule in RULES.items()}
    return {said: v for said, v in found.items() if not np.allclose(v, want, 1e-6)}


def asked(student):
    def rule(theta, *given):
        shape = theta.shape
        got = student.adam_step(theta, *given)
        return take(got, theta=shape, m=shape, v=shape)

    return rule


@pytest.mark.points(3)
@pytest.mark.draws(*DRAWS)
def test_steps(student, rng, draw):
    """θ after several steps, m̂ and v̂ computed as weighted means of all gradients."""
    given = *problem(rng, *draw[:2]), draw
    want = right(*given)[0]
    compare(
        walk(asked(student), *given)[0],
        want=want,
        mistakes=known(want, 0, *given),
        tol=TOL,
        equation="(1.10)",
        called=f"adam_step {draw[1]} times, with w = {draw[-1]}",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*DRAWS)
def test_state(student, rng, draw):
    """m and v after several steps, without hats."""
    given = *problem(rng, *draw[:2]), draw
    want = right(*given)[1:]
    compare(
        walk(asked(student), *given)[1:],
        want=want,
        mistakes=known(want, slice(1, 3), *given),
        tol=TOL,
        equation="(1.10)",
        called=f"m and v of adam_step, {draw[1]} times",
    )


@pytest.mark.draws((5, 1, 0.8, 0.95, 0.05, 0.0), (2, 1, 0.7, 0.5, 0.3, 0.0))
def test_first_step(student, rng, draw):
    """The first step is −η g/(|g| + ε)."""
    gs, theta, lr = problem(rng, *draw[:2])
    want = theta - lr * gs[0] / (abs(gs[0]) + draw[4])
    compare(
        walk(asked(student), gs, theta, lr, draw)[0],
        want=want,
        mistakes=known(want, 0, gs, theta, lr, draw),
        tol=TOL,
        equation="(1.11)",
    )


@pytest.mark.draws((3, 1, 0.8, 0.95, 0.05, 0.4), (6, 1, 0.7, 0.5, 0.3, 0.9))
def test_only_decay(student, rng, draw):
    """With no gradient at all θ is multiplied by 1 − ηw."""
    gs, theta, lr = problem(rng, *draw[:2])
    want = theta - lr * draw[-1] * theta
    with np.errstate(all="ignore"):  # 0/0 without ε
        mistakes = known(want, 0, 0 * gs, theta, lr, draw)
    compare(
        walk(asked(student), 0 * gs, theta, lr, draw)[0],
        want=want,
        mistakes=mistakes,
        tol=TOL,
        equation="(1.13)",
    )
