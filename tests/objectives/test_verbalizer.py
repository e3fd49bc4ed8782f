"""Class scores from word logits: B7 (a), (b), and which words are refused."""

from itertools import pairwise

import numpy as np
import pytest

from tinyft import data, objectives, ops, tensor

TEXT = "And then the man said,\nAnd the man was good.\nThe wise man.\nHe was wise.\n"
SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDS = {"story": ["And", " then", " said"], "saying": "The", "else": ["He", " was"]}


@pytest.fixture
def rng():
    return np.random.default_rng(22)


@pytest.fixture(scope="module")
def tokenizer():
    return data.BPETokenizer.train(TEXT * 4, 330, SPECIALS)


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def make(tokenizer, combine="sum"):
    return objectives.Verbalizer(WORDS, tokenizer, combine)


def test_sum_is_the_probability_of_the_words_among_the_label_words(tokenizer, rng):
    verbalizer = make(tokenizer)
    z = 3 * rng.normal(size=(7, len(tokenizer)))
    p = softmax(z)  # over the whole vocabulary: nothing of `sum` is used
    ids, sizes = [i for (i,) in verbalizer.ids], [3, 1, 2]
    edges = np.cumsum([0, *sizes])
    mass = np.stack([p[:, ids[a:b]].sum(1) for a, b in pairwise(edges)], axis=1)
    scores = verbalizer.class_scores(verbalizer.word_logits(tensor(z)))
    got = ops.softmax(scores).numpy()
    np.testing.assert_allclose(got, mass / mass.sum(1, keepdims=True), atol=1e-14)
    wrong = {
        "not normalised": mass,
        "a softmax of probabilities": softmax(mass),
        "the mean logit": softmax(
            np.stack([z[:, ids[a:b]].mean(1) for a, b in pairwise(edges)], 1)
        ),
    }
    for name, other in wrong.items():
        assert np.linalg.norm(other - got) > 0.1 * np.linalg.norm(got), name


def test_the_other_words_change_nothing(tokenizer, rng):
    verbalizer = make(tokenizer)
    z = rng.normal(size=(5, len(tokenizer)))
    ids = [i for (i,) in verbalizer.ids]
    other = 50 * rng.normal(size=z.shape)
    other[:, ids] = z[:, ids]
    a, b = (
        verbalizer.class_scores(verbalizer.word_logits(tensor(x))) for x in (z, other)
    )
    assert (a.numpy() == b.numpy()).all()


def test_sum_and_mean_differ_by_size_and_by_unevenness(tokenizer, rng):
    """LSE − mean = log|S| + KL(uniform ‖ softmax), B7 (b); written with the KL's sum."""
    z = 2 * rng.normal(size=(6, len(tokenizer)))
    total, mean = (
        (v := make(tokenizer, how)).class_scores(v.word_logits(tensor(z))).numpy()
        for how in ("sum", "mean")
    )
    ids = [i for (i,) in make(tokenizer).ids]
    for k, (a, b) in enumerate(((0, 3), (3, 4), (4, 6))):
        q, size = softmax(z[:, ids[a:b]]), b - a
        kl = sum(1 / size * np.log(1 / size / q[:, j]) for j in range(size))
        np.testing.assert_allclose(
            total[:, k] - mean[:, k], np.log(size) + kl, atol=1e-13
        )
    assert (total[:, 1] == mean[:, 1]).all()  # one word: the same


def test_gradient_of_both(tokenizer, rng):
    for how in ("sum", "mean"):
        verbalizer = make(tokenizer, how)
        z = tensor(rng.normal(size=(3, len(tokenizer))), requires_grad=True)
        ops.sum(verbalizer.class_scores(verbalizer.word_logits(z))[:, 0]).backward()
        ids = [i for (i,) in verbalizer.ids[:3]]
        want = softmax(z.numpy()[:, ids]) if how == "sum" else np.full((3, 3), 1 / 3)
        np.testing.assert_allclose(z.grad.numpy()[:, ids], want, atol=1e-14)
        assert np.count_nonzero(z.grad.numpy()) == 9


def test_targets_are_numbers_of_known_classes(tokenizer):
    verbalizer = make(tokenizer)
    assert verbalizer.targets(["saying", "story", "else"]) == [1, 0, 2]
    assert verbalizer.targets(np.array(["else"])) == [2]
    with pytest.raises(ValueError, match=r"'sayng' is not a class.*nearest 'saying'"):
        verbalizer.targets(["story", "sayng"])
    with pytest.raises(ValueError, match="7 is not a class"):
        verbalizer.targets([7])


@pytest.mark.parametrize(
    "words, says",
    [
        ({"a": "And"}, "two classes or more"),
        ({"a": "And", "b": []}, "one word or more for each"),
        ({"a": "And", "b": ["The", "And"]}, "'And' is there twice"),
        ({"a": "And", "b": ""}, "is not a word"),
        ({"a": "And", "b": "Said"}, r"'Said' is \d tokens.*' said'.*pass tokens="),
        ({"a": "And", "b": " wizard"}, "words of one token near it: .*' wise'"),
    ],
)
def test_words_that_are_refused(tokenizer, words, says):
    with pytest.raises(ValueError, match=says):
        objectives.Verbalizer(words, tokenizer)


def test_unknown_ways_are_refused(tokenizer):
    with pytest.raises(ValueError, match="combine='max' should be one of"):
        objectives.Verbalizer({"a": "And", "b": "The"}, tokenizer, combine="max")
    several = objectives.Verbalizer({"a": "And", "b": "Said"}, tokenizer, tokens=4)
    with pytest.raises(ValueError, match="use a PatternClassifier"):
        several.word_logits(np.zeros((1, len(tokenizer))))


def test_unknown_characters_are_refused():
    letters = data.CharTokenizer("abc", specials=SPECIALS, unk=True)
    with pytest.raises(ValueError, match="'z' is not a word this tokenizer can write"):
        objectives.Verbalizer({1: "a", 2: "z"}, letters)
