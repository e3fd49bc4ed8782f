"""pass@k, votes and best of n against enumeration (C4); the sentences of bad input."""

from collections import Counter
from itertools import combinations, product
from math import comb

import numpy as np
import pytest

from tinyft.evaluation import best_of, pass_at_k, vote, vote_accuracy


@pytest.mark.parametrize("n", [1, 4, 7])
def test_pass_at_k_is_the_mean_over_all_subsets(n):
    for c in range(n + 1):
        right = [i < c for i in range(n)]
        for k in range(1, n + 1):
            want = np.mean([any(s) for s in combinations(right, k)])
            assert pass_at_k(n, c, k) == pytest.approx(want, abs=1e-14)


def test_pass_at_k_is_unbiased_and_the_naive_form_is_low():
    """E over Bin(10, .1): .4095 = 1 − .9⁵; the naive form has .3485 (C4)."""
    n, k, p = 10, 5, 0.1
    law = [comb(n, c) * p**c * (1 - p) ** (n - c) for c in range(n + 1)]
    got = np.dot(law, pass_at_k(n, np.arange(n + 1), k))
    assert got == pytest.approx(1 - (1 - p) ** k, abs=1e-14)
    naive = np.dot(law, 1 - (1 - np.arange(n + 1) / n) ** k)
    assert naive == pytest.approx(0.3485, abs=1e-4)


def test_pass_at_k_of_many_samples_stays_a_number():
    """C(100000, 5000) has thousands of digits; integers give the same."""
    n, k = 100_000, 5_000
    want = 1 - comb(n - 40, k) / comb(n, k)
    assert pass_at_k(n, 40, k) == pytest.approx(want, rel=1e-11)
    assert pass_at_k(n, n, k) == 1 and pass_at_k(n, 0, k) == 0


def test_pass_at_k_per_question():
    got = pass_at_k(8, np.array([[0, 8], [4, 1]]), 2)
    assert got.shape == (2, 2)
    np.testing.assert_allclose(got, [[0, 1], [1 - 6 / 28, 0.25]], atol=1e-15)


@pytest.mark.parametrize("n, c, k, match", [
    (4, 1, 5, "k=5 should be between 1 and n=4.*draw more"),
    (4, 1, 0, "k=0"), (4, 5, 2, "integers 0..4"), (4, -1, 2, "integers 0..4"),
    (4, 0.5, 2, "integers 0..4"),
])  # fmt: skip
def test_pass_at_k_refuses(n, c, k, match):
    with pytest.raises(ValueError, match=match):
        pass_at_k(n, c, k)


def test_the_vote():
    assert vote(["7", "3", "7"]) == {"7": 1.0}
    assert vote(["7", "3", None, "3", "7"]) == {"7": 0.5, "3": 0.5}
    assert vote([None, None, 4]) == {4: 1.0}
    with pytest.raises(ValueError, match="none of the 2 samples"):
        vote([None, None])


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_the_vote_has_the_plurality_law(n):
    """All 3ⁿ votes of p = (.4, .35, .25), ties shared; .44 at n = 5 (C4)."""
    p = (0.4, 0.35, 0.25)
    got = want = 0.0
    for answers in product(range(3), repeat=n):
        chance = np.prod([p[a] for a in answers])
        got += chance * vote_accuracy(list(answers), 0)
        counts = Counter(answers)
        top = [a for a in counts if counts[a] == max(counts.values())]
        want += chance * (0 in top) / len(top)
    assert got == pytest.approx(want, abs=1e-14)
    assert n != 5 or got == pytest.approx(0.44, abs=0.005)


def test_votes_in_groups():
    answers = ["1", "2", "1", "2", None, None]
    assert vote_accuracy(answers, "1") == 0.5
    assert vote_accuracy(answers, "1", 2) == pytest.approx((0.5 + 0.5 + 0) / 3)
    assert vote_accuracy(answers, "1", 1) == pytest.approx(2 / 6)
    with pytest.raises(ValueError, match="n=4 should divide the 6"):
        vote_accuracy(answers, "1", 4)


@pytest.mark.parametrize("scores", [[0.3, 0.1, 0.9, 0.5, 0.2], [1, 1, 2, 2, 0]])
def test_best_of_is_the_mean_over_all_subsets(scores):
    """Ties shared, by enumeration of subsets and of the tied in each."""
    values = np.array([1.0, 0.0, 0.5, 0.0, 2.0])
    for k in range(1, 6):
        found = []
        for chosen in combinations(range(5), k):
            top = max(scores[i] for i in chosen)
            found.append(np.mean([values[i] for i in chosen if scores[i] == top]))
        assert best_of(scores, values, k) == pytest.approx(np.mean(found), abs=1e-14)


def test_best_of_refuses():
    with pytest.raises(ValueError, match="k=3 between 1 and their number"):
        best_of([1, 2], [0, 1], 3)
    with pytest.raises(ValueError, match="one value per score"):
        best_of([1, 2], [0], 1)
    with pytest.raises(ValueError, match="a score is NaN"):
        best_of([1, float("nan")], [0, 1], 1)


def test_counts_of_a_small_type_are_not_cut():
    assert pass_at_k(200, np.array([100], "int8"), 6) == pass_at_k(200, [100], 6)
