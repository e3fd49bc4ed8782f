"""What a masked language model reads and what it must say: tokens hidden at random.

    chosen      each token with probability p; with `words`, each word as a whole
    of these    80 % become [MASK], 10 % a random ordinary token, 10 % stay as they are
    target      the true token where chosen, -100 elsewhere

Public code often says the second line with two coins: `chosen & coin(0.8)`, and of the
rest `coin(0.5)` for the random tokens. The 0.5 is right: it acts on the 20 % that are
left, and 0.2 · 0.5 = 0.1. Here one number in [0, 1) decides: below 0.8, up to 0.9, above.

Sources: Devlin et al. 2019 (BERT, arXiv:1810.04805), section 3.1 and appendix A.1; whole
words: google-research/bert, README of 31 May 2019, whose tokens of one word are chosen
together and replaced one by one. BERT chooses exactly 15 % of a text; here, as in most
code since, each token is drawn on its own.
"""

import numpy as np

from tinyft.data.batches import IGNORE, check_range, cut_windows
from tinyft.data.files import DataError

MASKED, RANDOM = 0.8, 0.1  # shares of the chosen tokens; the rest stay


def mask_tokens(rows, rng, mask_id, vocab, p=0.15, never=(), words=None):
    """Return inputs and targets (B, T) int64 of the token ids `rows` (B, T).

    never  ids that are not chosen and that no random token is: padding, separators.
    words  (B, T) integers, equal for neighbouring tokens of one word, -1 for tokens that
           belong to none and are not chosen; p is then the probability of a word.
    At least one token or word of the batch is chosen, the one whose number is smallest,
    so that the mean loss exists. rng: a numpy.random.Generator.
    Raises DataError when no token may be chosen, for p outside (0, 1], and for ids
    outside 0 .. vocab - 1.
    """
    rows = check_range(rows, vocab, ignore_index=None)
    check_range([mask_id], vocab, "mask_id", ignore_index=None)
    allowed, ordinary = _allowed(rows, vocab, p, never, words)
    score, action = rng.random(rows.shape), rng.random(rows.shape)
    random = ordinary[rng.integers(0, len(ordinary), size=rows.shape)]
    if words is not None:
        score = score.ravel()[first_of_word(words)]
    score = np.where(allowed, score, 2.0)
    chosen = score <= max(p, score.min())
    x = np.where(chosen & (action < MASKED), mask_id, rows)
    x = np.where(chosen & (action >= 1 - RANDOM), random, x)
    return x, np.where(chosen, rows, IGNORE)


def _allowed(rows, vocab, p, never, words):
    """(which tokens may be chosen (B, T), the ids that a random token may be)."""
    never = check_range(list(never), vocab, "never", None) if len(never) else []
    allowed = ~np.isin(rows, never)
    ordinary = np.setdiff1d(np.arange(vocab), never)
    if words is not None:
        words = np.asarray(words)
        if words.shape != rows.shape or words.dtype.kind not in "iu":
            raise DataError(
                f"mask_tokens: words should be integers of the shape {rows.shape} of the "
                f"ids, one number per token, got {words.dtype} {words.shape}."
            )
        allowed &= words >= 0
    if not 0 < p <= 1 or not allowed.any():
        raise DataError(
            f"mask_tokens: p={p} should be in (0, 1] and some token maskable; "
            f"{int(allowed.sum())} of {rows.size} are outside `never`."
        )
    return allowed, ordinary


def first_of_word(words):
    """For each token of `words` (B, T), the flat place of the first token of its word.

    A word is a run of equal numbers in one row: the number may come again later.
    """
    words = np.asarray(words)
    starts = np.ones(words.shape, bool)
    starts[:, 1:] = words[:, 1:] != words[:, :-1]
    places = np.where(starts, np.arange(words.size).reshape(words.shape), 0)
    return np.maximum.accumulate(places.ravel()).reshape(words.shape)


def mlm_batch(rng, ids, batch, length, mask_id, vocab, p=0.15, never=()):
    """Return inputs and targets (batch, length) of masked language modelling.

    Windows at uniform random starts in `ids` (N,), then `mask_tokens`. Without `never` a
    random token may be any of 0 .. vocab - 1, special ones included.
    """
    rows = check_range(cut_windows(rng, ids, batch, length), vocab, ignore_index=None)
    return mask_tokens(rows, rng, mask_id, vocab, p, never)
