"""Grader of loss_weights. The reference is the complex step of the loss, read as it is."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [
    (4, 5, 0.2, 0.28, "tokens"),
    (3, 6, 0.2, 0.2, "each"),
    (6, 3, 0.1, 0.4, "answers"),
    (5, 4, 0.3, 0.15, "each"),
    (3, 4, 0.25, 0.5, "tokens"),
]


def problem(rng, n, T, low, high):
    """Every region of (ρ, A) occurs; no ρ is near an edge; lengths differ."""
    old = rng.normal(-2, 0.5, (n, T))
    regions = [1 - low - 0.03, 1 - low + 0.03, 1 + high - 0.03, 1 + high + 0.03]
    ratio = rng.choice(regions, (n, T)) + rng.uniform(-0.02, 0.02, (n, T))
    ratio[0, :2], ratio[1, :2] = regions[3], regions[0]  # far enough
    ratio[2, :2], ratio[0, -1], ratio[1, -1] = regions[:2], regions[0], regions[3]
    A = rng.uniform(0.5, 2, n) * rng.choice([-1, 1], n)
    A[:3] = abs(A[:3]) * [1, -1, -1]
    lengths = np.r_[T, T, 2, rng.integers(2, T + 1, n - 3)]
    mask = (np.arange(T) < lengths[:, None]).astype(float)
    return old + np.log(ratio), old, A, mask, low, high


def denominators(mask, how):
    lengths = mask.sum(1, keepdims=True)
    n, T = mask.shape
    return {
        "answers": n,
        "tokens": mask.sum(),
        "each": n * lengths,
        "all": n * T,
        "T": n * T,
        "one": 1.0,
        "length": lengths,
    }[how]


def loss(logp, old, A, mask, low, high, how, pick="min", clip=True, keep=True):
    """The terms of the loss; logp may be complex, and is compared by its real part."""
    ratio = np.exp(logp - old) if keep else np.exp((logp - old).real) + 0 * logp
    inside = np.where(ratio.real > 1 + high, 1 + high, ratio)
    inside = np.where(ratio.real < 1 - low, 1 - low, inside)
    a, b = ratio * A[:, None], inside * A[:, None]
    if pick == "min":
        gain = np.where(a.real <= b.real, a, b) if clip else a
    elif pick == "max":
        gain = np.where(a.real >= b.real, a, b)
    else:
        gain = b
    return -gain * mask / denominators(mask, how)


def slope(logp, *args, h=1e-30, **how):
    """No term depends on two entries of logp, so one step moves all."""
    return loss(logp + 1j * h, *args, **how).imag / h


def mistakes(given, how):
    logp, old, A, mask, low, high = given
    want = slope(*given, how)
    ratio = np.exp(logp - old)
    alive = want != 0
    every = np.ones_like(mask)
    longer = {
        "answers": len(A),
        "tokens": mask.size,
        "each": mask.size,
    }[how]
    known = {
        "clipped whatever the sign of A": slope(*given, how, pick="both"),
        "the larger of the two branches": slope(*given, how, pick="max"),
        "nothing is clipped": slope(*given, how, clip=False),
        "ρ is missing where it is not clipped": np.where(alive, want / ratio, 0.0),
        "the band is symmetrical: high = low": slope(logp, old, A, mask, low, low, how),
        "low and high are exchanged": slope(logp, old, A, mask, high, low, how),
        "the sign of a gain, not of a loss": -want,
        "padding counts": slope(logp, old, A, every, low, high, how)
        * (denominators(every, how) / denominators(mask, how)),
        "padding is in the denominator": want * denominators(mask, how) / longer,
        "the sign of A alone, not its size": want / abs(A)[:, None],
        "old and new are exchanged in ρ": slope_exchanged(given, how),
    }
    for other in ("answers", "tokens", "each"):
        if other != how:
            known[f"the denominator of {other!r}"] = slope(*given, other)
    known["not divided by the number of answers"] = (
        want * len(A) if how != "tokens" else want * mask.sum()
    )
    return {k: v for k, v in known.items() if abs(v - want).max() > 1e-7}


def slope_exchanged(given, how):
    """The right form with ρ upside down: its value, not its derivative."""
    logp, old, A, mask, low, high = given
    ratio = np.exp(old - logp)
    done = ((A[:, None] > 0) & (ratio > 1 + high)) | (
        (A[:, None] < 0) & (ratio < 1 - low)
    )
    return -np.where(done, 0, ratio * A[:, None]) * mask / denominators(mask, how)


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_weights(student, rng, draw):
    """All six regions, lengths that differ, one denominator."""
    given = problem(rng, *draw[:4])
    want = slope(*given, draw[4])
    got = student.loss_weights(*given, draw[4])
    compare(
        got,
        want=want,
        mistakes=mistakes(given, draw[4]),
        tol=TOL,
        equation="(24b.5), (24b.6)",
    )


@pytest.mark.draws(*SIZES)
def test_fresh_answers(student, rng, draw):
    """On the policy that sampled nothing is clipped, and the gradient is there."""
    _, old, A, mask, low, high = problem(rng, *draw[:4])
    how = draw[4]
    want = -A[:, None] * mask / denominators(mask, how)
    known = {
        "no gradient at ρ = 1": 0 * want,
        "the sign of a gain, not of a loss": -want,
        "the sign of A alone, not its size": want / abs(A)[:, None],
    }
    got = student.loss_weights(old, old, A, mask, low, high, how)
    compare(got, want=want, mistakes=known, tol=TOL, equation="(24b.5), (24b.6)")
