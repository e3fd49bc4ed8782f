"""Grader of shift_score: both outputs are computed and compared. Bounds: 1e-14."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [(7, 3, 0.2), (5, 4, 0.05), (11, 2, 0.5), (6, 1, 0.1)]  # N, C, ε


def problem(rng, N, C, eps):
    """Small samples and a large ε, so that ddof and ε show; γ of both signs."""
    x = 1.5 + rng.uniform(1.3, 1.8, C) * rng.exponential(size=(N, C))
    gamma = rng.uniform(1.3, 2, C) * np.resize([-1, 1], C)
    return x, rng.normal(size=C), rng.uniform(0.1, 0.3, C), gamma, eps


def by_outputs(x, mean_s, var_s, gamma, eps, w=0.0):
    """The mean of the squared difference over the rows, from the two outputs."""
    mean, var = x.mean(0), x.var(0)
    moved = mean_s + w * (mean - mean_s), var_s + w * (var - var_s)
    frozen = gamma * (x - moved[0]) / np.sqrt(moved[1] + eps)
    updated = gamma * (x - mean) / np.sqrt(var + eps)
    return np.mean((frozen - updated) ** 2, axis=0)


def mistakes(x, mean_s, var_s, gamma, eps, w=0.0):
    """With the statistics already moved by w."""
    m, v = x.mean(0), x.var(0)
    start = mean_s, var_s
    mean_s, var_s = mean_s + w * (m - mean_s), var_s + w * (v - var_s)
    a, b = 1 / np.sqrt(var_s + eps), 1 / np.sqrt(v + eps)
    d2, big, g2 = (m - mean_s) ** 2, x.var(0, ddof=1), gamma**2
    right, c = g2 * ((a - b) ** 2 * v + a**2 * d2), 1 / np.sqrt(big + eps)
    sa, sb = 1 / (np.sqrt(var_s) + eps), 1 / (np.sqrt(v) + eps)
    na, nb = 1 / np.sqrt(var_s), 1 / np.sqrt(v)

    def moved(v_t, a=a, b=b, far=None):
        return g2 * ((a - b) ** 2 * v_t + (a**2 * d2 if far is None else far))

    return {
        "γ is not squared": right / gamma,
        "γ is missing": right / g2,
        "ε is missing": moved(v, na, nb, na**2 * d2),
        "ε is subtracted": moved(v, *sub(var_s, v, eps))
        if min(var_s) > eps
        else -right,
        "the shift of the mean is missing": moved(v, far=0.0),
        "the change of the spread is missing": g2 * a**2 * d2,
        "the mean shift is divided by the target's spread": moved(v, far=b**2 * d2),
        "expectation over the source, not the target": moved(var_s, far=b**2 * d2),
        "the spread's change is weighed with the source's variance": moved(var_s),
        "the unbiased variance of the target": moved(big, b=c),
        "the root of A": np.sqrt(right),
        "a sum over the rows, not a mean": len(x) * right,
        "ε stands outside the square root": moved(v, sa, sb, sa**2 * d2),
        "variances instead of standard deviations: no root": moved(
            v, a**2, b**2, a**4 * d2
        ),
        "a² − b² instead of (a − b)²": g2 * ((a**2 - b**2) * v + a**2 * d2),
        "(a + b)² instead of (a − b)²": moved(v, b=-b),
        "a is not squared": moved(v, far=a * d2),
        "the mean shift is not squared": moved(v, far=a**2 * np.sqrt(d2)),
        "the spread's change is not squared": g2 * (np.abs(a - b) * v + a**2 * d2),
        "v_t is missing": moved(1.0),
        "√v_t instead of v_t": moved(np.sqrt(v)),
        "each mean is divided by its own spread": moved(
            v, far=(a * mean_s - b * m) ** 2
        ),
        "the two parts are not added but multiplied": (
            g2 * (a - b) ** 2 * v * a**2 * d2
        ),
        "the cross term is added: (part + part)²": (
            g2 * (np.abs(a - b) * np.sqrt(v) + a * np.sqrt(d2)) ** 2
        ),
    } | ({} if w == 0 else of_w(x, *start, gamma, eps, w))


def sub(var_s, v, eps):
    return 1 / np.sqrt(var_s - eps), 1 / np.sqrt(v - eps)


def of_w(x, mean_s, var_s, gamma, eps, w):
    """What goes wrong with statistics that have moved by w."""
    m, v, given = x.mean(0), x.var(0), (gamma, eps)
    near = mean_s + w * (m - mean_s), var_s + w * (v - var_s)
    frozen = by_outputs(x, mean_s, var_s, *given)
    deviations = np.sqrt(var_s) + w * (np.sqrt(v) - np.sqrt(var_s))
    away = gamma * (x - mean_s) / np.sqrt(var_s + eps)
    there = gamma * (x - near[0]) / np.sqrt(near[1] + eps)
    return {
        "w is ignored": frozen,
        "w and 1 − w are swapped": by_outputs(x, mean_s, var_s, *given, 1 - w),
        "only the mean moves by w": by_outputs(x, near[0], var_s, *given),
        "only the variance moves by w": by_outputs(x, mean_s, near[1], *given),
        "A is interpolated: (1 − w) A": (1 - w) * frozen,
        "A is interpolated: (1 − w)² A": (1 - w) ** 2 * frozen,
        "standard deviations are mixed, not variances": (
            by_outputs(x, near[0], deviations**2, *given)
        ),
        "the moved layer is compared with the frozen one": (
            np.mean((away - there) ** 2, axis=0)
        ),
    }


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_score(student, rng, draw):
    """A from the two outputs of a frozen and an updated layer, on skewed data."""
    given = problem(rng, *draw)
    want = by_outputs(*given)
    compare(
        student.shift_score(*given),
        want=want,
        mistakes=mistakes(*given),
        tol=TOL,
        equation="(10.8)",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*((*sizes, w) for sizes, w in zip(SIZES, (0.35, 0.6, 0.2, 0.85))))
def test_moved_statistics(student, rng, draw):
    """Statistics that have moved by w towards the target's."""
    *sizes, w = draw
    given = *problem(rng, *sizes), w
    want = by_outputs(*given)
    compare(
        student.shift_score(*given),
        want=want,
        mistakes=mistakes(*given),
        tol=TOL,
        equation="(10.8)",
    )


@pytest.mark.draws(*SIZES)
def test_no_shift_no_cost(student, rng, draw):
    """With the target's own statistics in the layer, or w = 1, A is 0."""
    x, mean_s, var_s, gamma, eps = problem(rng, *draw)
    for given in ((x.mean(0), x.var(0), gamma, eps), (mean_s, var_s, gamma, eps, 1.0)):
        got = student.shift_score(x, *given)
        known = {"w is ignored": by_outputs(x, mean_s, var_s, gamma, eps)}
        compare(
            got,
            want=np.zeros(len(gamma)),
            mistakes=known if len(given) > 4 else {},
            tol=TOL,
            equation="(10.8)",
            scale=1,
        )


@pytest.mark.draws(*SIZES)
def test_pure_shift_of_the_mean(student, rng, draw):
    """Moved by d with the same spread: A = γ² d²/(v + ε)."""
    x, d, _, gamma, eps = problem(rng, *draw)
    want = gamma**2 * d**2 / (x.var(0) + eps)
    compare(
        student.shift_score(x, x.mean(0) - d, x.var(0), gamma, eps),
        want=want,
        mistakes={
            "γ is not squared": want / gamma,
            "γ is missing": want / gamma**2,
            "ε is missing": gamma**2 * d**2 / x.var(0),
            "the shift of the mean is missing": 0 * d,
        },
        tol=TOL,
        equation="(10.8)",
    )
