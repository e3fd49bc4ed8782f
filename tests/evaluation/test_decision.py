"""The decision over seeds and examples: its formula, its level, its sentences."""

import math

import numpy as np
import pytest

from tinyft.evaluation import decide, student

# printed tables: t of 95 %, two-sided, for 1 .. 19 degrees of freedom
T95 = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093),
)


def test_student_is_the_tables_and_its_closed_forms():
    got = [student(0.95, f) for f in range(1, len(T95) + 1)]
    np.testing.assert_allclose(got, T95, atol=5e-4)  # three decimals are printed
    # one degree: Cauchy; two: t = L √(2/(1 − L²))
    assert student(0.9, 1) == pytest.approx(math.tan(0.45 * math.pi), rel=1e-12)
    assert student(0.8, 2) == pytest.approx(0.8 * math.sqrt(2 / 0.36), rel=1e-12)


@pytest.mark.parametrize("freedom", [3, 4, 7])
def test_student_is_the_integral_of_its_density(freedom):
    t = student(0.9, freedom)
    x = np.linspace(-t, t, 40_001)
    log_c = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)
    density = math.exp(log_c) / math.sqrt(freedom * math.pi)
    density = density * (1 + x**2 / freedom) ** (-(freedom + 1) / 2)
    assert np.trapezoid(density, x) == pytest.approx(0.9, abs=1e-8)


def test_the_half_width_adds_seeds_and_examples():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(4, 50)) + 2 * rng.normal(size=50), rng.normal(size=(4, 50))
    found, d = decide(a, b, level=0.9), a - b
    seeds = d.mean(1).std(ddof=1) / 2
    rest = d - d.mean(1, keepdims=True) - d.mean(0) + d.mean()
    both = (rest**2).sum() / (3 * 49)
    examples = math.sqrt((d.mean(0).var(ddof=1) - both / 4) / 50)
    assert found.gap == pytest.approx(d.mean(), rel=1e-12)
    assert found.over_seeds == pytest.approx(seeds, rel=1e-12)
    assert found.over_examples == pytest.approx(examples, rel=1e-12)
    want = student(0.9, 3) * math.hypot(seeds, examples)
    assert found.half == pytest.approx(want, rel=1e-12)


def test_the_two_variances_are_those_of_the_model():
    """d = seed + example + rest: the squares of the terms have the right expectation.

    4000 draws; both means are good to 4 of their standard errors. Clipping at 0 would
    bias the second, so its true value is large here.
    """
    rng = np.random.default_rng(5)
    S, N, draws = 3, 8, 4000
    squares = np.empty((draws, 2))
    for k in range(draws):
        d = rng.normal(size=(S, 1)) + 2 * rng.normal(size=N) + rng.normal(size=(S, N))
        found = decide(d, 0 * d)
        squares[k] = found.over_seeds**2, found.over_examples**2
    want = np.array([1 / S + 1 / (S * N), 4 / N])
    error = squares.std(axis=0) / math.sqrt(draws)
    assert (abs(squares.mean(axis=0) - want) < 4 * error).all()


def test_the_sign_is_that_of_harm():
    worse = np.random.default_rng(0).normal(1.0, 0.01, size=(5, 30))
    zero = np.zeros((5, 30))
    assert decide(worse, zero).verdict == "negative transfer"
    assert decide(zero, worse).verdict == "positive transfer"
    assert decide(zero, zero).verdict == "not settled"
    assert [decide(*p).sign for p in [(worse, zero), (zero, worse), (zero, zero)]] == [
        1,
        -1,
        0,
    ]


def test_false_alarms_between_equal_procedures_stay_below_five_per_cent():
    """Seed effects, example effects and noise; 2000 experiments, standard error 0.5 %."""
    rng = np.random.default_rng(3)
    alarms, only_seeds = 0, 0
    for _ in range(2000):
        seeds, examples = 0.5 * rng.normal(size=(5, 1)), 3 * rng.normal(size=40)
        d = seeds + examples + rng.normal(size=(5, 40))
        found = decide(d, 0 * d)
        alarms += found.sign != 0
        only_seeds += abs(found.gap) > student(0.95, 4) * found.over_seeds
    assert alarms / 2000 < 0.065
    assert only_seeds / 2000 > 0.1  # these test examples only: a false alarm elsewhere


@pytest.mark.parametrize(
    "a, b, sentence",
    [
        (
            np.zeros((3, 4)),
            np.zeros((3, 5)),
            r"transfer is \(3, 4\) and scratch \(3, 5\)",
        ),
        (np.zeros(4), np.zeros(4), "seeds, examples.*evaluation.mcnemar"),
        (np.zeros((1, 4)), np.zeros((1, 4)), "at least 2 of each"),
        (
            [[0, math.nan], [0, 1]],
            np.zeros((2, 2)),
            "transfer has an entry that is NaN",
        ),
    ],
)
def test_what_cannot_be_decided_is_a_sentence(a, b, sentence):
    with pytest.raises(ValueError, match=sentence):
        decide(a, b)


def test_student_refuses_no_freedom():
    with pytest.raises(ValueError, match="two seeds are the fewest"):
        student(0.95, 0)
