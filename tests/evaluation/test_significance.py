"""Paired tests against enumeration: sign flips, every table, resampled rows.

Integer tails are exact, so p-values agree to rounding, 1e-12. Sizes go through lgamma,
good to 1e-12 relative; published sizes have three or four digits.
"""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from tinyft import evaluation, tensor
from tinyft.evaluation.significance import binomial


def flips(b, c):
    """The exact two-sided p-value by all 2^n ways to hand out n discordant examples."""
    n = b + c
    far = [
        abs(2 * sum(coins) - n) >= abs(b - c)
        for coins in itertools.product((0, 1), repeat=n)
    ]
    return sum(far) / 2**n


@pytest.mark.parametrize("b, c", [(7, 2), (2, 7), (5, 5), (6, 0), (0, 1), (8, 4)])
def test_exact_is_all_sign_flips(b, c):
    assert evaluation.mcnemar(b, c) == pytest.approx(flips(b, c), abs=1e-12)


def test_mid_p_counts_half_of_what_is_as_extreme():
    for b, c in [(14, 4), (3, 9), (6, 5), (1, 0)]:
        n, far = b + c, abs(b - c)
        ways = [Fraction(math.comb(n, i), 2**n) for i in range(n + 1)]
        beyond = sum(w for i, w in enumerate(ways) if abs(2 * i - n) > far)
        equal = sum(w for i, w in enumerate(ways) if abs(2 * i - n) == far)
        want = float(beyond + equal / 2)
        assert evaluation.mcnemar(b, c, "mid-p") == pytest.approx(want, abs=1e-12)
    assert evaluation.mcnemar(6, 6, "mid-p") == 1.0  # each side half of the middle


def test_chi2_is_a_normal_tail_and_the_correction_is_clipped():
    # P(X >= x) of one degree = P(|Z| >= √x), by the trapezium rule on the density
    def tail(x):
        z = np.linspace(math.sqrt(x), 12, 200_001)
        return 2 * np.trapezoid(np.exp(-(z**2) / 2), z) / math.sqrt(2 * math.pi)

    assert evaluation.mcnemar(14, 4, "chi2") == pytest.approx(tail(100 / 18), abs=1e-9)
    corrected = evaluation.mcnemar(14, 4, "corrected")
    assert corrected == pytest.approx(tail(81 / 18), abs=1e-9)
    assert evaluation.mcnemar(7, 7, "corrected") == 1.0


def test_large_counts_stay_exact():
    # the normal approximation with correction is good to 1e-3 here
    p = evaluation.mcnemar(5200, 5000)
    assert p == pytest.approx(evaluation.mcnemar(5200, 5000, "corrected"), rel=1e-3)


@pytest.mark.parametrize(
    "kind, sizes",
    [  # n = 10, 20, 50, 100, enumerated for this project by another program
        ("exact", (0.0215, 0.0414, 0.0328, 0.0352)),
        ("corrected", (0.0215, 0.0414, 0.0328, 0.0352)),
        ("mid-p", (0.0215, 0.0414, 0.0649, 0.0569)),
        ("chi2", (0.0215, 0.0414, 0.0649, 0.0569)),
    ],
)
def test_sizes_given_the_discordant_examples(kind, sizes):
    got = [evaluation.rejection(n, kind) for n in (10, 20, 50, 100)]
    np.testing.assert_allclose(got, sizes, atol=5e-5)


def test_the_exact_test_keeps_its_level_and_the_others_do_not():
    size = {
        kind: max(evaluation.rejection(n, kind) for n in range(1, 120))
        for kind in evaluation.KINDS
    }
    assert size["exact"] <= 0.05 < size["mid-p"] < size["chi2"] == pytest.approx(0.125)
    assert evaluation.rejection(5) == 0.0 < evaluation.rejection(6)


@pytest.mark.parametrize("share", [0.5, 0.7])
def test_rejection_is_the_sum_over_all_tables(share):
    n = 17
    want = sum(
        math.comb(n, i) * share**i * (1 - share) ** (n - i)
        for i in range(n + 1)
        if evaluation.mcnemar(i, n - i) <= 0.05
    )
    assert evaluation.rejection(n, share=share) == pytest.approx(want, rel=1e-11)


def test_rejection_overall_is_the_sum_over_all_triples():
    N, psi, share = 14, 0.6, 0.8
    p = [psi * share, psi * (1 - share), 1 - psi]
    want = 0.0
    for b, c in itertools.product(range(N + 1), repeat=2):
        if 0 < b + c <= N and evaluation.mcnemar(b, c, "mid-p") <= 0.05:
            ways = math.comb(N, b) * math.comb(N - b, c)
            want += ways * p[0] ** b * p[1] ** c * p[2] ** (N - b - c)
    got = evaluation.rejection_overall(N, psi, "mid-p", share=share)
    assert got == pytest.approx(want, rel=1e-11)


def test_binomial_at_the_ends():
    assert [binomial(3, k, 0) for k in range(4)] == [1, 0, 0, 0]
    assert [binomial(3, k, 1) for k in range(4)] == [0, 0, 0, 1]


# --- pairs -----------------------------------------------------------------------------


def test_pairs_from_predictions_and_from_errors():
    y = np.array([0, 1, 2, 2, 1, 0, 1])
    first = np.array([0, 2, 2, 1, 1, 1, 1])  # wrong at 1, 3, 5
    second = np.array([0, 2, 2, 2, 1, 0, 0])  # wrong at 1, 6
    pairs = evaluation.paired(first, second, y)
    assert (pairs.N, pairs.b, pairs.c) == (7, 2, 1)
    assert pairs == evaluation.paired(first != y, (second != y).tolist())
    assert pairs == evaluation.paired(tensor(first), tensor(second), tensor(y))
    assert pairs.gap == pytest.approx((first != y).mean() - (second != y).mean())
    d = (first != y).astype(float) - (second != y)
    assert pairs.standard_error == pytest.approx(d.std() / math.sqrt(7), rel=1e-12)


def test_the_bootstrap_takes_whole_pairs():
    """Its standard deviation is (2); unpaired resampling would give twice as much."""
    rng = np.random.default_rng(0)
    common = rng.random(300) < 0.3  # both wrong: correlated models
    first, second = common | (rng.random(300) < 0.04), common | (rng.random(300) < 0.03)
    low, high = evaluation.paired_bootstrap(first, second, rng, draws=4000)
    pairs = evaluation.paired(first, second)
    # 4000 draws: each end is good to about 0.04 standard errors; errors come in 1/300
    assert low == pytest.approx(pairs.gap - 1.96 * pairs.standard_error, abs=0.004)
    assert high == pytest.approx(pairs.gap + 1.96 * pairs.standard_error, abs=0.004)
    again = evaluation.paired_bootstrap(
        first, second, np.random.default_rng(1), 500, 0.5
    )
    assert low < again[0] < again[1] < high


# --- bad input -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "first, second, targets, sentence",
    [
        ([1, 2, 3], [1, 2], [1, 2, 3], "first has 3 examples and second has 2"),
        ([1, 2], [1, 2], [1, 2, 3], "first has 2 examples and targets has 3"),
        (
            [0, 1, 2],
            [0, 1, 1],
            None,
            "without targets first should hold errors, 0 or 1",
        ),
        ([0.2, 0.9], [0, 1], [0, 1], "first holds 0.2, which is not a class"),
        ([[0.2, 0.8]], [[0.1, 0.9]], [1], r"got \(1, 2\).*argmax"),
        ([0.0, math.nan], [0, 1], None, "first has an entry that is NaN"),
        ([0, 1], [0, math.inf], None, "second has an entry that is NaN or infinite"),
        ([], [], None, r"should have shape \(N,\)"),
    ],
)
def test_what_is_not_a_pair_is_a_sentence(first, second, targets, sentence):
    with pytest.raises(ValueError, match=sentence):
        evaluation.paired(first, second, targets)


@pytest.mark.parametrize(
    "call, sentence",
    [
        (lambda: evaluation.mcnemar(0, 0), "no discordant pair"),
        (lambda: evaluation.mcnemar(3, -1), "counts of examples"),
        (lambda: evaluation.mcnemar(3.0, 1), "counts of examples"),
        (lambda: evaluation.mcnemar(3, 1, "fisher"), "exact, mid-p, chi2, corrected"),
        (lambda: evaluation.rejection(9, share=1.2), "share=1.2 should lie between"),
        (lambda: evaluation.rejection_overall(9, -1), "discordance=-1"),
        (
            lambda: evaluation.paired_bootstrap([0, 1], [1], np.random.default_rng(0)),
            "first has 2 examples and second has 1",
        ),
        (
            lambda: evaluation.paired_bootstrap(
                [0, 1], [1, 0], np.random.default_rng(0), draws=5
            ),
            "draws=5 should be 100 or more",
        ),
    ],
)
def test_errors_are_sentences(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
