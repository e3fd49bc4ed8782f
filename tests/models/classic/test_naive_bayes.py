"""Naive Bayes against a textbook's example, exact fractions, and bad input."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

import tinyft
from tinyft.models.classic.naive_bayes import NaiveBayes
from tinyft.models.classic.vocabulary import Vocabulary


def test_the_example_of_manning_raghavan_schutze():
    """Chapter 13, table 13.1: P(Chinese|c) = 3/7, P(Tokyo|c) = 1/14, P(c) = 3/4, ..."""
    texts = [
        "Chinese Beijing Chinese",
        "Chinese Chinese Shanghai",
        "Chinese Macao",
        "Tokyo Japan Chinese",
    ]
    v = Vocabulary(texts)
    model = NaiveBayes().fit(v.counts(texts), [1, 1, 1, 0])
    word = {w: np.exp(model.log_word[:, i]) for w, i in v.index.items()}
    assert word["chinese"] == pytest.approx([2 / 9, 3 / 7])
    for w in ("tokyo", "japan"):
        assert word[w] == pytest.approx([2 / 9, 1 / 14])
    assert np.exp(model.log_prior) == pytest.approx([1 / 4, 3 / 4])
    found = model.log_posterior(v.counts(["Chinese Chinese Chinese Tokyo Japan"]))
    yes = 3 / 4 * (3 / 7) ** 3 / 14**2
    no = 1 / 4 * (2 / 9) ** 5
    assert np.exp(found[0]) == pytest.approx([no / (yes + no), yes / (yes + no)])


def posterior(counts, labels, new, alpha, prior=None):
    """p(c | new) by products of fractions, no logarithm anywhere."""
    K, V = max(labels) + 1, len(new)
    joint = []
    for c in range(K):
        rows = [row for row, label in zip(counts, labels) if label == c]
        N = [sum(row[v] for row in rows) + alpha for v in range(V)]
        p = Fraction(len(rows), len(labels)) if prior is None else prior[c]
        for v in range(V):
            p *= (N[v] / sum(N)) ** int(new[v])
        joint.append(p)
    return [float(p / sum(joint)) for p in joint]


@pytest.mark.parametrize("alpha", [Fraction(1), Fraction(3, 10), Fraction(5)])
@pytest.mark.parametrize("K", [2, 3])
def test_posteriors_are_the_exact_fractions(alpha, K):
    rng = np.random.default_rng(K)
    counts, labels = rng.poisson(1.0, (7, 5)), [0, 1, K - 1, 1, 0, 0, 1]
    new = rng.poisson(1.5, (4, 5))
    rows = [list(map(int, row)) for row in counts]
    prior = [Fraction(k + 1, K * (K + 1) // 2) for k in range(K)]
    for given, shares in ((None, None), (list(map(float, prior)), prior)):
        model = NaiveBayes(float(alpha), given).fit(counts, np.array(labels), K)
        want = [posterior(rows, labels, row, alpha, shares) for row in new]
        np.testing.assert_allclose(np.exp(model.log_posterior(new)), want, rtol=1e-12)
        assert model.predict(new).tolist() == np.argmax(want, axis=1).tolist()
    even = NaiveBayes(float(alpha), "uniform").fit(counts, np.array(labels), K)
    assert np.exp(even.log_prior) == pytest.approx([1 / K] * K)


def test_the_posterior_mean_of_a_dirichlet():
    """E[θ] under p(θ) θ₁^n₁ θ₂^n₂ with a Beta(α, α) prior, by the trapezoidal rule."""
    alpha, counts = 1.7, [5.0, 2.0]
    t = np.linspace(0, 1, 200_001)
    density = t ** (counts[0] + alpha - 1) * (1 - t) ** (counts[1] + alpha - 1)
    mean = (t * density).sum() / density.sum()
    model = NaiveBayes(alpha).fit([counts, [1, 0]], [0, 1])
    assert np.exp(model.log_word[0, 0]) == pytest.approx(mean, rel=1e-6)


def test_a_text_without_a_known_word_gets_the_prior():
    model = NaiveBayes().fit([[1, 0], [0, 2], [1, 1]], [0, 1, 1])
    found = np.exp(model.log_posterior([[0, 0]]))
    assert found[0] == pytest.approx([1 / 3, 2 / 3])


def test_log_odds_are_what_one_more_word_adds():
    model = NaiveBayes(0.5).fit([[3, 0, 1], [1, 4, 1]], [0, 1])
    base, more = model.log_posterior([[1, 1, 1], [1, 2, 1]])
    assert (more[1] - more[0]) - (base[1] - base[0]) == pytest.approx(
        model.log_odds()[1]
    )
    assert model.log_odds(0, 1) == pytest.approx(-model.log_odds())


def test_long_texts_do_not_underflow():
    model = NaiveBayes().fit([[9, 1], [1, 9]], [0, 1])
    found = model.log_posterior([[10_000, 0]])[0]
    assert found[0] == 0 and found[1] == pytest.approx(10_000 * math.log(1 / 5))


def test_fractional_counts_and_tensors():
    x = tinyft.tensor([[0.5, 0.25], [0.0, 0.75]])
    model = NaiveBayes(1.0).fit(x, tinyft.tensor([0, 1]))
    assert np.exp(model.log_word[0]) == pytest.approx([1.5 / 2.75, 1.25 / 2.75])


def test_order_of_rows_does_not_matter():
    x, y = np.random.default_rng(0).poisson(1.0, (6, 4)), np.array([0, 1, 1, 0, 1, 0])
    orders = itertools.islice(itertools.permutations(range(6)), 0, 720, 97)
    found = [NaiveBayes().fit(x[list(o)], y[list(o)]).log_word for o in orders]
    assert np.ptp(found, axis=0).max() < 1e-15


X, Y = [[1, 0], [0, 1]], [0, 1]


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: NaiveBayes(0), "alpha=0 should be above 0.*no other word"),
        (lambda: NaiveBayes(-1.0), "alpha=-1.0"),
        (lambda: NaiveBayes(math.nan), "alpha=nan"),
        (lambda: NaiveBayes().predict(X), "call fit"),
        (lambda: NaiveBayes().log_odds(), "call fit"),
        (lambda: NaiveBayes().fit(X, [0, 0]), "no text of class 1 among 2"),
        (lambda: NaiveBayes().fit(X, [0, 0], classes=1), "classes=1, expected 2"),
        (lambda: NaiveBayes().fit(X, [0, 2]), r"integers 0\.\.1.*\[0, 2\]"),
        (lambda: NaiveBayes().fit(X, [-1, 1]), r"integers 0\.\.1"),
        (lambda: NaiveBayes().fit(X, [0.0, 1.0]), "float64"),
        (lambda: NaiveBayes().fit(X, [0, 1, 1]), "2 integers"),
        (lambda: NaiveBayes().fit([[1, -1], [0, 1]], Y), "from -1 to 1; centred"),
        (lambda: NaiveBayes().fit([[1, math.nan], [0, 1]], Y), "counts or weights"),
        (lambda: NaiveBayes().fit([1, 2], Y), r"got shape \(2,\)"),
        (lambda: NaiveBayes().fit(np.zeros((0, 3)), []), r"got shape \(0, 3\)"),
        (lambda: NaiveBayes().fit(X, Y).predict([[1, 0, 0]]), r"\(n, 2\).*\(1, 3\)"),
        (lambda: NaiveBayes(1, [0.5, 0.6]).fit(X, Y), "prior=.*2 shares > 0"),
        (lambda: NaiveBayes(1, [1.0, 0.0]).fit(X, Y), "prior=.*2 shares > 0"),
        (lambda: NaiveBayes(1, [1.0]).fit(X, Y), "prior=.*2 shares > 0"),
        (lambda: NaiveBayes(1, "even").fit(X, Y), "prior='even'"),
    ],
)
def test_what_cannot_be_fitted_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()
