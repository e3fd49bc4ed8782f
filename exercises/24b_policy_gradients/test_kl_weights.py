"""Grader of kl_weights. The reference is the complex step of the loss, and a series."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [(4, 5), (3, 7), (6, 2), (2, 4)]
EQUATION = "(24b.8), (24b.10)"


def problem(rng, n, T):
    logp = rng.normal(-2, 0.5, (n, T))
    old, ref = logp + rng.normal(0, 0.4, (n, T)), logp + rng.normal(0, 0.8, (n, T))
    lengths = rng.permutation(np.r_[T, rng.integers(1, T, n - 1)])
    return logp, old, ref, (np.arange(T) < lengths[:, None]).astype(float)


def k3(gap):
    return np.exp(-gap) - 1 + gap


def loss(logp, old, ref, mask, kind=k3, weight=True):
    """Its terms. weight: True, False, or "fixed" for a ρ without a gradient."""
    ratio = np.exp(logp - old) if weight is True else np.exp((logp - old).real)
    ratio = ratio if weight else 1.0
    return ratio * kind(logp - ref) * mask / len(logp)


def both(logp, *args, h=1e-30, **how):
    """(value, gradient); no term depends on two entries of logp, so one step moves all."""
    terms = loss(logp, *args, **how)
    return float(terms.sum()), loss(logp + 1j * h, *args, **how).imag / h


def mistakes(given):
    logp, old, ref, mask = given
    value, want = both(*given)
    full = np.ones_like(mask)
    masked = both(logp, old, ref, full)
    known = {
        "ρ has no gradient: the KL the wrong way round": both(*given, weight="fixed"),
        "ρ is missing": both(*given, weight=False),
        "ℓ has the wrong sign": both(*given, kind=lambda g: k3(-g)),
        "k1 for k3": both(*given, kind=lambda g: g),
        "k2 for k3": both(*given, kind=lambda g: g**2 / 2),
        "ρ is π over the reference": both(logp, ref, ref, mask),
        "ρ is upside down": (
            float((np.exp(old - logp) * k3(logp - ref) * mask).sum() / len(mask)),
            np.exp(old - logp) * (logp - ref) * mask / len(mask),
        ),
        "padding counts": masked,
        "divided by the tokens, not by the answers": (
            value * len(mask) / mask.sum(),
            want * len(mask) / mask.sum(),
        ),
        "not divided": (value * len(mask), want * len(mask)),
        "k3 has no gradient, only ρ": (
            value,
            np.exp(logp - old) * k3(logp - ref) * mask / len(mask),
        ),
        "the weights go down the KL": (value, -want),
    }
    return {
        k: v
        for k, v in known.items()
        if max(abs(v[0] - value), abs(v[1] - want).max()) > 1e-7
    }


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_off_policy(student, rng, draw):
    """The value and the weights of every token."""
    given = problem(rng, *draw)
    got = student.kl_weights(*given)
    compare(
        got, want=both(*given), mistakes=mistakes(given), tol=TOL, equation=EQUATION
    )


@pytest.mark.draws(*SIZES)
def test_close_to_the_reference(student, rng, draw):
    """ℓ of 1e-8: the value in units of its own size."""
    logp, old, _, mask = problem(rng, *draw)
    gap = rng.uniform(0.5, 2, logp.shape) * 1e-8
    ref = logp - gap
    gap = logp - ref  # as it is after rounding
    ratio = np.exp(logp - old)
    series = gap**2 / 2 - gap**3 / 6
    want = float((ratio * series * mask).sum() / len(mask))
    naive = float((ratio * (np.exp(-gap) - 1 + gap) * mask).sum() / len(mask))
    value, _ = student.kl_weights(logp, old, ref, mask)
    known = {"e^−ℓ − 1 without expm1: no digit is left": naive / want}
    compare(
        np.asarray(value) / want,
        want=1.0,
        mistakes={k: v for k, v in known.items() if abs(v - 1) > 1e-3},
        tol=1e-4,
        equation=EQUATION,
        called="kl_weights",
    )
