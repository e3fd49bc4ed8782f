"""Grader of dare_price: all masks are enumerated. Bounds: rounding, 1e-12."""

import itertools

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-8
SIZES = [(3, 3), (4, 1), (5, 2), (2, 4)]  # entries, vectors


def problem(rng, d, T):
    G = rng.normal(size=(d, d))
    scales = rng.uniform(0.5, 2, T) * np.where(np.arange(T) % 2, -1, 1)
    return G @ G.T + np.eye(d), rng.normal(size=(T, d)), scales, rng.uniform(0.2, 0.8, T)


def expected(H, taus, scales, ps):
    """E ½ θᵀHθ over all masks, minus its value at the undropped sum (θ0 = 0; the part of
    L that is linear in θ is unbiased)."""
    T, d = taus.shape
    mean, second = np.zeros(d), np.zeros((d, d))
    for t in range(T):  # independent vectors: only each one's own moments are needed
        for mask in itertools.product((0, 1), repeat=d):
            chance = np.prod([1 - ps[t] if m else ps[t] for m in mask])
            x = scales[t] * np.array(mask) * taus[t] / (1 - ps[t])
            away = x - scales[t] * taus[t]
            mean, second = mean + chance * away, second + chance * np.outer(away, away)
    return float(np.sum(H * second) / 2)


def mistakes(H, taus, scales, ps):
    h, odds, T = np.diag(H), ps / (1 - ps), len(taus)
    parts = np.array([h @ t**2 for t in taus])
    summed = scales @ taus
    return {
        "no price: unbiased weights, so an unbiased loss": 0.0,
        "without the ½": float((odds * scales**2) @ parts),
        "p instead of p/(1 − p)": float((ps * scales**2) @ parts / 2),
        "p(1 − p) instead of p/(1 − p)": float((ps * (1 - ps) * scales**2) @ parts / 2),
        "(1 − p)/p: kept and dropped are swapped": float((scales**2 / odds) @ parts / 2),
        "1/(1 − p): the second moment, not the variance": float(
            (scales**2 / (1 - ps)) @ parts / 2
        ),
        "p/(1 − p)²": float((odds / (1 - ps) * scales**2) @ parts / 2),
        "λ is not squared": float((odds * scales) @ parts / 2),
        "|λ| instead of λ²": float((odds * abs(scales)) @ parts / 2),
        "λ is left out": float(odds @ parts / 2),
        "the whole of H, not its diagonal": float(
            sum(o * s**2 * t @ H @ t for o, s, t in zip(odds, scales, taus)) / 2
        ),
        "the squared diagonal of H": float((odds * scales**2) @ (taus**2 @ h**2) / 2),
        "without H": float((odds * scales**2) @ (taus**2).sum(1) / 2),
        "τ is not squared": float((odds * scales**2) @ (abs(taus) @ h) / 2),
        "one mask for all vectors": float(
            h @ sum(np.sqrt(o) * s * t for o, s, t in zip(odds, scales, taus)) ** 2 / 2
        ),
        "the dropped sum, not the sum of the dropped": float(
            np.mean(odds) * (h @ summed**2) / 2
        ),
        "the mean over the vectors, not the sum": float((odds * scales**2) @ parts / 2 / T),
        "the mean p for all": float(
            np.mean(ps) / (1 - np.mean(ps)) * (scales**2 @ parts) / 2
        ),
        "the price has the wrong sign": -float((odds * scales**2) @ parts / 2),
    }


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_price(student, rng, draw):
    """The expected rise of the loss."""
    given = problem(rng, *draw)
    compare(
        student.dare_price(*given),
        want=expected(*given),
        mistakes=mistakes(*given),
        tol=TOL,
        equation="(27.10)",
    )


@pytest.mark.draws((3, 2), (4, 3))
def test_nothing_dropped(student, rng, draw):
    """p = 0 costs nothing."""
    H, taus, scales, ps = problem(rng, *draw)
    got = student.dare_price(H, taus, scales, 0 * ps)
    compare(got, want=0.0, tol=1e-12, scale=1.0, equation="(27.10)")


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_largest_drop(student, rng, draw):
    """The price of the answer is the budget."""
    H, taus, scales, _ = problem(rng, *draw)
    unit = expected(H, taus, scales, np.full(len(taus), 0.5))
    budget = rng.uniform(0.2, 0.8) * unit
    right = budget / (budget + unit)
    compare(
        student.largest_drop(H, taus, scales, budget),
        want=right,
        mistakes={
            "1 − p: the share that is kept": 1 - right,
            "p/(1 − p), not solved for p": budget / unit,
            "a linear price: p = budget/price(½)/2": budget / unit / 2,
            "the ½ of (27.10) is forgotten": budget / (budget + 2 * unit),
            "the budget is halved": budget / (budget + unit / 2),
            "p(1 − p) for p/(1 − p)": budget / (budget + unit) * (1 - right),
            "1/(1 − p) for p/(1 − p)": max(1 - unit / budget, 0.0),
        },
        tol=TOL,
        equation="(27.10)",
    )
