"""Grader of new_head. Bounds: a well-conditioned solve errs by about 1e-14."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [(10, 3, 2, 1), (13, 2, 4, 3), (7, 4, 1, 2), (5, 2, 3, 1)]  # n, S, N, frozen


def problem(rng, n, shared, new, frozen):
    """Trained shared weights, new ones and frozen ones, in no order; the new ones'
    random start is far from 0."""
    kinds = rng.permutation(np.repeat([0, 1, 2], [shared, new, frozen]))
    X = rng.normal(size=(n, len(kinds)))
    y = X @ rng.normal(size=len(kinds)) + rng.normal(size=n)
    theta0 = rng.normal(size=len(kinds)) + 2.0
    alpha, beta = rng.uniform([0.4, 1.2], [0.8, 2.0])
    return X, y, theta0, kinds != 1, kinds == 2, float(alpha), float(beta)


def solve(X, y, theta0, frozen, centre, strength):
    """Least squares with the penalty as extra rows: √(n s) θ = √(n s) centre."""
    theta, free = theta0 + 0.0, ~frozen
    rest = y - np.sum(X * np.where(frozen, theta0, 0.0), axis=1)
    root = np.sqrt(len(y) * (strength + 0 * theta0))[free]
    rows = np.vstack([X[:, free], np.diag(root)])
    goals = np.concatenate([rest, root * centre[free]])
    theta[free] = np.linalg.lstsq(rows, goals, rcond=None)[0]
    return theta


def mistakes(X, y, theta0, shared, frozen, alpha, beta):
    centre, strength = np.where(shared, theta0, 0.0), np.where(shared, alpha, beta)
    n, none = len(y), np.zeros(len(frozen), bool)
    zero = np.where(frozen, 0.0, theta0)

    def end(centre=centre, strength=strength, frozen=frozen, y=y, theta0=theta0):
        return solve(X, y, theta0, frozen, centre, strength)

    every = end(frozen=none)
    return {
        "the new head is pulled to its random start": end(theta0),
        "2n instead of n: the ½ of α/2 and β/2": end(strength=2 * strength),
        "n/2 instead of n": end(strength=strength / 2),
        "n is missing": end(strength=strength / n),
        "α and β are swapped": end(strength=np.where(shared, beta, alpha)),
        "α on the new head too": end(strength=alpha),
        "β on the shared part too": end(strength=beta),
        "the new head is not penalised": end(strength=np.where(shared, alpha, 0)),
        "the shared part is not penalised": end(strength=np.where(shared, 0, beta)),
        "the shared part is pulled to 0": end(0 * theta0),
        "θ0 is not multiplied by n·α": end(centre / (n * strength)),
        "the sign of θ0 is reversed": end(-centre),
        "the frozen weights train too": every,
        "the frozen weights are put back after the minimum over all": (
            np.where(frozen, theta0, every)
        ),
        "what the frozen weights predict is not taken off y": (
            np.where(frozen, theta0, end(theta0=zero))
        ),
        "the frozen weights are set to 0": end(theta0=zero),
        "what the frozen weights predict is added to y": end(
            y=y + 2 * X[:, frozen] @ theta0[frozen]
        ),
        "all shared weights are frozen": end(frozen=shared),
        "only the trained weights are returned": end()[~frozen],
    }


def check(student, given):
    X, y, theta0, shared, frozen, alpha, beta = given
    centre, strength = np.where(shared, theta0, 0.0), np.where(shared, alpha, beta)
    want = solve(X, y, theta0, frozen, centre, strength)
    compare(
        student.new_head(*given),
        want=want,
        mistakes=mistakes(*given),
        tol=TOL,
        equation="(9.9)",
    )


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_minimiser(student, rng, draw):
    """The minimiser with α on the shared part and β on the head, some weights frozen."""
    check(student, problem(rng, *draw))


@pytest.mark.draws((9, 3, 2, 0), (8, 5, 0, 0), (6, 0, 4, 0), (7, 0, 2, 3))
def test_without_a_part(student, rng, draw):
    """Nothing is frozen, nothing is new, all is new, all that is shared is frozen."""
    check(student, problem(rng, *draw))


@pytest.mark.draws((10, 3, 2, 1), (6, 2, 4, 2))
def test_random_start_does_not_matter(student, rng, draw):
    """Another random start of the head, the same answer."""
    X, y, theta0, shared, frozen, alpha, beta = problem(rng, *draw)
    other = np.where(shared, theta0, theta0 + 3.0)
    strength, centre = np.where(shared, alpha, beta), np.where(shared, theta0, 0.0)
    compare(
        student.new_head(X, y, other, shared, frozen, alpha, beta),
        want=solve(X, y, theta0, frozen, centre, strength),
        mistakes={
            "the new head is pulled to its random start": (
                solve(X, y, other, frozen, other, strength)
            )
        },
        tol=TOL,
        equation="(9.9)",
    )
