"""Grader of noise_weights. Elementary functions of a few numbers: 1e-14, against 1e-9."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [
    ("squared", "classes", "absolute"),
    ("absolute", "squared"),
    ("classes", "absolute", "squared", "squared"),
    ("squared", "classes"),
]
FACTOR = {"squared": 0.5, "classes": 1.0, "absolute": 1.0}
POWER = {"squared": 1.0, "classes": 1.0, "absolute": 0.5}


def problem(rng, *kinds):
    T = len(kinds)
    return rng.uniform(0.1, 3.0, T), list(kinds), rng.uniform(-1.5, 1.5, T)


def term(L, kind, s, factor=FACTOR, power=POWER, log=0.5):
    return factor[kind] * L * np.exp(-power[kind] * s) + log * s


def total(given, **wrong):
    return sum(term(*one, **wrong) for one in zip(*given))


def slope(given, **wrong):
    """By complex steps of the terms."""
    h = 1e-30j
    return np.array([term(L, k, s + h, **wrong).imag / 1e-30 for L, k, s in zip(*given)])


def best(given, **wrong):
    """By bisection of the slope, which rises with s."""
    found = []
    for L, kind, _ in zip(*given):
        low, high = -40.0, 40.0
        for _ in range(200):
            s = (low + high) / 2
            rising = term(L, kind, s + 1e-30j, **wrong).imag > 0
            low, high = (low, s) if rising else (s, high)
        found.append((low + high) / 2)
    return np.array(found)


def pull(given, factor=FACTOR, power=POWER, log=0.5):
    at = best(given, factor=factor, power=power, log=log)
    return np.array([factor[k] * np.exp(-power[k] * s) for k, s in zip(given[1], at)])


EVEN = {"squared": 0.5, "classes": 0.5, "absolute": 0.5}
WRONG = {
    "½ before every loss: it belongs to the squared one": {"factor": EVEN},
    "no ½ before the squared loss": {"factor": dict.fromkeys(EVEN, 1.0)},
    "½ before the cross-entropy": {"factor": FACTOR | {"classes": 0.5}},
    "½ before the absolute loss": {"factor": FACTOR | {"absolute": 0.5}},
    "absolute: divided by σ², not σ": {"power": POWER | {"absolute": 1.0}},
    "s is taken for log σ": {"power": {k: 2 * v for k, v in POWER.items()}, "log": 1.0},
    "s is taken for log σ in the losses only": {
        "power": {k: 2 * v for k, v in POWER.items()}
    },
    "log σ² without its ½": {"log": 1.0},
}


def wrongs(given, of):
    """Mistakes that change this draw's answer."""
    right = of(given)
    found = {name: of(given, **wrong) for name, wrong in WRONG.items()}
    return {k: v for k, v in found.items() if np.max(abs(v - right)) > 1e-6}


@pytest.mark.draws(*SIZES)
def test_total(student, rng, draw):
    """The sum of the terms."""
    L, kinds, s = given = problem(rng, *draw)
    want = total(given)
    compare(
        student.noise_weights(*given)[0],
        want=want,
        mistakes=wrongs(given, total)
        | {
            "log σ² is left out": want - s.sum() / 2,
            "the mean of the terms": want / len(L),
            "σ² and 1/σ² are exchanged": total((L, kinds, -s)) + s.sum(),
        },
        tol=TOL,
        equation="(25.5)",
    )


@pytest.mark.draws(*SIZES)
def test_slope(student, rng, draw):
    """Derivatives by s = log σ²."""
    given = problem(rng, *draw)
    s, want = given[2], slope(given)
    compare(
        student.noise_weights(*given)[1],
        want=want,
        mistakes=wrongs(given, slope)
        | {
            "the sign is reversed": -want,
            "derivatives by σ², not by its log": want / np.exp(s),
            "log σ² is left out": want - 0.5,
        },
        tol=TOL,
        equation="(25.5)",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_best(student, rng, draw):
    """The s that minimises the total for these losses."""
    given = problem(rng, *draw)
    L, want = given[0], best(given)
    compare(
        student.noise_weights(*given)[2],
        want=want,
        mistakes=wrongs(given, best)
        | {
            "σ² itself, not its log": np.exp(want),
            "log σ, not log σ²": want / 2,
            "log L for every kind": np.log(L),
            "negative s are cut off at 0": np.maximum(want, 0),
        },
        tol=TOL,
        equation="(25.6)",
    )


@pytest.mark.draws(*SIZES)
def test_pull(student, rng, draw):
    """How hard each task pulls at the best s."""
    L, kinds, s = given = problem(rng, *draw)
    want = pull(given)
    at = np.array([FACTOR[k] * np.exp(-POWER[k] * v) for k, v in zip(kinds, s)])
    compare(
        student.noise_weights(*given)[3],
        want=want,
        mistakes=wrongs(given, pull)
        | {
            "at the s given, not at the best": at,
            "1/(2L) for every kind": 1 / (2 * L),
            "1/L for every kind": 1 / L,
            "scaled to sum 1": want / want.sum(),
            "the pull times the loss": want * L,
        },
        tol=TOL,
        equation="(25.6)",
    )
