"""Grader of warmup_cosine. Bounds: a cosine rounds by 1e-16, against 1e-9 allowed."""

import numpy as np
import pytest

from tinyft.grading import compare, take

TOL = 1e-9
# W, about T, about the floor r; the warm-up may be one step, or none
DRAWS = (5, 23, 0.2), (1, 9, 0.35), (8, 15, 0.05)


def problem(rng, W, T, r):
    return W, T + int(rng.integers(0, 4)), float(r * rng.uniform(0.9, 1.2))


def arc(share, r):
    """r + (1 − r) cos²(π·share/2): the half-angle form of (1.17)."""
    return r + (1 - r) * np.cos(np.pi * share / 2) ** 2


def rule(warm=lambda t, W, T, r: (t + 1) / W, cosine=lambda t, W, T, r: 1, until=0):
    """f(t, W, T, r) with another warm-up, another cosine or another end of the first."""

    def f(t, W, T, r):
        return warm(t, W, T, r) if t < W + until else cosine(min(t, T), W, T, r)

    return f


def right(t, W, T, r):
    return (
        np.interp(t, [-1, W - 1], [0, 1]) if t < W else arc(share(min(t, T), W, T), r)
    )


def share(t, W, T):
    return (t - W) / (T - W)


def curve(f):
    """f(share, r) after the right warm-up."""
    return rule(cosine=lambda t, W, T, r: f(share(t, W, T), r))


def warm(f):
    return rule(f, lambda t, W, T, r: arc(share(t, W, T), r))


RULES = {
    "t/W: the first step has rate 0": warm(lambda t, W, T, r: t / W),
    "(t + 1)/(W + 1): the warm-up ends below 1": warm(
        lambda t, W, T, r: (t + 1) / (W + 1)
    ),
    "the warm-up starts at the floor": warm(
        lambda t, W, T, r: r + (1 - r) * (t + 1) / W
    ),
    "the warm-up is multiplied by the cosine": warm(
        lambda t, W, T, r: (t + 1) / W * arc(t / T, r)
    ),
    "the warm-up is 1 all the way": warm(lambda t, W, T, r: 1.0),
    "no warm-up": warm(lambda t, W, T, r: arc(share(t, W, T), r)),
    "the warm-up has one step too many": rule(
        lambda t, W, T, r: (t + 1) / max(W, 1),
        lambda t, W, T, r: arc(share(t, W, T), r),
        until=1,
    ),
    "the cosine runs over T steps, not T − W": rule(
        cosine=lambda t, W, T, r: arc((t - W) / T, r)
    ),
    "the cosine begins at t = 0": rule(cosine=lambda t, W, T, r: arc(t / T, r)),
    "the floor is reached a step too early": rule(
        cosine=lambda t, W, T, r: arc(min((t - W) / (T - W - 1), 1), r)
    ),
    "the cosine is a step ahead": rule(
        cosine=lambda t, W, T, r: arc(min((t + 1 - W) / (T - W), 1), r)
    ),
    "2π instead of π": curve(lambda s, r: arc(2 * s, r)),
    "π/2 instead of π": curve(
        lambda s, r: r + (1 - r) * (1 + np.cos(np.pi * s / 2)) / 2
    ),
    "a quarter of a cosine, cos(π/2 · share)": curve(
        lambda s, r: r + (1 - r) * np.cos(np.pi * s / 2)
    ),
    "a sine instead of the cosine": curve(
        lambda s, r: r + (1 - r) * (1 + np.sin(np.pi * s)) / 2
    ),
    "the cosine rises: 1 − cos": curve(lambda s, r: arc(1 - s, r)),
    "the floor is forgotten": curve(lambda s, r: arc(s, 0.0)),
    "the floor is added on top": curve(lambda s, r: arc(s, 0.0) + r),
    "the floor multiplies the cosine": curve(lambda s, r: r * arc(s, 0.0)),
    "the floor cuts off the cosine": curve(lambda s, r: max(arc(s, 0.0), r)),
    "a straight line instead of the cosine": curve(lambda s, r: 1 - (1 - r) * s),
    "the ½ is missing": curve(lambda s, r: r + (1 - r) * (1 + np.cos(np.pi * s))),
    "the 1 in (1 + cos)/2 is missing": curve(
        lambda s, r: r + (1 - r) * np.cos(np.pi * s) / 2
    ),
    "after T the cosine rises again": lambda t, W, T, r: (
        right(t, W, T, r) if t <= T else arc(share(t, W, T), r)
    ),
    "after T the factor is 0": lambda t, W, T, r: right(t, W, T, r) if t <= T else 0.0,
    "after T the factor is 1": lambda t, W, T, r: right(t, W, T, r) if t <= T else 1.0,
}


def check(student, steps, W, T, r, summed=np.asarray, said="", told=None):
    def values(f):
        return summed(np.array([f(int(t), W, T, r) for t in steps], float))

    def asked(t, *given):
        return take(student.warmup_cosine(t, *given), factor=())

    want = values(right) if told is None else told
    known = {said: values(f) for said, f in RULES.items()}
    span = f"t = {steps[0]} ... {steps[-1]}"
    compare(
        values(asked),
        want=want,
        mistakes={k: v for k, v in known.items() if not np.allclose(v, want, 1e-6)},
        tol=TOL,
        equation="(1.17)",
        called=f"{said}warmup_cosine(t, {W}, {T}, {r:.3g}) for {span}",
    )


@pytest.mark.draws(*DRAWS)
def test_warmup(student, rng, draw):
    """The warm-up: 1/W, 2/W, ..., 1."""
    check(student, range(draw[0]), *problem(rng, *draw))


@pytest.mark.points(2)
@pytest.mark.draws(*DRAWS, (0, 12, 0.0), (3, 6, 0.6))
def test_cosine(student, rng, draw):
    """The cosine from t = W to t = T."""
    W, T, r = problem(rng, *draw)
    check(student, range(W, T + 1), W, T, r)


@pytest.mark.draws(*DRAWS, (0, 12, 0.1))
def test_afterwards(student, rng, draw):
    """After T the factor stays at the floor."""
    W, T, r = problem(rng, *draw)
    check(student, (T + 1, T + 5, 4 * T), W, T, r)


@pytest.mark.draws(11, 26)
def test_mean(student, rng, draw):
    """Without warm-up the mean over t = 0 ... T−1 is r + (1 − r)(T + 1)/(2T)."""
    r = float(rng.uniform(0.1, 0.3))
    told = r + (1 - r) * (draw + 1) / (2 * draw)
    check(student, range(draw), 0, draw, r, np.mean, "the mean of ", told)
