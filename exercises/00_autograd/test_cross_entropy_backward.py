"""Grader of cross_entropy_backward. Bounds: rounding, below 1e-15 per entry."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-10
EQ = "(0.6)"


def problem(rng, n, C):
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


def softmax(z, axis=1, top=np.max):
    e = np.exp(z - top(z, axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def mistakes(logits, targets, eps=0.0):
    n, C = logits.shape
    p, hot = softmax(logits), np.eye(C)[targets]
    t = (1 - eps) * hot + eps / C
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return {
        "not divided by n": p - t,
        "divided by n·C, not by n": (p - t) / (n * C),
        "divided by C, not by n": (p - t) / C,
        "divided by n twice": (p - t) / n**2,
        "the sign: t − p": (t - p) / n,
        "softmax twice": (softmax(p) - t) / n,
        "softmax over the samples, not the classes": (softmax(logits, 0) - t) / n,
        "t is missing: p alone": p / n,
        "p is missing: −t alone": -t / n,
        "the logits instead of p": (logits - t) / n,
        "log p instead of p": (np.log(p) - t) / n,
        "e^z is not divided by its sum": (e - t) / n,
        "only the target's column is right, the others are 0": (p - t) * hot / n,
        "multiplied by p, the slope of another loss": p * (p - t) / n,
        "multiplied by p (1 − p), the slope of another loss": p * (1 - p) * (p - t) / n,
        "the smoothing is ignored": (p - hot) / n,
        "ε goes to the wrong classes only, ε/(C − 1) each": (
            (p - (1 - eps) * hot - eps / (C - 1) * (1 - hot)) / n
        ),
        "ε/(C − 1) instead of ε/C": (p - (1 - eps) * hot - eps / (C - 1)) / n,
        "ε instead of ε/C": (p - (1 - eps) * hot - eps) / n,
        "ε/C is missing": (p - (1 - eps) * hot) / n,
        "the target has 1 − ε alone: its ε/C is missing": (
            (p - (1 - eps) * hot - eps / C * (1 - hot)) / n
        ),
        "the target keeps 1: it is not reduced by ε": (p - hot - eps / C) / n,
        "the target has 1, the others ε/C": (p - hot - eps / C * (1 - hot)) / n,
        "ε and 1 − ε are swapped": (p - eps * hot - (1 - eps) / C) / n,
    }


@pytest.mark.points(2)
@pytest.mark.draws((5, 4), (3, 7), (6, 2), (1, 3))
def test_gradient(student, rng, draw):
    """The gradient on random logits, of one sample too."""
    logits, targets = problem(rng, *draw)
    want = right(logits, targets)
    compare(
        student.cross_entropy_backward(logits, targets),
        want=want,
        mistakes=mistakes(logits, targets),
        tol=TOL,
        equation=EQ,
    )


@pytest.mark.points(2)
@pytest.mark.draws((3, 5, 0.2), (7, 4, 0.35), (4, 2, 0.6), (1, 8, 0.05))
def test_smoothing(student, rng, draw):
    """The gradient with label smoothing."""
    *sizes, eps = draw
    logits, targets = problem(rng, *sizes)
    want = right(logits, targets, eps)
    compare(
        student.cross_entropy_backward(logits, targets, eps),
        want=want,
        mistakes=mistakes(logits, targets, eps),
        tol=TOL,
        equation=EQ,
    )


@pytest.mark.draws((3, 4), (5, 7), (2, 3))
def test_large_logits(student, rng, draw):
    """Logits near 1000, −1000, both in one row, and 0: finite and right."""
    n, C = draw
    base = np.outer(np.resize([1000.0, -1000.0, 0.0], n), np.ones(C))
    base[-1, 1:3] = 1000.0, -1000.0
    logits, targets = base + rng.normal(size=(n, C)), rng.integers(0, C, size=n)
    hot = np.eye(C)[targets]
    gaps = logits[:, :, None] - logits[:, None, :]  # z_j − z_c: numbers near 0
    with np.errstate(all="ignore"):  # e^2000 is infinite, one over it 0
        p = 1 / np.exp(gaps).sum(axis=1)  # 1/p_c = Σ_j e^(z_j − z_c)
        known = {
            "no maximum is subtracted: e^1000 is infinite": softmax(
                logits, top=lambda z, **_: 0
            ),
            "one maximum for all rows: e^(−2000) is 0, and 0/0": softmax(
                logits, top=lambda z, **_: z.max()
            ),
            "the maximum of each column, not of each row": softmax(
                logits, top=lambda z, **_: z.max(axis=0)
            ),
            "the minimum is subtracted, not the maximum": softmax(logits, top=np.min),
            "the mean is subtracted, not the maximum": softmax(logits, top=np.mean),
            "softmax over the samples, not the classes": softmax(logits, axis=0),
        }
        got = student.cross_entropy_backward(logits, targets)
    want = (p - hot) / n
    compare(
        got,
        want=want,
        mistakes={said: (q - hot) / n for said, q in known.items()},
        tol=TOL,  # logits of 1000 carry 1e-13 each
        equation=EQ,
    )
