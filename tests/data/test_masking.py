"""Hidden tokens: exact values by a loop over given numbers, rates by binomial bounds."""

import numpy as np
import pytest

from tinyft import data
from tinyft.data.masking import first_of_word

SPECIALS = ("[PAD]", "[CLS]", "[SEP]", "[MASK]")
VOCAB, MASK = 50, 49
NEVER = (46, 47, 48, 49)


def within(got, want, count, sigmas=5):
    """A binomial proportion: five standard errors are missed once in two million."""
    return abs(got - want) < sigmas * np.sqrt(want * (1 - want) / count)


def by_loop(rows, score, action, random, p, never, words=None):
    """The definition, token after token; the score of a word is its first token's."""
    x, y = rows.copy(), np.full_like(rows, -100)
    for i, row in enumerate(rows):
        first = 0
        for t, token in enumerate(row):
            if words is not None and (t == 0 or words[i, t] != words[i, t - 1]):
                first = t
            place = first if words is not None else t
            barred = token in never or (words is not None and words[i, t] < 0)
            if barred or score[i, place] > p:
                continue
            y[i, t] = token
            if action[i, t] < 0.8:
                x[i, t] = MASK
            elif action[i, t] >= 0.9:
                x[i, t] = random[i, t]
    return x, y


class Given:
    """A generator whose numbers are known: score, action, then random places."""

    def __init__(self, score, action, places):
        self.uniforms, self.places = [score, action], places

    def random(self, shape):
        assert self.uniforms[0].shape == shape
        return self.uniforms.pop(0)

    def integers(self, low, high, size):
        assert (low, high) == (0, VOCAB - len(NEVER)) and size == self.places.shape
        return self.places


@pytest.mark.parametrize("whole", [False, True])
def test_given_numbers_give_these_tokens(whole):
    rng = np.random.default_rng(3)
    rows, shape = rng.integers(0, VOCAB, (6, 40)), (6, 40)
    words = np.cumsum(rng.random(shape) < 0.6, axis=1) if whole else None
    if whole:
        words[:, :2] = -1
    score, action = rng.random(shape), rng.random(shape)
    action[0, :4] = [0.79999, 0.8, 0.89999, 0.9]  # both edges
    places = rng.integers(0, VOCAB - 4, shape)
    x, y = data.mask_tokens(
        rows, Given(score, action, places), MASK, VOCAB, 0.3, NEVER, words
    )
    want = by_loop(rows, score, action, places, 0.3, NEVER, words)
    np.testing.assert_array_equal(x, want[0])
    np.testing.assert_array_equal(y, want[1])
    assert x.dtype == y.dtype == np.int64 and (y >= 0).sum() > 30


def test_rates_and_what_stays_out():
    rng, n = np.random.default_rng(0), 400_000
    rows = rng.integers(0, VOCAB, (4000, 100))
    x, y = data.mask_tokens(rows, rng, MASK, VOCAB, 0.15, NEVER)
    free, chosen = ~np.isin(rows, NEVER), y != data.IGNORE
    assert not (chosen & ~free).any()
    assert (y[chosen] == rows[chosen]).all() and (x[~chosen] == rows[~chosen]).all()
    assert within(chosen[free].mean(), 0.15, free.sum())
    k, masked = chosen.sum(), (x == MASK)[chosen]
    changed = ~masked & (x != y)[chosen]
    assert within(masked.mean(), 0.8, k)
    other = 0.1 * (1 - 1 / 46)  # a random token is the true one once in 46
    assert within(changed.mean(), other, k)
    random = x[chosen][changed]
    assert random.max() < 46  # no special token
    counts = np.bincount(random, minlength=46)
    spread = np.sqrt(counts.sum() / 46)
    assert abs(counts - counts.sum() / 46).max() < 5 * spread
    assert k == pytest.approx(0.15 * 0.92 * n, rel=0.02)


def test_two_coins_with_a_half_are_the_same_law():
    """The usual code: coin(0.8), then coin(0.5) for the rest: 0.2 · 0.5 = 0.1 random."""
    rng, n = np.random.default_rng(1), 300_000
    masked = rng.random(n) < 0.8
    random = ~masked & (rng.random(n) < 0.5)
    rows = rng.integers(0, VOCAB - 4, (1, n))
    x, y = data.mask_tokens(rows, rng, MASK, VOCAB, 1.0, NEVER)
    ours = (x == MASK).mean(), ((x != MASK) & (x != y)).mean() / (1 - 1 / 46)
    both = np.sqrt(2 * 0.1 * 0.9 / n)
    assert abs(masked.mean() - ours[0]) < 5 * np.sqrt(2 * 0.16 / n)
    assert abs(random.mean() - ours[1]) < 5.2 * both
    assert within(random.mean(), 0.1, n) and not within(random.mean(), 0.5, n)


def test_words_are_chosen_whole_and_replaced_one_by_one():
    rng = np.random.default_rng(2)
    words = np.repeat(np.arange(20_000), 3).reshape(200, 300)
    rows = rng.integers(0, 40, words.shape)
    x, y = data.mask_tokens(rows, rng, MASK, VOCAB, 0.15, NEVER, words)
    chosen = (y != data.IGNORE).reshape(-1, 3)
    assert (chosen.all(1) | ~chosen.any(1)).all()
    assert within(chosen.all(1).mean(), 0.15, 20_000)
    masked = (x == MASK).reshape(-1, 3)[chosen.all(1)]
    assert within((masked.sum(1) == 3).mean(), 0.8**3, len(masked))  # independent


def test_first_of_word_starts_again_in_every_row():
    words = np.array([[4, 4, 7, 4], [4, 4, 2, 2]])
    np.testing.assert_array_equal(first_of_word(words), [[0, 0, 2, 3], [4, 4, 6, 6]])


def test_one_word_at_least_is_chosen():
    words = np.array([[0, 0, 1, 1, 1, 2]])
    for seed in range(20):
        rng = np.random.default_rng(seed)
        _, y = data.mask_tokens(words + 5, rng, MASK, VOCAB, 1e-12, NEVER, words)
        found = np.unique(words[y != data.IGNORE])
        assert len(found) == 1 and ((y != -100) == (words == found[0])).all()


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"p": 0.0}, "p=0.0 should be in"),
        ({"never": range(VOCAB)}, "0 of 6 are outside `never`"),
        ({"never": (50,)}, "never: value 50"),
        ({"words": np.zeros((1, 5), int)}, r"words should be integers of the shape"),
        ({"words": np.zeros((2, 3))}, r"one number per token, got float64"),
        ({"words": np.full((2, 3), -1)}, "0 of 6 are outside"),
        ({"mask_id": 50}, "mask_id: value 50"),
    ],
)
def test_refusals(change, sentence):
    given = {"mask_id": MASK, "vocab": VOCAB, "never": NEVER} | change
    rows = np.arange(6).reshape(2, 3)
    with pytest.raises(data.DataError, match=sentence):
        data.mask_tokens(rows, np.random.default_rng(0), **given)


def test_word_ids_of_a_text():
    tokens = data.BPETokenizer.train("the other mother, the other brother " * 4, 280)
    text = "the other mother,  x"
    ids, words = tokens.encode(text), tokens.word_ids(text)
    assert len(ids) == len(words) and words.tolist() == sorted(words)
    joined = [tokens.decode(ids[words == w]) for w in range(words.max() + 1)]
    assert joined == ["the", " other", " mother", ",", " ", " x"]
    assert len(tokens.word_ids("")) == 0
