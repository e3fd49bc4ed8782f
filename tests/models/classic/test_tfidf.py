"""TF-IDF against published values, against sums by hand, and on texts of no use."""

import math

import numpy as np
import pytest

from tinyft.models.classic.tfidf import Tfidf, idf, weights
from tinyft.models.classic.vocabulary import Vocabulary

# The example of scikit-learn's user guide, section "Tf-idf term weighting"; 8 digits.
COUNTS = np.array(
    [[3, 0, 1], [2, 0, 0], [3, 0, 0], [4, 0, 0], [3, 2, 0], [3, 0, 2]], float
)
GUIDE = {
    "plus_one": [
        [0.81940995, 0, 0.57320793],
        *[[1, 0, 0]] * 3,
        [0.47330339, 0.88089948, 0],
        [0.58149261, 0, 0.81355169],
    ],
    "smooth": [
        [0.85151335, 0, 0.52433293],
        *[[1, 0, 0]] * 3,
        [0.55422893, 0.83236428, 0],
        [0.63035731, 0, 0.77630514],
    ],
}


@pytest.mark.parametrize("kind", ["plus_one", "smooth"])
def test_the_example_of_the_user_guide(kind):
    df = (COUNTS > 0).sum(axis=0)
    found = weights(COUNTS, idf(df, len(COUNTS), kind))
    np.testing.assert_allclose(found, GUIDE[kind], atol=5e-9)


TEXTS = ["a a b", "b c", "b d d d"]  # df: a 1, b 3, c 1, d 1; order d, b, a, c


@pytest.mark.parametrize(
    "kind, rare, common",
    [
        ("textbook", math.log(3), 0.0),
        ("plus_one", math.log(3) + 1, 1.0),
        ("smooth", math.log(2) + 1, 1.0),
        ("none", 1.0, 1.0),
    ],
)
def test_weights_by_hand(kind, rare, common):
    model = Tfidf(kind, norm=None).fit(TEXTS)
    assert model.vocabulary.words == ["b", "d", "a", "c"]
    want = [
        [common, 0, 2 * rare, 0],
        [common, 0, 0, rare],
        [common, 3 * rare, 0, 0],
    ]
    np.testing.assert_allclose(model.transform(TEXTS), want, rtol=1e-15)
    log = Tfidf(kind, sublinear=True, norm=None).fit(TEXTS).transform(TEXTS)
    want[0][2] = (1 + math.log(2)) * rare
    want[2][1] = (1 + math.log(3)) * rare
    np.testing.assert_allclose(log, want, rtol=1e-15)


def test_rows_have_the_norm_that_was_asked_for():
    for norm, length in (
        ("l1", lambda row: abs(row).sum()),
        ("l2", lambda row: math.sqrt((row * row).sum())),
    ):
        rows = Tfidf(norm=norm).fit(TEXTS).transform(TEXTS)
        assert [length(row) for row in rows] == pytest.approx([1, 1, 1], rel=1e-15)


def test_only_the_fitted_texts_are_known():
    """The idf is that of the fitted texts, whatever is transformed later."""
    model = Tfidf(norm=None).fit(TEXTS[:2])
    found = model.transform(["a new word, a d", "d d d"])
    assert model.vocabulary.words == ["a", "b", "c"]  # alphabetical where even
    np.testing.assert_allclose(found[0], [2 * (math.log(3 / 2) + 1), 0, 0], rtol=1e-15)
    assert not found[1].any()  # unknown words alone: zeros, and no NaN


def test_a_word_of_every_text_may_leave_a_row_of_zeros():
    found = Tfidf("textbook").fit(["a", "a b"]).transform(["a"])
    assert found.tolist() == [[0, 0]]


def test_the_vocabulary():
    v = Vocabulary(["The cat, the dog.", "the bird"], least=1)
    assert v.words == ["the", "bird", "cat", "dog"] and len(v) == 4
    assert v.frequencies.tolist() == [3, 1, 1, 1]
    assert v.ids(["dog the fish", "fish"]) == [[3, 0], []]
    ids, lengths = v.padded(["dog the fish", "cat"])
    assert ids.tolist() == [[3, 0, 4], [2, 4, 4]] and lengths.tolist() == [3, 1]
    assert v.counts(["the the dog fish", "fish"]).tolist() == [[2, 0, 0, 1], [0] * 4]
    assert Vocabulary(["a b b", "b a c"], least=2).words == ["b", "a"]


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: Tfidf("smoothed"), "idf='smoothed'.*textbook"),
        (lambda: Tfidf(norm="max"), "norm='max'"),
        (lambda: Tfidf().transform(["a"]), "call fit"),
        (lambda: Tfidf().fit([]), "no text at all"),
        (lambda: Tfidf().fit("a text"), "expected several texts, got one str"),
        (lambda: Tfidf().fit(["a", "..."]), r"text 1 holds no word \('\.\.\.'\)"),
        (lambda: Tfidf().fit(["a"]).transform([""]), "text 0 holds no word"),
        (lambda: Tfidf().fit([["a"]]), "expected one text, a str, got list"),
        (lambda: Tfidf(least=3).fit(["a b", "a c"]), "none of 3 words occurs 3 times"),
    ],
)
def test_what_cannot_be_weighed_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()
