"""Grader of helper_weight. A few products and one division: 1e-14, against 1e-9."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [(3, 8, 20), (5, 30, 12), (2, 6, 40), (4, 15, 9)]  # d, n1, n2


def problem(rng, d, n1, n2):
    noise = float(rng.uniform(0.5, 1.5))
    w1 = rng.normal(size=d)
    step = rng.normal(size=d)
    far = noise * d * (1 / n1 + 1 / n2) + rng.uniform(0.3, 1.2)
    return w1, w1 + np.sqrt(far / (step @ step)) * step, n1, n2, noise


def minimum(own, other, D):
    """m of (25.7) by its normal equation: rows √c_1 (1 − m), √c_2 m, √D m."""
    rows = np.array([-np.sqrt(own), np.sqrt(other), np.sqrt(D)])
    goal = np.array([-np.sqrt(own), 0.0, 0.0])
    return float(np.linalg.lstsq(rows[:, None], goal, rcond=None)[0][0])


def result(given, D=None, own=None, other=None, share=None, fit=None):
    """(D, a, w), or with a mistake in one of them."""
    w1, w2, n1, n2, noise = given
    d = len(w1)
    first, second = noise * d / n1, noise * d / n2
    D = max(0.0, np.sum((w2 - w1) ** 2) - first - second) if D is None else D
    m = minimum(first if own is None else own, second if other is None else other, D)
    m = m if share is None else share(m)
    a = m * n1 / ((1 - m) * n2)
    used = m if fit is None else fit(m, a)
    return D, a, (1 - used) * w1 + used * w2


def mistakes(given):
    w1, w2, n1, n2, noise = given
    d, D, a, w = len(w1), *result(given)
    raw = float(np.sum((w2 - w1) ** 2))
    own, other = noise * d / n1, noise * d / n2
    m = minimum(own, other, D)
    return {
        "the noise is not taken off |w2 − w1|²": result(given, D=raw),
        "the noise of one fit only is taken off": result(given, D=raw - own),
        "d is left out of the noise": result(
            given, D=raw - (own + other) / d, own=own / d, other=other / d
        ),
        "d is left out of what is taken off": result(given, D=raw - (own + other) / d),
        "d is left out of (25.7)": result(given, own=own / d, other=other / d),
        "the noise is added to |w2 − w1|²": result(given, D=raw + own + other),
        "|w2 − w1|, not its square": result(
            given, D=max(0.0, np.sqrt(raw) - own - other)
        ),
        "one noise for both rows together: d·noise/(n1 + n2)": result(
            given, D=raw - noise * d / (n1 + n2)
        ),
        "m is returned for a": (D, m, w),
        "a is used as if it were m": (D, a, (1 - a) * w1 + a * w2),
        "w1 and w2 are exchanged in the fit": (D, a, m * w1 + (1 - m) * w2),
        "the second task's own error is left out of (25.7)": result(given, other=0.0),
        "D is left out of (25.7): the tasks are pooled": (
            D,
            1.0,
            (n1 * w1 + n2 * w2) / (n1 + n2),
        ),
        "the best weight of the first task in the second's fit": result(
            given, own=other, other=own
        ),
        "n1 and n2 are exchanged in a": (D, m * n2 / ((1 - m) * n1), w),
        "the second task is not used": (D, 0.0, w1),
    }


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_weight(student, rng, draw):
    """D, the weight, and the fit."""
    given = problem(rng, *draw)
    compare(
        student.helper_weight(*given),
        want=result(given),
        mistakes=mistakes(given),
        tol=TOL,
        equation="(25.8)",
    )


@pytest.mark.draws((4, 7, 11), (3, 12, 5))
def test_no_difference_left(student, rng, draw):
    """Fits closer than their noise: D = 0, and the tasks are pooled."""
    d, n1, n2 = draw
    w1, noise = rng.normal(size=d), float(rng.uniform(1.0, 2.0))
    w2 = w1 + 0.3 * np.sqrt(noise / (n1 + n2)) * rng.normal(size=d)
    given = w1, w2, n1, n2, noise
    own, other = noise * d / n1, noise * d / n2
    raw = float(np.sum((w2 - w1) ** 2)) - own - other
    m = own / (own + other + raw)
    compare(
        student.helper_weight(*given),
        want=(0.0, 1.0, (n1 * w1 + n2 * w2) / (n1 + n2)),
        mistakes={
            "a negative D is used": (
                raw,
                m * n1 / ((1 - m) * n2),
                (1 - m) * w1 + m * w2,
            ),
            "a negative D is made positive": result(given, D=-raw),
        },
        tol=TOL,
        equation="(25.8)",
    )
