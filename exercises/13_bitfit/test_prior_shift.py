"""Grader of prior_shift. Bounds: rounding; 500 sweeps and Newton both end below 1e-12."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-8
SIZES = [(12, 4), (9, 3), (7, 5), (10, 2)]  # n, K


def problem(rng, n, K):
    """p(x|y) over n inputs, two priors, logits with a free constant per row that are
    calibrated at temperature T."""
    likelihood = rng.dirichlet(np.full(n, 2.0), size=K).T  # (n, K), columns sum to 1
    source = rng.permutation(np.arange(1.0, K + 1)) + 0.3
    target = (np.max(source) + 1 - source) ** 2  # what was rare is frequent
    source, target = source / source.sum(), target / target.sum()
    T, joint = float(rng.uniform(1.4, 2.2)), likelihood * source
    Z = T * np.log(joint / joint.sum(1, keepdims=True)) + rng.normal(size=(n, 1))
    new = likelihood * target
    return Z, source, target, T, new / new.sum(1, keepdims=True)


def soft(Z):
    E = np.exp(Z - Z.max(1, keepdims=True))
    return E / E.sum(1, keepdims=True)


def centred(b):
    return b - b.mean()


def newton(Z, target, weight, steps=50):
    """Root of mean softmax(Z + b) − target by Newton, the constant removed by pinv."""
    b, w = np.zeros(len(target)), weight / weight.sum()
    for _ in range(steps):
        P = soft(Z + b)
        slope = np.diag(w @ P) - P.T @ (w[:, None] * P)
        step = np.linalg.pinv(slope, rcond=1e-10) @ (target - w @ P)
        b = b + step / max(1.0, np.abs(step).max())  # damped far from the root
    return centred(b)


def biases(source, target, T):
    ratio = np.log(target / source)
    return {
        "log π_t alone, π_s is forgotten": T * np.log(target),
        "the ratio is upside down": -T * ratio,
        "the ratio without its log": T * target / source,
        "the difference of the priors": T * (target - source),
        "logarithms to base 2": T * np.log2(target / source),
        "T is left out of the bias": ratio,
        "the bias is divided by T, not multiplied": ratio / T,
        "the logits' odds: log(π/(1 − π)), not log π": T
        * (ratio - np.log((1 - target) / (1 - source))),
    }


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_bias(student, rng, draw):
    """The bias of a prior shift."""
    Z, source, target, T, new = problem(rng, *draw)
    right = T * np.log(target / source)
    want = centred((T * np.log(new) - Z)[0])  # from Bayes
    known = {k: centred(v) for k, v in biases(source, target, T).items()} | {
        "b is not centred": right,
        "b sums to a probability's 1, not to 0": right / right.sum(),
        "the mean prediction instead of π_s": centred(
            T * np.log(target / soft(Z / T).mean(0))
        ),
        "the last class is the reference: not centred": right - right[-1],
    }
    compare(
        student.prior_shift(Z, source, target, T)[0],
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(13.9)",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_posterior(student, rng, draw):
    """The adapted posterior is that of Bayes' rule."""
    Z, source, target, T, new = problem(rng, *draw)
    b, p = T * np.log(target / source), soft(Z / T)
    known = {k: soft((Z + v) / T) for k, v in biases(source, target, T).items()} | {
        "P is not normalised": p * target / source,
        "P is the source's: the bias was not used": p,
        "T is left out of the softmax": soft(Z + b),
        "T is left out everywhere": soft(Z + b / T),
        "Z is multiplied by T, not divided": soft((Z + b) * T),
        "b was added to probabilities, not to logits": soft(p + b / T),
        "the logits were multiplied by the ratio": soft(Z / T * target / source),
        "the softmax runs over the inputs, not the classes": soft(((Z + b) / T).T).T,
    }
    compare(
        student.prior_shift(Z, source, target, T)[1],
        want=new,
        mistakes=known,
        tol=TOL,
        equation="(13.9)",
    )


@pytest.mark.points(2)
@pytest.mark.draws((11, 4), (8, 3), (14, 6))
def test_marginal(student, rng, draw):
    """The bias that matches a marginal, on logits that are not calibrated."""
    n, K = draw
    Z, target = 1.5 * rng.normal(size=draw), rng.permutation(np.arange(1.0, K + 1))
    target, weight = target / target.sum(), rng.permutation(np.linspace(0, 3, n))
    want, w, zero = newton(Z, target, weight), weight / weight.sum(), np.zeros(K)

    def ratio(b, times=1):
        for _ in range(times):
            b = b + np.log(target) - np.log(w @ soft(Z + b))
        return b

    def of_logs(b=zero, times=500):
        for _ in range(times):
            b = b + np.log(target) - w @ np.log(soft(Z + b))
        return centred(b)

    compare(
        student.match_marginal(Z, target, weight),
        want=want,
        mistakes={
            "one sweep only": centred(ratio(zero)),
            "log of the target alone": centred(np.log(target)),
            "the softmax forgets b": centred(500 * ratio(zero)),
            "b is replaced in each sweep, not moved": lambda: replaced(Z, target, w),
            "the mean of the logs, not the log of the mean": of_logs,
            "the weights are left out": lambda: newton(Z, target, 0 * weight + 1),
            "the weights are squared": lambda: newton(Z, target, weight**2),
            "rows of weight 0 are dropped, the others count once": (
                lambda: newton(Z, target, 1.0 * (weight > 0))
            ),
            "the logits are multiplied by the weights": (
                lambda: newton(weight[:, None] * Z, target, 0 * weight + 1)
            ),
            "the sign of the bias": -want,
            "the marginal's bias is not centred": lambda: ratio(zero, 500),
            "the last class is the reference: not centred": want - want[-1],
        },
        tol=TOL,
        equation="(13.7)",
    )


def replaced(Z, target, w, sweeps=500):
    b = np.zeros(len(target))
    for _ in range(sweeps):
        b = np.log(target) - np.log(w @ soft(Z + b))
    return centred(b)


@pytest.mark.draws((11, 4), (5, 3))
def test_nothing_to_do(student, rng, draw):
    """Where the marginal is right already the bias is zero."""
    Z, weight = rng.normal(size=draw), rng.uniform(0.2, 2, draw[0])
    compare(
        student.match_marginal(Z, weight @ soft(Z) / weight.sum(), weight),
        want=np.zeros(draw[1]),
        mistakes={
            "the weights are left out": lambda: newton(
                Z, weight @ soft(Z) / weight.sum(), 0 * weight + 1
            )
        },
        tol=TOL,
        scale=1,
        equation="(13.7)",
    )


@pytest.mark.draws((9, 3, 7), (6, 4, 3))
def test_few_sweeps(student, rng, draw):
    """So many sweeps as are asked for, and no more."""
    n, K, sweeps = draw
    Z, weight = 2 * rng.normal(size=(n, K)), rng.uniform(0.2, 2, n)
    target, w = rng.dirichlet(np.full(K, 5.0)), weight / weight.sum()

    def after(times, b=0.0):
        for _ in range(times):
            b = b + np.log(target) - np.log(w @ soft(Z + b))
        return centred(b)

    compare(
        student.match_marginal(Z, target, weight, sweeps),
        want=after(sweeps),
        mistakes={
            "one sweep too many": after(sweeps + 1),
            "one sweep too few": after(sweeps - 1),
            "`sweeps` is ignored: always 500": lambda: after(500),
        },
        tol=TOL,
        equation="(13.7)",
    )
