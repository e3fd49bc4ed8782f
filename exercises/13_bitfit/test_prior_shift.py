"""Grader of prior_shift. Bounds: rounding; 500 sweeps and Newton both end below 1e-12."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-8


def problem(seed, n=12, K=4):
    """p(x|y) over n inputs, two priors, calibrated logits with a free constant a row."""
    rng = np.random.default_rng(seed)
    likelihood = rng.dirichlet(np.full(n, 2.0), size=K).T  # (n, K), columns sum to 1
    source, target = rng.permutation([0.4, 0.3, 0.2, 0.1]), np.zeros(K)
    target[np.argsort(source)] = [0.5, 0.25, 0.15, 0.1]
    joint = likelihood * source
    Z = np.log(joint / joint.sum(1, keepdims=True)) + rng.normal(size=(n, 1))
    new = likelihood * target
    return Z, source, target, new / new.sum(1, keepdims=True)


def soft(Z):
    E = np.exp(Z - Z.max(1, keepdims=True))
    return E / E.sum(1, keepdims=True)


def centred(b):
    return b - b.mean()


def newton(Z, target, steps=50):
    """Root of mean softmax(Z + b) − target by Newton, the constant removed by pinv."""
    b = np.zeros(len(target))
    for _ in range(steps):
        P = soft(Z + b)
        slope = np.diag(P.mean(0)) - P.T @ P / len(P)
        step = np.linalg.pinv(slope, rcond=1e-10) @ (target - P.mean(0))
        b = b + step / max(1.0, np.abs(step).max())  # damped far from the root
    return centred(b)


def biases(source, target):
    return {
        "log π_t alone, π_s is forgotten": np.log(target),
        "the ratio is upside down": np.log(source / target),
        "the ratio without its log": target / source,
        "the difference of the priors": target - source,
        "logarithms to base 2": np.log2(target / source),
    }


@pytest.mark.points(2)
def test_bias(student, seed):
    """The bias of a prior shift."""
    Z, source, target, new = problem(seed)
    b = np.log(target / source)
    compare(
        student.prior_shift(Z, source, target)[0],
        want=centred((np.log(new) - Z - (np.log(new) - Z)[:, :1])[0]),  # from Bayes
        mistakes={k: centred(v) for k, v in biases(source, target).items()}
        | {
            "b is not centred": b,
            "the mean prediction in place of π_s": centred(
                np.log(target / soft(Z).mean(0))
            ),
        },
        tol=TOL,
        equation="(13.9)",
    )


@pytest.mark.points(2)
def test_posterior(student, seed):
    """The adapted posterior is that of Bayes' rule."""
    Z, source, target, new = problem(seed)
    compare(
        student.prior_shift(Z, source, target)[1],
        want=new,
        mistakes={k: soft(Z + v) for k, v in biases(source, target).items()}
        | {
            "P is not normalised": soft(Z) * target / source,
            "P is the source's: the bias was not used": soft(Z),
            "b was added to probabilities, not to logits": soft(
                soft(Z) + np.log(target / source)
            ),
            "the logits were multiplied by the ratio": soft(Z * target / source),
        },
        tol=TOL,
        equation="(13.9)",
    )


@pytest.mark.points(2)
def test_marginal(student, seed):
    """The bias that matches a marginal, on logits that are not calibrated."""
    rng = np.random.default_rng(seed)
    Z, target = 1.5 * rng.normal(size=(11, 4)), rng.permutation([0.1, 0.2, 0.3, 0.4])
    want = newton(Z, target)

    def ratio(b, times=1):
        for _ in range(times):
            b = b + np.log(target) - np.log(soft(Z + b).mean(0))
        return b

    zero = np.zeros(4)

    def of_logs(b=zero, times=500):
        for _ in range(times):
            b = b + np.log(target) - np.log(soft(Z + b)).mean(0)
        return centred(b)

    compare(
        student.match_marginal(Z, target),
        want=want,
        mistakes={
            "one sweep only": centred(ratio(zero)),
            "log of the target alone": centred(np.log(target)),
            "the softmax forgets b": centred(500 * ratio(zero)),
            "the mean of the logs, not the log of the mean": of_logs,
            "the marginal's bias is not centred": lambda: ratio(zero, 500),
            "the last class is the reference: not centred": want - want[-1],
        },
        tol=TOL,
        equation="(13.7)",
    )


def test_nothing_to_do(student, seed):
    """Where the marginal is right already the bias is zero."""
    Z, _, _, _ = problem(seed)
    compare(
        student.match_marginal(Z, soft(Z).mean(0)),
        want=np.zeros(4),
        tol=TOL,
        scale=1,
        equation="(13.7)",
    )
