"""Min-K%, recall, AUC and the order test against enumeration (C14); bad input."""

import itertools

import numpy as np
import pytest

from tinyft import models, no_grad, tensor
from tinyft.evaluation import auc, greedy_recall, min_k, order_test, standardised


def test_min_k_is_the_mean_of_the_lowest():
    """20 positions, K = .2: the four lowest, by hand; at least one of a short text."""
    rng = np.random.default_rng(14)
    logp = [rng.normal(size=n) for n in (20, 9, 3)]
    got = min_k(logp, 0.2)
    want = [sorted(logp[0])[:4], sorted(logp[1])[:1], sorted(logp[2])[:1]]
    np.testing.assert_allclose(got, [np.mean(w) for w in want], atol=1e-14)
    np.testing.assert_allclose(min_k(logp, 1), [row.mean() for row in logp], atol=1e-14)
    # 0.29 · 100 is 28.999999999999996 in floats
    row = np.arange(100.0)
    assert min_k([row], 0.29)[0] == row[:29].mean()


def test_standardised_has_mean_0_and_variance_1_under_the_model():
    """All tokens of the vocabulary as the next one: Σ p z = 0 and Σ p z² = 1."""
    model = models.presets.gpt2_tiny(rng=0, dtype="float64")
    before = [3, 200, 41]
    with no_grad():
        z = model(tensor([before])).numpy()[0, -1]
    p = np.exp(z - z.max())
    p /= p.sum()
    every = standardised(model, np.array([[*before, w] for w in range(256)]))
    last = np.array([row[-1] for row in every])
    assert p @ last == pytest.approx(0, abs=1e-10)
    assert p @ last**2 == pytest.approx(1, abs=1e-10)
    assert np.argsort(last).tolist() == np.argsort(p).tolist()


def test_greedy_recall_counts_positions():
    model = models.presets.gpt2_tiny(rng=0)
    ids = np.random.default_rng(2).integers(0, 256, (3, 6))
    told = model.generate(ids[:, :2], 4, greedy=True)
    told[1, 3] = (told[1, 3] + 1) % 256  # of four positions one is wrong, or three
    told[2, 2:5] = (told[2, 2:5] + 1) % 256
    np.testing.assert_allclose(greedy_recall(model, told, 2), [1, 0.75, 0.25])


def test_auc_counts_pairs():
    rng = np.random.default_rng(3)
    a, b = rng.integers(0, 5, 13), rng.integers(1, 6, 17)
    pairs = [(x > y) + 0.5 * (x == y) for x in a for y in b]
    assert auc(a, b) == pytest.approx(np.mean(pairs), abs=1e-14)
    assert auc([2.0, 3.0], [0.0]) == 1.0 and auc([1.0], [1.0]) == 0.5


def every_p(table, draws, seed):
    """p-values of the order test when each of the n! orders is the file's in turn.

    table[order] is the log-likelihood of an order of one shard.
    """
    rng = np.random.default_rng(seed)
    out = []
    for own in itertools.permutations(range(4)):

        def score(orders, own=own):
            return [table[tuple(own[i] for i in orders[0])]]

        out += [order_test(score, 1, 4, rng, draws) for _ in range(40)]
    return np.array(out)


@pytest.mark.parametrize("distinct", [True, False])
def test_the_level_of_the_order_test_is_exact(distinct):
    """Exchangeable items: each order is the file's equally often. 19 draws: multiples of
    .05. With 24 orders some draws tie, and ties make the test smaller, never larger; 4
    standard errors of 960 files."""
    rng = np.random.default_rng(5)
    table = {o: rng.normal() for o in itertools.permutations(range(4))}
    if not distinct:
        table = {o: float(o[0] == 0) for o in table}
    p = every_p(table, 19, 6)
    assert p.min() >= 0.05
    for alpha in (0.05, 0.2, 0.5):
        assert np.mean(p <= alpha + 1e-12) < alpha + 4 * np.sqrt(alpha / len(p))
    if distinct:
        assert np.mean(p <= 0.5 + 1e-12) > 0.5 - 4 * np.sqrt(0.5 / len(p))


def test_shards_are_added_and_each_is_permuted_by_itself():
    """Two shards of two items: the file is the best of the four orders; p counts it."""
    seen = []

    def score(orders):
        seen.append(np.array(orders))
        return np.array([1.0, 10.0]) * (orders[:, 0] == 0)

    p = order_test(score, 2, 2, np.random.default_rng(0), 399)
    assert abs(p - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 399) + 1 / 399
    assert (seen[0] == [[0, 1], [0, 1]]).all()
    assert len({tuple(map(tuple, o)) for o in seen}) == 4


def test_an_order_that_was_read_is_found():
    def score(orders):
        return -np.abs(orders - np.arange(5)).sum(1)

    assert order_test(score, 20, 5, np.random.default_rng(1)) == 0.01


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: min_k([np.ones(3)], 0), "share=0"),
        (lambda: min_k([np.ones(3), np.ones(0)]), "without a scored token"),
        (lambda: min_k([]), "without a scored token"),
        (lambda: auc([], [1.0]), "members"),
        (lambda: auc([1.0], [np.nan]), "others"),
        (lambda: order_test(None, 3, 1, None), "one order only"),
        (lambda: order_test(None, 0, 3, None), "at least"),
        (lambda: greedy_recall(None, np.ones((2, 4), int), 4), "nothing to recall"),
        (lambda: greedy_recall(None, np.ones((2, 4), int), 0), "prompt=0"),
    ],
)
def test_bad_input_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()
