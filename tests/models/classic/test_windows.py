"""Pairs, thinning and negatives of skip-gram, counted."""

import math

import numpy as np
import pytest

from tinyft.models.classic.sampling import EQUAL, negatives, noise
from tinyft.models.classic.windows import keep_probability, pairs, thinned


def test_pairs_by_hand():
    texts = [[0, 1, 2], [3], [4, 5], []]
    near = {(0, 1), (1, 0), (1, 2), (2, 1), (4, 5), (5, 4)}
    for window, want in (
        (1, near),
        (2, near | {(0, 2), (2, 0)}),
        (9, near | {(0, 2), (2, 0)}),
    ):
        centres, contexts = pairs(texts, window)
        found = list(zip(centres.tolist(), contexts.tolist()))
        assert len(found) == len(want) and set(found) == want


def test_a_dynamic_window_prefers_near_words():
    """Distance d is inside with probability (window − d + 1)/window; 5 sd allowed."""
    texts, window = [list(range(20_000))], 4
    centres, contexts = pairs(texts, window, np.random.default_rng(0))
    for d in range(1, window + 1):
        found = (contexts - centres == d).sum()
        p, n = (window - d + 1) / window, 20_000 - d
        assert abs(found - n * p) <= 5 * math.sqrt(n * p * (1 - p))
    assert abs(contexts - centres).max() == window


def test_subsampling_as_in_the_paper_and_in_the_code():
    frequencies, t = np.array([900.0, 90.0, 10.0]), 0.02
    paper = keep_probability(frequencies, t, "paper")
    assert paper == pytest.approx([math.sqrt(0.02 / 0.9), math.sqrt(0.02 / 0.09), 1])
    code = [  # word2vec.c: (sqrt(cn / (sample * words)) + 1) * (sample * words) / cn
        (math.sqrt(n / (t * 1000)) + 1) * (t * 1000) / n for n in frequencies
    ]
    assert keep_probability(frequencies, t) == pytest.approx(np.minimum(code, 1))
    assert (keep_probability(frequencies, t) >= paper).all()


def test_thinning_keeps_the_share_it_should():
    rng, n = np.random.default_rng(1), 20_000
    (kept,) = thinned(rng, [[0, 1] * n], np.array([0.3, 1.0]))
    assert kept.count(1) == n
    assert abs(kept.count(0) - 0.3 * n) <= 5 * math.sqrt(n * 0.3 * 0.7)


def test_the_noise_has_the_exponent():
    assert noise([1, 16, 0]) == pytest.approx([1 / 9, 8 / 9, 0])
    assert noise([1, 3], power=1) == pytest.approx([1 / 4, 3 / 4])
    assert noise([1, 3, 0], power=0) == pytest.approx([1 / 2, 1 / 2, 0])


@pytest.mark.parametrize("equal", EQUAL)
def test_negatives_are_drawn_from_the_noise(equal):
    """Shares of each word among the negatives of context 1; 5 sd allowed."""
    q, B, k = np.array([0.5, 0.3, 0.0, 0.2]), 4000, 5
    found = negatives(np.random.default_rng(2), np.full(B, 1), k, q, equal)
    assert found.shape == (B, k)
    want = {
        "keep": {0: 0.5, 1: 0.3, 2: 0, 3: 0.2, -1: 0},
        "skip": {0: 0.5, 1: 0, 2: 0, 3: 0.2, -1: 0.3},
        "redraw": {0: 0.5 / 0.7, 1: 0, 2: 0, 3: 0.2 / 0.7, -1: 0},
    }[equal]
    for word, p in want.items():
        sd = math.sqrt(B * k * p * (1 - p))
        assert abs((found == word).sum() - B * k * p) <= 5 * sd


RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: pairs([[0, 1]], 0), "window=0"),
        (lambda: pairs([[0], [1]], 2), "no text has two words"),
        (lambda: pairs([], 2), "no text has two words"),
        (lambda: keep_probability(np.ones(2), form="word2vec"), "'code' or 'paper'"),
        (lambda: keep_probability(np.ones(2), 0.0), "threshold=0.0"),
        (lambda: noise([1, -1]), ">= 0 and not all 0"),
        (lambda: noise([0, 0]), "not all 0"),
        (lambda: noise([[1]]), r"got shape \(1, 1\)"),
        (lambda: noise([]), r"got shape \(0,\)"),
        (lambda: negatives(RNG, np.array([0]), 0, np.ones(2) / 2), "k=0"),
        (lambda: negatives(RNG, np.array([0]), 1, np.ones(2), "drop"), "equal='drop'"),
        (
            lambda: negatives(RNG, np.array([0]), 1, np.array([1.0, 0]), "redraw"),
            "one word alone",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()
