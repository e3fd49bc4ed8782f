"""Grader of cross_entropy_backward. Bounds: rounding, below 1e-15 an entry."""

import numpy as np
import pytest

from tinyft.grading import compare, fail

TOL = 1e-10
EQ = "(0.6)"


def problem(seed, n=5, C=4):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, C)) * 1.5, rng.integers(0, C, size=n)


def loss(z, targets, smoothing):
    """The mean cross-entropy, written for complex numbers too: log Σ e^z − Σ t z."""
    chosen = z[np.arange(len(z)), targets]
    inner = (1 - smoothing) * chosen + smoothing * z.sum(axis=1) / z.shape[1]
    return np.sum(np.log(np.exp(z).sum(axis=1)) - inner) / len(z)


def right(logits, targets, smoothing=0.0):
    """The gradient by the complex step, Im L(z + ih e)/h: exact to rounding."""
    out, h = np.zeros(logits.shape), 1e-30
    for i in np.ndindex(logits.shape):
        z = logits.astype(complex)
        z[i] += 1j * h
        out[i] = loss(z, targets, smoothing).imag / h
    return out


def softmax(z, axis=1):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def mistakes(logits, targets, smoothing=0.0):
    n, C = logits.shape
    p, hot = softmax(logits), np.eye(C)[targets]
    t = (1 - smoothing) * hot + smoothing / C
    found = {
        "not divided by n": p - t,
        "divided by n·C, not by n": (p - t) / (n * C),
        "the sign: t − p": (t - p) / n,
        "softmax twice": (softmax(p) - t) / n,
        "softmax over the samples, not the classes": (softmax(logits, 0) - t) / n,
        "t is missing: p alone": p / n,
        "the logits in place of p": (logits - t) / n,
        "e^z is not divided by its sum": (
            (np.exp(logits - logits.max(axis=1, keepdims=True)) - t) / n
        ),
    }
    if smoothing:
        wrong = (1 - smoothing) * hot + smoothing / (C - 1) * (1 - hot)
        found |= {
            "the smoothing is ignored": (p - hot) / n,
            "ε goes to the wrong classes only, ε/(C − 1) each": (p - wrong) / n,
            "ε in place of ε/C": (p - (1 - smoothing) * hot - smoothing) / n,
            "the target keeps 1: it is not reduced by ε": (p - hot - smoothing / C) / n,
        }
    return found


@pytest.mark.points(2)
def test_gradient(student, seed):
    """The gradient on random logits."""
    logits, targets = problem(seed)
    got = student.cross_entropy_backward(logits, targets)
    compare(
        got,
        want=right(logits, targets),
        mistakes=mistakes(logits, targets),
        tol=TOL,
        equation=EQ,
    )


@pytest.mark.points(2)
def test_smoothing(student, seed):
    """The gradient with label smoothing 0.2."""
    logits, targets = problem(seed, n=3, C=5)
    compare(
        student.cross_entropy_backward(logits, targets, 0.2),
        want=right(logits, targets, 0.2),
        mistakes=mistakes(logits, targets, 0.2),
        tol=TOL,
        equation=EQ,
    )


def test_large_logits(student, seed):
    """Logits near 1000, −1000, both in one row, and 0: finite and right."""
    rng = np.random.default_rng(seed)
    base = np.outer([1000.0, -1000.0, 0.0], [1, 1, 1, 1])
    base[2, 1:3] = 1000.0, -1000.0
    logits, targets = base + rng.normal(size=(3, 4)), rng.integers(0, 4, size=3)
    hot = np.eye(4)[targets]
    gaps = logits[:, :, None] - logits[:, None, :]  # z_j − z_c: numbers near 0
    with np.errstate(all="ignore"):  # e^2000 is infinite, one over it 0
        p = 1 / np.exp(gaps).sum(axis=1)  # 1/p_c = Σ_j e^(z_j − z_c)
        got = student.cross_entropy_backward(logits, targets)
        plain = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        one = np.exp(logits - logits.max())
        one = one / one.sum(axis=1, keepdims=True)
        low = np.exp(logits - logits.min(axis=1, keepdims=True))
        low = low / low.sum(axis=1, keepdims=True)
    compare(
        got,
        want=(p - hot) / 3,
        mistakes={
            "no maximum is subtracted: e^1000 is infinite": (plain - hot) / 3,
            "one maximum for all rows: e^(−2000) is 0, and 0/0": (one - hot) / 3,
            "the minimum is subtracted, not the maximum": (low - hot) / 3,
        },
        tol=TOL,  # logits of 1000 carry 1e-13 each
        equation=EQ,
    )
