"""Grader of interpolated_run: α from the normal equation along the path, not from three
losses; in float64 they agree to 1e-12."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-8
INSIDE = [(12, 4, 0.5, 40), (9, 5, 0.3, 60), (20, 3, 0.7, 25), (15, 6, 0.4, 50)]
BEYOND = [(12, 4, 1.0, 2), (9, 3, 1.0, 1)]  # θ1 is far too short: α* > 1
BEHIND = [(11, 4, 0.0, 30), (14, 3, 0.0, 20)]  # the old task is best beyond theta0


def problem(rng, n, d, share, steps, behind=False):
    """theta0 near the old task's truth; a new truth, and held-out data of both."""
    old, new = rng.normal(size=d), rng.normal(size=d) + 2
    theta0 = old + 0.3 * (new - old) * (1 if behind else -0.2)

    def draw(truth, rows):
        X = rng.normal(size=(rows, d))
        return X, X @ truth + 0.1 * rng.normal(size=rows)

    data = draw(new, n), draw(new, n + 3), draw(old, n + 5)
    return (theta0, *data, share, rng.uniform(0.05, 0.12), steps)


def loss(theta, data):
    X, y = data
    return np.sum((X @ theta - y) ** 2) / (2 * len(y))


def descent(theta, data, lr, steps, divided=True):
    X, y = data
    for _ in range(steps):
        theta = theta - lr * X.T @ (X @ theta - y) / (len(y) if divided else 1)
    return theta


def slope_and_curve(theta0, theta1, data):
    """Of the loss in α at α = 0."""
    X, y = data
    step = X @ (theta1 - theta0)
    return (X @ theta0 - y) @ step / len(y), step @ step / len(y)


def best(theta0, theta1, pairs, clip=True):
    """α of the least Σ w · loss; pairs: (w, data)."""
    parts = [(w, *slope_and_curve(theta0, theta1, data)) for w, data in pairs]
    alpha = -sum(w * g for w, g, _ in parts) / sum(w * q for w, _, q in parts)
    return float(np.clip(alpha, 0, 1)) if clip else float(alpha)


def right(theta0, train, new, old, share, lr, steps):
    end = descent(theta0, train, lr, steps)
    return at(theta0, end, best(theta0, end, [(share, new), (1 - share, old)]))


def at(theta0, end, alpha):
    return (1 - alpha) * theta0 + alpha * end, alpha


def mistakes(theta0, train, new, old, share, lr, steps):
    end = descent(theta0, train, lr, steps)
    both = [(share, new), (1 - share, old)]
    a_new, a_old = (best(theta0, end, [(1, data)]) for data in (new, old))
    alpha = best(theta0, end, both)
    L0, L1 = (sum(w * loss(t, data) for w, data in both) for t in (theta0, end))
    q = sum(w * slope_and_curve(theta0, end, data)[1] for w, data in both)
    short = descent(theta0, train, lr, steps - 1)
    wide = descent(theta0, train, lr, steps, divided=False)
    delta = np.sum((end - theta0) ** 2)
    found = {
        "α of the new task alone": a_new,
        "α of the old task alone": a_old,
        "α of the training data, which fine-tuning fitted": best(
            theta0, end, [(1, train)]
        ),
        "the weighted mean of both tasks' own α": share * a_new + (1 - share) * a_old,
        "both tasks count alike": best(theta0, end, [(1, new), (1, old)]),
        "share and 1 − share are swapped": best(
            theta0, end, [(1 - share, new), (share, old)]
        ),
        "half way, whatever the losses": 0.5,
        "the fine-tuned model itself": 1.0,
        "α is not kept in [0, 1]": best(theta0, end, both, clip=False),
        "1 − α for α": 1 - alpha,
        "the share of the losses, L0/(L0 + L1)": L0 / (L0 + L1),
        "|θ1 − θ0|² for the curvature": clipped(0.5 + (L0 - L1) / delta),
        "half the curvature": clipped(0.5 + 2 * (L0 - L1) / q),
        "twice the curvature": clipped(0.5 + (L0 - L1) / (2 * q)),
        "without the ½": clipped((L0 - L1) / q),
        "L1 − L0, the sign turned": clipped(0.5 - (L0 - L1) / q),
    }
    found = {name: at(theta0, end, alpha) for name, alpha in found.items()}
    return found | {
        "one step too few": at(theta0, short, best(theta0, short, both)),
        "the gradient is not divided by n": at(theta0, wide, best(theta0, wide, both)),
        "fine-tuning starts at zero": at(
            theta0,
            descent(0 * theta0, train, lr, steps),
            best(theta0, descent(0 * theta0, train, lr, steps), both),
        ),
    }


def clipped(alpha):
    return float(np.clip(alpha, 0, 1))


def check(student, given):
    compare(
        student.interpolated_run(*given),
        want=right(*given),
        mistakes=mistakes(*given),
        tol=TOL,
        equation="(27.3)",
    )


@pytest.mark.points(3)
@pytest.mark.draws(*INSIDE)
def test_inside(student, rng, draw):
    """The lowest point lies between the two models."""
    check(student, problem(rng, *draw))


@pytest.mark.points(1)
@pytest.mark.draws(*BEYOND)
def test_beyond_the_end(student, rng, draw):
    """Too few steps: the lowest point lies beyond θ1, and α is 1."""
    check(student, problem(rng, *draw))


@pytest.mark.points(1)
@pytest.mark.draws(*BEHIND)
def test_behind_the_start(student, rng, draw):
    """The old task counts alone, and is best behind theta0: α is 0."""
    check(student, problem(rng, *draw, behind=True))
