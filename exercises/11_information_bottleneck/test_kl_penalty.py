"""Grader of kl_penalty: the KL as a difference of expected log-densities. Bounds: sums of
a few dozen terms of size 10 err by about 1e-14."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [(5, 3), (2, 6), (1, 4), (9, 2)]  # n, d


def problem(rng, n, d):
    mean, mean0 = rng.normal(size=(2, n, d))
    sd, sd0 = rng.uniform(0.4, 2.2, size=(2, n, d))
    scores = rng.uniform(0.1, 0.8, size=d)
    scores[0], scores[1] = 1.3, -0.2
    return mean, sd, mean0, sd0, scores, float(rng.uniform(0.4, 2.0))


def kl(m, v, m0, v0, ratio=1.0, away=1.0, minus=1.0):
    """E log p − E log q under p."""
    own = -np.log(v) - minus / 2
    other = -np.log(v0) - (ratio * v**2 + away * (m - m0) ** 2) / (2 * v0**2)
    return own - other


def total(each, scores, strength, cut=True, by=None):
    s = np.minimum(np.maximum(scores, 0.0), 1.0) if cut else scores
    weights = 1 - s if by is None else by(s)
    return float(strength * np.sum(weights * each) / len(each))


def mistakes(m, v, m0, v0, scores, strength):
    n, d = m.shape
    each = kl(m, v, m0, v0)
    right = total(each, scores, strength)

    def of(each, **how):
        return total(each, scores, strength, **how)

    return {
        "KL(start ‖ now), the other direction": of(kl(m0, v0, m, v)),
        "the − 1 is missing": of(each + 0.5),
        "the ½ is missing": 2 * right,
        "the logarithm is upside down": of(each - 2 * np.log(v0 / v)),
        "the logarithm is missing": of(each - np.log(v0 / v)),
        "ln(v0/v) inside the ½: the squares are lost": of(each - 0.5 * np.log(v0 / v)),
        "the squared distance is missing": of(kl(m, v, m0, v0, away=0.0)),
        "v² is missing": of(kl(m, v, m0, v0, ratio=0.0)),
        "sd was taken for a variance": of(kl(m, v**0.5, m0, v0**0.5)),
        "the distance is not squared": of(
            each + (np.abs(m - m0) - (m - m0) ** 2) / (2 * v0**2)
        ),
        "weights s, not 1 − s": of(each, by=lambda s: s),
        "all features weigh the same": of(each, by=lambda s: 1 + 0 * s),
        "the scores are not cut to [0, 1]": of(each, cut=False),
        "a mean over the features, not a sum": right / d,
        "a sum over the examples, not a mean": right * n,
        "a mean over the examples and the features": right / d,
        "λ is missing": right / strength,
        "bits, not nats": right / np.log(2),
    }


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_penalty(student, rng, draw):
    """Random Gaussians; two of the scores lie outside [0, 1]."""
    given = m, v, m0, v0, scores, strength = problem(rng, *draw)
    want = total(kl(m, v, m0, v0), scores, strength)
    compare(
        student.kl_penalty(*given),
        want=want,
        mistakes=mistakes(*given),
        tol=TOL,
        equation="(11.4)",
    )


@pytest.mark.draws((4, 3), (2, 5))
def test_fixed_width(student, rng, draw):
    """With sd = sd0 only the squared distance is left, divided by 2 sd²."""
    m, v, m0, _, scores, strength = problem(rng, *draw)
    away = (m - m0) ** 2
    want = total(away / (2 * v**2), scores, strength)
    compare(
        student.kl_penalty(m, v, m0, v, scores, strength),
        want=want,
        mistakes={
            "the ½ is missing": 2 * want,
            "sd was taken for a variance": total(away / (2 * v), scores, strength),
            "weights s, not 1 − s": total(
                away / (2 * v**2), scores, strength, by=lambda s: s
            ),
        },
        tol=TOL,
        equation="(11.4)",
    )


@pytest.mark.draws((3, 4))
def test_start(student, rng, draw):
    """Nothing has moved: 0."""
    m, v, _, _, scores, strength = problem(rng, *draw)
    compare(
        student.kl_penalty(m, v, m, v, scores, strength),
        want=0.0,
        mistakes={"the − 1 is missing": total(0 * m + 0.5, scores, strength)},
        tol=TOL,
        equation="(11.3)",
    )
