"""Grader of new_head. Bounds: a well-conditioned solve errs by about 1e-14."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9


def problem(seed, n=10, d=5):
    """Three shared weights, two new ones; the new ones' random start is far from 0."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    y = X @ rng.normal(size=d) + rng.normal(size=n)
    shared = rng.permutation(np.arange(d) < 3)
    theta0 = rng.normal(size=d) + 2.0
    return X, y, theta0, shared, rng.uniform(0.4, 0.8), rng.uniform(1.2, 2.0)


def solve(X, y, centre, strength):
    """Least squares on [X; √(n s)], [y; √(n s) centre]: the penalty as extra rows."""
    root = np.diag(np.sqrt(len(y) * strength))
    rows, goals = np.vstack([X, root]), np.concatenate([y, root @ centre])
    return np.linalg.lstsq(rows, goals, rcond=None)[0]


@pytest.mark.points(3)
def test_minimiser(student, seed):
    """The minimiser with α on the shared part and β on the head."""
    X, y, theta0, shared, alpha, beta = problem(seed)
    centre, strength = np.where(shared, theta0, 0.0), np.where(shared, alpha, beta)
    n, G = len(y), X.T @ X + len(y) * np.diag(strength)

    def end(centre, strength):
        return solve(X, y, centre, strength)

    compare(
        student.new_head(X, y, theta0, shared, alpha, beta),
        want=end(centre, strength),
        mistakes={
            "the new head is pulled to its random start": end(theta0, strength),
            "2n in place of n: the ½ of α/2 and β/2": end(centre, 2 * strength),
            "n is missing": end(centre, strength / n),
            "α and β are swapped": end(centre, np.where(shared, beta, alpha)),
            "α on the new head too": end(centre, alpha + 0 * strength),
            "β on the shared part too": end(centre, beta + 0 * strength),
            "the new head is not penalised": end(centre, np.where(shared, alpha, 0)),
            "the shared part is pulled to 0": end(0 * theta0, strength),
            "θ0 is not multiplied by n·α": np.linalg.solve(G, X.T @ y + centre),
        },
        tol=TOL,
        equation="(9.9)",
    )


def test_random_start_does_not_matter(student, seed):
    """Another random start of the head, the same answer."""
    X, y, theta0, shared, alpha, beta = problem(seed)
    other = np.where(shared, theta0, theta0 + 3.0)
    strength = np.where(shared, alpha, beta)
    compare(
        student.new_head(X, y, other, shared, alpha, beta),
        want=solve(X, y, np.where(shared, theta0, 0.0), strength),
        mistakes={
            "the new head is pulled to its random start": solve(X, y, other, strength)
        },
        tol=TOL,
        equation="(9.9)",
    )


def test_nothing_new(student, seed):
    """With everything shared it is L2-SP with λ = α/2."""
    X, y, theta0, _, alpha, beta = problem(seed)
    n, d = X.shape
    lam = alpha / 2

    def ridge(c):
        return np.linalg.solve(X.T @ X + c * np.eye(d), X.T @ y + c * theta0)

    compare(
        student.new_head(X, y, theta0, np.ones(d, bool), alpha, beta),
        want=ridge(2 * n * lam),
        mistakes={"2n in place of n: the ½ of α/2 and β/2": ridge(2 * n * alpha)},
        tol=TOL,
        equation="(9.3)",
    )
