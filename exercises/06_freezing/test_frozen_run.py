"""Grader of frozen_run. The reference goes entry by entry; bounds: rounding, 1e-14."""

import numpy as np
import pytest

from tinyft.grading import compare, take

TOL = 1e-9
WHERE = "section 3"
SIZES = [  # n, d, first, last: entries thaw at 0, in the middle and never
    (7, 4, 0, 5),
    (5, 6, 2, 6),
    (9, 3, 1, 7),
]


def problem(rng, n, d, first, last):
    X = rng.normal(size=(n, d))
    y = X @ rng.normal(size=d) + rng.normal(size=n)
    thaw = np.r_[0, (first + last) // 2, last + 3, rng.integers(0, last, size=d - 3)]
    numbers = rng.uniform([0.05, 0.6, 0.2], [0.1, 0.9, 0.4]).tolist()
    return (
        X,
        y,
        rng.normal(size=d) + 1.0,
        rng.normal(size=d),
        thaw,
        *numbers,
        first,
        last,
    )


def reference(X, y, theta, v, thaw, lr, mu, decay, first, last):
    theta, v = theta.tolist(), v.tolist()
    for t in range(first, last):
        gaps = [sum(a * b for a, b in zip(row, theta)) - c for row, c in zip(X, y)]
        g = [sum(gap * row[i] for gap, row in zip(gaps, X)) for i in range(len(theta))]
        for i, total in enumerate(g):
            if t >= thaw[i]:
                v[i] = mu * v[i] + total / len(y) + decay * theta[i]
                theta[i] -= lr * v[i]
    return np.array(theta), np.array(v)


def run(given, n=None, shift=0, decays="on", gathers="on", moves="on", **how):
    X, y, theta, v, thaw, lr, mu, decay, first, last = given
    start, theta, v = theta.copy(), theta.copy(), v.copy()
    if how.get("forgets"):
        v = 0 * v
    for step in range(first, last):
        t = step - first if how.get("recount") else step
        on = thaw <= t + shift
        masks = {"on": on, "all": True, "none": False, "frozen": ~on}
        seen = np.where(on, theta, 0) if how.get("hidden") else theta
        fit = X.T @ (X @ seen - y) / (n or len(y))
        fit = fit * on
        pull = decay * theta * masks[decays]
        if how.get("to_start"):
            pull = decay * (theta - start) * on
        v = np.where(masks[gathers], mu * v + how.get("weight", 1) * fit + pull, v)
        step = how.get("rate", lr) * (fit + pull if how.get("plain") else v)
        theta = np.where(masks[moves], theta - step, theta)
        if how.get("emptied"):
            v = v * on
    return theta, v


def mistakes(given):
    mu = given[6]
    return {
        "decay moves the frozen entries": run(given, decays="all", gathers="all",
                                              moves="all"),
        "momentum moves the frozen entries": run(given, gathers="all", moves="all"),
        "v fades while an entry is frozen": run(given, gathers="all"),
        "an entry thaws one step late": run(given, shift=-1),
        "an entry thaws one step early": run(given, shift=1),
        "steps are counted from 0 again after a resume": run(given, recount=True),
        "v is emptied at the start of every run": run(given, forgets=True),
        "v of frozen entries is set to 0": run(given, emptied=True),
        "the decay is left out": run(given, decays="none"),
        "the momentum is left out": run((*given[:6], 0.0, *given[7:])),
        "the gradient is not divided by n": run(given, n=1),
        "(1 − mu)·g instead of g": run(given, weight=1 - mu),
        "frozen entries are taken as 0 in Xθ": run(given, hidden=True),
        "the thawed and the frozen are swapped": frozen_swapped(given),
        "the decay pulls to the start, not to 0": run(given, to_start=True),
    }  # fmt: skip


def frozen_swapped(given):
    X, y, theta, v, thaw, lr, mu, decay, first, last = given
    theta, v = theta.copy(), v.copy()
    for t in range(first, last):
        on = thaw > t
        g = X.T @ (X @ theta - y) / len(y) + decay * theta
        v[on] = mu * v[on] + g[on]
        theta[on] -= lr * v[on]
    return theta, v


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_a_run(student, rng, draw):
    """θ and v at the end: some entries thaw on the way, one never."""
    given = problem(rng, *draw)
    want = reference(*given)
    compare(
        student.frozen_run(*given),
        want=want,
        mistakes=mistakes(given),
        tol=TOL,
        equation=WHERE,
    )


@pytest.mark.points(2)
@pytest.mark.draws((6, 4, 0, 9, 4), (8, 5, 0, 7, 3))
def test_a_run_cut_in_two(student, rng, draw):
    """Stopped in the middle and resumed: as if it had not been."""
    *size, cut = draw
    given = problem(rng, *size)
    head, (first, last) = given[4:8], given[8:]
    theta, v = take(
        student.frozen_run(*given[:4], *head, first, cut),
        WHERE, theta=(size[1],), v=(size[1],),
    )  # fmt: skip
    want = reference(*given)
    half = reference(*given[:4], *head, first, cut)
    again = (*given[:2], *half, *head, cut, last)
    compare(
        student.frozen_run(*given[:2], theta, v, *head, cut, last),
        want=want,
        mistakes=mistakes(again),
        tol=TOL,
        equation=WHERE,
        called="frozen_run twice, the second from where the first ended",
    )


@pytest.mark.draws((6, 5, 0, 8), (4, 3, 0, 5))
def test_frozen_to_the_bit(student, rng, draw):
    """What never thaws comes back to the last bit."""
    given = problem(rng, *draw)
    theta, v = take(student.frozen_run(*given), WHERE, theta=(draw[1],), v=(draw[1],))
    never = given[4] >= draw[3]
    compare(
        np.r_[theta[never] - given[2][never], v[never] - given[3][never]],
        want=np.zeros(2 * never.sum()),
        mistakes={},
        tol=1e-15,
        equation=WHERE,
        called="frozen_run: how far the frozen entries of θ and v have moved",
    )
