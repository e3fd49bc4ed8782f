"""Grader of black_box_shift. Bounds: rounding of one solve, condition numbers below 1e4."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-8


def examples(rng, n, K):
    """Predictions that are right two times of three, all classes, uneven weights."""
    labels = np.concatenate([np.arange(K), rng.integers(0, K, n - K)])
    predicted = np.where(rng.random(n) < 0.65, labels, rng.integers(0, K, n))
    return predicted, labels, rng.permutation(np.linspace(0, 3, n))


def counted(predicted, labels, weight, K):
    C = np.zeros((K, K))
    for i, j in np.ndindex(K, K):
        C[i, j] = sum(weight[(predicted == i) & (labels == j)])
    return C / weight.sum()


@pytest.mark.points(2)
@pytest.mark.draws((12, 3), (15, 4), (9, 2), (20, 5))
def test_confusion(student, rng, draw):
    """The joint distribution of prediction and class."""
    n, K = draw
    predicted, labels, weight = examples(rng, n, K)
    want = counted(predicted, labels, weight, K)
    known = {
        "rows are the classes, columns the predictions": want.T,
        "the weights are left out": counted(predicted, labels, 0 * weight + 1, K),
        "rows of weight 0 are dropped, the others count once": counted(
            predicted, labels, 1.0 * (weight > 0), K
        ),
        "sums, not shares": want * weight.sum(),
        "divided by n, not by the sum of the weights": want * weight.sum() / n,
        "each column has sum 1: p(prediction | class)": (
            want / np.maximum(want.sum(0), 1e-9)
        ),
        "each row has sum 1: p(class | prediction)": (
            want / np.maximum(want.sum(1, keepdims=True), 1e-9)
        ),
        "only one of several examples of an entry counts": last_only(
            predicted, labels, weight, K
        ),
    }
    compare(
        student.confusion(predicted, labels, weight, K),
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(13.13)",
    )


def last_only(predicted, labels, weight, K):
    C = np.zeros((K, K))
    C[predicted, labels] += weight
    return C / weight.sum()


def joint(rng, K, flip=False):
    """(C, μ): a classifier that is often right, and a target with other shares."""
    given = 0.7 * np.eye(K) + 0.3 * rng.dirichlet(np.full(K, 2.0), size=K).T
    source, target = rng.dirichlet(np.full(K, 6.0)), rng.dirichlet(np.full(K, 6.0))
    mu = given @ target
    if flip:  # noise that no shares explain: the last class less often than by error
        mu = np.append(mu[:-1] / mu[:-1].sum(), 0.0)
    return given * source, mu


def solved(C, mu, strength, base=1.0):
    """w by the normal equations stacked as least squares."""
    K = len(mu)
    A = np.concatenate([C, np.sqrt(strength) * np.eye(K)])
    rest = np.concatenate([mu - base * C.sum(1), np.zeros(K)])
    return base + np.linalg.lstsq(A, rest, rcond=None)[0]


def wrong_weights(C, mu, strength):
    K, w = len(mu), solved(C, mu, strength)
    rest, ridge = mu - C.sum(1), np.linalg.inv(C.T @ C + strength * np.eye(K))
    return {
        "θ, not 1 + θ": w - 1,
        "shrunk towards 0, not towards 1": solved(C, mu, strength, 0.0),
        "the strength is ignored": solved(C, mu, 0.0),
        "the strength is squared": solved(C, mu, strength**2),
        "the square root of the strength": solved(C, mu, strength**0.5),
        "twice the strength": solved(C, mu, 2 * strength),
        "half the strength": solved(C, mu, strength / 2),
        "the matrix is transposed": solved(C.T, mu, strength),
        "C·1 is taken over the columns: π_s, not the predictions": (
            1 + ridge @ C.T @ (mu - C.sum(0))
        ),
        "Cᵀ is missing on the right": 1 + ridge @ rest,
        "the strength is added to C itself": (
            1 + np.linalg.solve(C + strength * np.eye(K), rest)
        ),
        "the strength is added to every entry": (
            1 + np.linalg.solve(C.T @ C + strength * np.ones((K, K)), C.T @ rest)
        ),
        "1 − θ: the sign": 2 - w,
        "no shift at all": np.ones(K),
    }


def shares(C, w):
    pi = np.maximum(C.sum(0) * w, 0)
    return pi / pi.sum()


DRAWS = [(3, 0.02), (4, 0.05), (5, 0.01), (2, 0.03)]


@pytest.mark.points(2)
@pytest.mark.draws(*DRAWS)
def test_weights(student, rng, draw):
    """The ratios of the shares, shrunk."""
    K, strength = draw
    C, mu = joint(rng, K)
    compare(
        student.shift_weights(C, mu, strength)[0],
        want=solved(C, mu, strength),
        mistakes=wrong_weights(C, mu, strength),
        tol=TOL,
        equation="(13.14)",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*DRAWS)
def test_shares(student, rng, draw):
    """The target's shares, not negative, with sum 1."""
    K, strength = draw
    for flip in (False, True):
        C, mu = joint(rng, K, flip)
        strength = 1e-4 if flip else strength
        w = solved(C, mu, strength)
        want, raw = shares(C, w), C.sum(0) * w
        known = {k: shares(C, v) for k, v in wrong_weights(C, mu, strength).items()}
        del known["θ, not 1 + θ"], known["1 − θ: the sign"]
        known |= {
            "the shares are not divided by their sum": np.maximum(raw, 0),
            "negative shares are left": raw,
            "negative shares are left, sum 1": raw / raw.sum(),
            "the size of a negative share": np.abs(raw) / np.abs(raw).sum(),
            "multiplied by the predictions' shares, not by π_s": (
                np.maximum(C.sum(1) * w, 0) / np.maximum(C.sum(1) * w, 0).sum()
            ),
            "w itself, with sum 1: π_s is forgotten": (
                np.maximum(w, 0) / np.maximum(w, 0).sum()
            ),
            "the shares μ that are predicted": mu,
        }
        compare(
            student.shift_weights(C, mu, strength)[1],
            want=want,
            mistakes=known,
            tol=TOL,
            equation="(13.14)",
        )


@pytest.mark.draws(3, 4)
def test_no_strength(student, rng, draw):
    """At strength 0 the true shares come back exactly, (13.13)."""
    given = 0.7 * np.eye(draw) + 0.3 * rng.dirichlet(np.full(draw, 2.0), size=draw).T
    source, target = rng.dirichlet(np.full(draw, 6.0), size=2)
    compare(
        student.shift_weights(given * source, given @ target, 0.0)[1],
        want=target,
        mistakes={
            "the source's shares": source,
            "the predictions' shares": given @ target,
        },
        tol=TOL,
        equation="(13.13)",
    )
