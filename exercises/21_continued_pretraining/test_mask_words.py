"""Grader of mask_words. Ids are exact. The reference walks over the words one by one."""

import itertools

import numpy as np
import pytest

from tinyft.grading import compare

SIZES = [(4, 23, 9), (3, 31, 12), (6, 17, 7), (5, 26, 15)]  # rows, tokens, ordinary ids


def problem(rng, B, T, n, p=None):
    """Words of one to four tokens; numbers come again, also across two rows; specials."""
    known = rng.permutation(2 * n + 6)
    ordinary, special, mask_id = known[:n], known[n : n + 4], int(known[-1])
    word = np.repeat(rng.integers(0, 3, (B, T)), rng.integers(1, 5, B * T)).ravel()
    word = word[: B * T].reshape(B, T)
    word[1:, 0] = word[:-1, -1]  # a row begins with the number that the last one ended
    word[:, 1] = word[:, 0]
    word[rng.random((B, T)) < 0.12] = -1
    ids = ordinary[rng.integers(0, n, (B, T))]
    ids = np.where(word == -1, special[rng.integers(0, 4, (B, T))], ids)
    u, v, r, d = rng.random((4, B, T))
    v[:, ::3] = 0.8 + 0.2 * v[:, ::3]  # enough tokens that are not masked
    return ids, word, u, v, r, d, mask_id, ordinary, p or float(rng.uniform(0.4, 0.6))


def words_of(row):
    """[(start, end)] of the runs of one number."""
    edges = [0, *(np.flatnonzero(np.diff(row)) + 1), len(row)]
    return list(itertools.pairwise(edges))


def hidden(given, runs=words_of, score=lambda u, s, t: u[s], spare=True, less=True):
    """(B, T) booleans: which tokens are chosen."""
    _, word, u, *_, p = given
    out = np.zeros(word.shape, bool)
    for i, row in enumerate(word):
        for s, e in runs(row):
            for t in range(s, e):
                low = score(u[i], s, t) < p
                out[i, t] = (low == less) and not (spare and row[s] == -1)
    return out


def replaced(given, chosen, rule=None, pick=None, coins=None):
    """x, by a rule (v, r) -> "mask", "random" or "keep"."""
    ids, _, _, v, r, d, mask_id, ordinary, _ = given
    v, r = coins or (v, r)
    rule = rule or (lambda v, r: "mask" if v < 0.8 else "random" if r < 0.5 else "keep")
    pick = pick or (lambda d: ordinary[int(np.floor(d * len(ordinary)))])
    x = ids.copy()
    for i, t in np.argwhere(chosen):
        what = rule(v[i, t], r[i, t])
        x[i, t] = {"mask": mask_id, "keep": ids[i, t]}.get(what, 0)
        if what == "random":
            x[i, t] = pick(d[i, t])
    return x


def both(given, chosen=None, **how):
    ids = given[0]
    chosen = hidden(given) if chosen is None else chosen
    return replaced(given, chosen, **how), np.where(chosen, ids, -100)


def from_first(given, values):
    """Each token with the value of its word's first token."""
    out = values.copy()
    for i, row in enumerate(given[1]):
        for s, e in words_of(row):
            out[i, s:e] = values[i, s]
    return out


def by_number(row_scores, word, i):
    """The score of the first place of the row that has the same number."""
    return {w: row_scores[np.flatnonzero(word[i] == w)[0]] for w in set(word[i])}


def same_number(given):
    _, word, u, *_, p = given
    found = [
        [by_number(u[i], word, i)[w] < p for w in word[i]] for i in range(len(word))
    ]
    return np.array(found) & (word != -1)


def across_rows(given):
    _, word, u, *_, p = given
    flat, scores = word.ravel(), u.ravel()
    out = np.zeros(flat.shape, bool)
    for s, e in words_of(flat):
        out[s:e] = scores[s] < p
    return (out & (flat != -1)).reshape(word.shape)


def mistakes(given):
    ids, _, _, v, r, _, mask_id, ordinary, _ = given
    (x, targets), chosen = both(given), hidden(given)
    n = len(ordinary)

    def rule(masked, random):
        return both(
            given,
            rule=lambda v, r: (
                "mask" if masked(v, r) else "random" if random(v, r) else "keep"
            ),
        )

    return {
        "0.1 for the second coin: it acts on the 20 % that are left, so 0.5 is right": rule(
            lambda v, r: v < 0.8, lambda v, r: r < 0.1
        ),
        "the second coin acts on masked tokens too": rule(
            lambda v, r: v < 0.8 and r >= 0.5, lambda v, r: r < 0.5
        ),
        "all chosen tokens become the mask": rule(lambda v, r: True, None),
        "none stays: the rest is all random": rule(
            lambda v, r: v < 0.8, lambda v, r: True
        ),
        "none is random: the rest stays": rule(
            lambda v, r: v < 0.8, lambda v, r: False
        ),
        "the second coin is turned: below 0.5 stays": rule(
            lambda v, r: v < 0.8, lambda v, r: r >= 0.5
        ),
        "the first coin is turned: 80 % are not masked": rule(
            lambda v, r: v >= 0.8, lambda v, r: r < 0.5
        ),
        "v and r are exchanged": rule(lambda v, r: r < 0.8, lambda v, r: v < 0.5),
        "one v for the whole word": both(given, coins=(from_first(given, v), r)),
        "one v and one r for the whole word": both(
            given, coins=(from_first(given, v), from_first(given, r))
        ),
        "each token on its own: words are not whole": both(
            given, hidden(given, score=lambda u, s, t: u[t])
        ),
        "the last number of a word decides, not the first": both(given, by_end(given)),
        "a word with the number of an earlier one shares its u": both(
            given, same_number(given)
        ),
        "a word goes on over the end of the row": both(given, across_rows(given)),
        "special tokens are chosen too": both(given, hidden(given, spare=False)),
        "words with u above p are chosen": both(given, hidden(given, less=False)),
        "⌊d · n⌋ is taken for the id itself": both(given, pick=lambda d: int(d * n)),
        "k is rounded instead of cut": both(
            given, pick=lambda d: ordinary[min(round(d * n), n - 1)]
        ),
        "targets everywhere, not only where chosen": (x, ids),
        "targets only where the token has changed": (x, np.where(x != ids, ids, -100)),
        "targets only where the mask stands": (
            x,
            np.where(chosen & (x == mask_id), ids, -100),
        ),
        "0 instead of -100": (x, np.where(chosen, ids, 0)),
        "the targets hold the replaced tokens": (x, np.where(chosen, x, -100)),
        "x and targets are exchanged": (targets, x),
        "the targets are where nothing was chosen": (x, np.where(chosen, -100, ids)),
    }


def by_end(given):
    _, word, u, *_, p = given
    out = np.zeros(word.shape, bool)
    for i, row in enumerate(word):
        for s, e in words_of(row):
            out[i, s:e] = u[i, e - 1] < p
    return out & (word != -1)


def judge(student, given):
    compare(
        student.mask_words(*given),
        want=both(given),
        mistakes=mistakes(given),
        tol=1e-9,
        equation="(21.5)",
    )


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_batch(student, rng, draw):
    """Words of several tokens, special tokens, numbers that come again."""
    judge(student, problem(rng, *draw))


@pytest.mark.draws((3, 12, 8), (2, 19, 5))
def test_words_of_one_token(student, rng, draw):
    """Every token a word: the usual masks."""
    ids, word, *rest = problem(rng, *draw)
    given = ids, np.where(word == -1, -1, np.arange(draw[1])), *rest
    judge(student, given)


@pytest.mark.draws((3, 14, 8, 1.0), (2, 15, 6, 1e-9))
def test_all_and_nothing(student, rng, draw):
    """p = 1, and a p so small that nothing is chosen: all targets are -100."""
    judge(student, problem(rng, *draw))


@pytest.mark.draws((2, 9, 6), (3, 8, 4))
def test_edges(student, rng, draw):
    """Numbers that stand exactly on p, 0.8 and 0.5: below means below."""
    ids, word, u, v, r, d, mask_id, ordinary, p = problem(rng, *draw, 0.5)
    u = np.where(rng.random(u.shape) < 0.5, 0.5, 0.25)
    v = np.where(rng.random(u.shape) < 0.6, 0.8, 0.5)
    r = np.where(rng.random(u.shape) < 0.5, 0.5, 0.25)
    judge(student, (ids, word, u, v, r, d, mask_id, ordinary, p))
