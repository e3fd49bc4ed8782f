"""Best of n by enumeration of all K^n draws; 1e-12, a few sums of products."""

import itertools
import math

import numpy as np
import pytest

from tinyft.evaluation import best_of_n_kl, best_of_n_law

P = np.array([0.30, 0.22, 0.18, 0.13, 0.10, 0.07])
DISTINCT, TIES = np.arange(6.0), np.array([0.0, 1, 1, 2, 2, 2])


def enumerated(p, scores, n, tie="first"):
    q = np.zeros(len(p))
    for draw in itertools.product(range(len(p)), repeat=n):
        chance, s = math.prod(p[list(draw)]), scores[list(draw)]
        best = [i for i in draw if scores[i] == s.max()]
        for i in best[:1] if tie == "first" else best:
            q[i] += chance / (1 if tie == "first" else len(best))
    return q


@pytest.mark.parametrize("scores", [DISTINCT, TIES, -TIES])
@pytest.mark.parametrize("tie", ["first", "random"])
@pytest.mark.parametrize("n", [1, 2, 4])
def test_the_law_by_enumeration(scores, tie, n):
    assert (
        np.abs(best_of_n_law(P, scores, n) - enumerated(P, scores, n, tie)).max()
        < 1e-12
    )


def test_impossible_answers_stay_impossible():
    q = best_of_n_law([0.5, 0.5, 0.0], [1.0, 2.0, 3.0], 3)
    assert q == pytest.approx([0.125, 0.875, 0])


@pytest.mark.parametrize("n", [1, 2, 4, 16, 64])
def test_kl_bounds(n):
    """Below log n − (n − 1)/n, and below −log of the best level's probability."""
    bound = best_of_n_kl(n)
    assert bound == pytest.approx(math.log(n) - (n - 1) / n, abs=1e-15)
    for scores, best in ((DISTINCT, 0.07), (TIES, 0.30)):
        kl = best_of_n_kl(n, P, scores)
        q = best_of_n_law(P, scores, n)
        assert kl == pytest.approx(sum(q * np.log(q / P)), abs=1e-12)
        assert kl <= bound + 1e-12 and kl <= -math.log(best) + 1e-12


def test_many_equal_answers_come_near_the_bound():
    """K of them: the gap is .75/K² at n = 4 (to K⁻³)."""
    for K in (50, 100):
        gap = best_of_n_kl(4) - best_of_n_kl(4, np.full(K, 1 / K), np.arange(K))
        assert gap * K**2 == pytest.approx(0.75, rel=0.02)


@pytest.mark.parametrize(
    "call, match",
    [
        (lambda: best_of_n_kl(0), "integer of 1"),
        (lambda: best_of_n_kl(1.5), "integer of 1"),
        (lambda: best_of_n_kl(2, P), "both p and scores"),
        (lambda: best_of_n_law(P, DISTINCT[:3], 2), "one score each"),
        (lambda: best_of_n_law([0.5, 0.4], [1, 2], 2), "sum to 1"),
        (lambda: best_of_n_law([0.5, 0.5], [1, math.nan], 2), "not finite"),
        (lambda: best_of_n_law([1.5, -0.5], [1, 2], 2), "negative"),
    ],
)
def test_bad_input_is_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()
