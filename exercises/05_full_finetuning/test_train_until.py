"""Grader of train_until. The path and V are computed first, the rule reads the list.

The rate is near the edge, so that V swings and "in a row" or "the best so far" matter.
"""

import numpy as np
import pytest

from tinyft.grading import compare, take

TOL = 1e-9
WHERE = "section 4"
SIZES = [
    (6, 4, 9, 40, 3),
    (5, 7, 8, 30, 2),
    (8, 3, 5, 50, 4),
]  # n, d, m, steps, patience


def path(X, y, theta, lr, steps, n=None):
    found = [theta]
    for _ in range(steps):
        theta = theta - lr * X.T @ (X @ theta - y) / (n or len(y))
        found.append(theta)
    return found


def stopped(values, patience, first=0, **how):
    """(index of the best, index of the last) of a list of values."""
    best, bad = first, 0
    for t in range(first + 1, len(values)):
        against = values[t - 1] if how.get("previous") else values[best]
        better = values[t] <= against if how.get("equal") else values[t] < against
        if how.get("previous"):
            bad = 0 if better else bad + 1
            best = t if values[t] < values[best] else best
        elif better:
            best, bad = t, bad if how.get("never_reset") else 0
        else:
            bad += 1
        if bad == patience:
            return best, t
    return best, len(values) - 1


def loss(X, y, theta):
    return float(np.sum((X @ theta - y) ** 2))


def answers(given):
    """The right (θ, best, last), and those of the mistakes."""
    X, y, Xv, yv, theta0, lr, steps, patience = given
    walk = path(X, y, theta0, lr, steps)
    V = [loss(Xv, yv, theta) for theta in walk]
    T = [loss(X, y, theta) for theta in walk]

    def end(at, last, shown=None):
        return walk[at if shown is None else shown], at, last

    best, last = stopped(V, patience)
    other = path(X, y, theta0, lr, steps, 1)
    with np.errstate(over="ignore", invalid="ignore"):
        wild = stopped([loss(Xv, yv, theta) for theta in other], patience)
    known = {
        "the last weights are returned, not the best": end(best, last, last),
        "the weights of the step after the best": end(best, last, min(best + 1, last)),
        "the step where it stopped, not that of the best": (walk[best], last, last),
        "patience off by one: it stops a step late": end(*stopped(V, patience + 1)),
        "patience off by one: it stops a step early": end(*stopped(V, patience - 1)),
        "it stops on the training loss": end(*stopped(T, patience)),
        "worse values are counted in all, not in a row": end(
            *stopped(V, patience, never_reset=True)
        ),
        "compared with the value before, not with the best": end(
            *stopped(V, patience, previous=True)
        ),
        "the start is not a candidate": end(*stopped(V, patience, first=1)),
        "it never stops": end(int(np.argmin(V)), steps),
        "the gradient is not divided by n": (other[wild[0]], *wild),
    }
    return end(best, last), known


def same(a, b):
    return a[1:] == b[1:] and np.allclose(a[0], b[0], 1e-5)


NEEDED = {
    "the step where it stopped, not that of the best",
    "patience off by one: it stops a step late",
    "worse values are counted in all, not in a row",
    "compared with the value before, not with the best",
}


def problem(rng, n, d, m, steps, patience):
    """Drawn again until the mistakes above give something else."""
    while True:
        X, Xv = rng.normal(size=(n, d)), rng.normal(size=(m, d))
        truth = rng.normal(size=d)
        y, yv = X @ truth + rng.normal(size=n), Xv @ truth + rng.normal(size=m)
        lr = rng.uniform(1.8, 1.97) * n / np.linalg.norm(X, 2) ** 2
        theta0 = truth + rng.normal(size=d)
        given = X, y, Xv, yv, theta0, float(lr), steps, patience
        want, known = answers(given)
        if want[1] > 1 and not any(same(want, known[name]) for name in NEEDED):
            return given


def checked(student, given):
    want, known = answers(given)
    got = student.train_until(*given)
    theta, at, last = take(got, WHERE, theta=want[0].shape, best=(), taken=())
    flat = {
        name: np.r_[v[0], v[1], v[2]] for name, v in known.items() if not same(v, want)
    }
    compare(
        np.r_[theta, at, last],
        want=np.r_[want[0], want[1], want[2]],
        mistakes={k: v for k, v in flat.items() if np.isfinite(v).all()},
        tol=TOL,
        equation=WHERE,
        called="train_until: θ, the step of the best, the steps taken, in one row",
    )


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_it_stops_in_time(student, rng, draw):
    """A validation loss that swings before it rises."""
    checked(student, problem(rng, *draw))


@pytest.mark.draws((6, 4, 7), (9, 3, 5))
def test_a_run_that_only_gets_better(student, rng, draw):
    """Validation on the training data: all steps are taken and the last is the best."""
    n, d, steps = draw
    X = rng.normal(size=(n, d))
    y, lr = rng.normal(size=n), 0.3 * n / np.linalg.norm(X, 2) ** 2
    checked(student, (X, y, X, y, rng.normal(size=d), float(lr), steps, 2))


@pytest.mark.draws((6, 2, 9, 3), (4, 3, 8, 2))
def test_equal_is_not_better(student, rng, draw):
    """All inputs are zero: nothing moves, so it stops after `patience` steps at θ0."""
    n, d, steps, patience = draw
    X, Xv = np.zeros((n, d)), rng.normal(size=(5, d))
    given = X, rng.normal(size=n), Xv, rng.normal(size=5), rng.normal(size=d)
    got = student.train_until(*given, 0.1, steps, patience)
    theta, at, last = take(got, WHERE, theta=(d,), best=(), taken=())
    compare(
        np.r_[theta, at, last],
        want=np.r_[given[4], 0, patience],
        mistakes={
            "an equal value counts as better": np.r_[given[4], steps, steps],
            "it never stops": np.r_[given[4], 0, steps],
            "the step where it stopped, not that of the best": (
                np.r_[given[4], patience, patience]
            ),
            "patience off by one: it stops a step late": np.r_[
                given[4], 0, patience + 1
            ],
            "patience off by one: it stops a step early": np.r_[
                given[4], 0, patience - 1
            ],
        },
        tol=TOL,
        equation=WHERE,
        called="train_until: θ, the step of the best, the steps taken, in one row",
    )
