"""Grader of warmup_cosine. Bounds: a cosine rounds by 1e-16, against 1e-9 allowed."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9


def problem(seed):
    rng = np.random.default_rng(seed)
    W = int(rng.integers(4, 9))
    return W, W + int(rng.integers(15, 30)), rng.uniform(0.1, 0.3)


def run(student, steps, *options):
    return np.array([student.warmup_cosine(int(t), *options) for t in steps])


def arc(share, r):
    """r + (1 − r) cos²(π·share/2): the half-angle form of (1.17)."""
    return r + (1 - r) * np.cos(np.pi * share / 2) ** 2


def test_warmup(student, seed):
    """The warm-up: 1/W, 2/W, ..., 1."""
    W, T, r = problem(seed)
    t = np.arange(W)
    compare(
        run(student, t, W, T, r),
        want=np.linspace(1 / W, 1, W),
        mistakes={
            "t/W: the first step has rate 0": t / W,
            "(t + 1)/(W + 1): the warm-up ends below 1": (t + 1) / (W + 1),
            "the warm-up starts at the floor": r + (1 - r) * (t + 1) / W,
            "the warm-up is multiplied by the cosine": (t + 1) / W * arc(t / T, r),
            "no warm-up": arc((t - W) / (T - W), r),
        },
        tol=TOL,
        equation="(1.17)",
        called=f"warmup_cosine(t, {W}, {T}, {r:.3g}) for t = 0 ... {W - 1}",
    )


@pytest.mark.points(2)
def test_cosine(student, seed):
    """The cosine from t = W to t = T."""
    W, T, r = problem(seed)
    t = np.arange(W, T + 1)
    share = (t - W) / (T - W)
    late = np.clip(share * (T - W) / (T - W - 1), 0, 1)
    compare(
        run(student, t, W, T, r),
        want=arc(share, r),
        mistakes={
            "the cosine runs over T steps, not T − W": arc((t - W) / T, r),
            "the cosine begins at t = 0": arc(t / T, r),
            "2π in place of π": arc(2 * share, r),
            "the floor is forgotten": arc(share, 0.0),
            "the floor is added on top": arc(share, 0.0) + r,
            "the floor cuts off the cosine": np.maximum(arc(share, 0.0), r),
            "the floor is reached a step too early": arc(late, r),
            "a straight line in place of the cosine": 1 - (1 - r) * share,
            "the ½ is missing": r + (1 - r) * (1 + np.cos(np.pi * share)),
        },
        tol=TOL,
        equation="(1.17)",
        called=f"warmup_cosine(t, {W}, {T}, {r:.3g}) for t = {W} ... {T}",
    )


def test_afterwards(student, seed):
    """After T the factor stays at the floor."""
    W, T, r = problem(seed)
    t = T + np.array([1, 5, 3 * T])
    compare(
        run(student, t, W, T, r),
        want=np.full(3, r),
        mistakes={
            "after T the cosine rises again": arc((t - W) / (T - W), r),
            "after T the factor is 0": np.zeros(3),
        },
        tol=TOL,
        equation="(1.17)",
        called=f"warmup_cosine(t, {W}, {T}, {r:.3g}) for t = {', '.join(map(str, t))}",
    )


def test_mean(student, seed):
    """Without warm-up the mean over t = 0 ... T−1 is r + (1 − r)(T + 1)/(2T)."""
    _, T, r = problem(seed)
    compare(
        run(student, np.arange(T), 0, T, r).mean(),
        want=r + (1 - r) * (T + 1) / (2 * T),
        mistakes={
            "the floor is reached a step too early": (1 + r) / 2,
            "the floor is forgotten": (T + 1) / (2 * T),
        },
        tol=TOL,
        equation="(1.17)",
        called=f"the mean of warmup_cosine(t, 0, {T}, {r:.3g}) over t = 0 ... {T - 1}",
    )
