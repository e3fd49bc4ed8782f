"""Grader of train_filtered. Some steps of descent: 1e-13, against 1e-9."""

from itertools import pairwise

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [(6, 4, 5, 7, 3, 3, 0.7), (11, 4, 4, 6, 2, 2, 1.3), (8, 5, 4, 8, 4, 4, 0.4)]


def problem(rng, V, steps, B, T, n, g, lr):
    """Rows of which some hold a page's g tokens: at their start, middle and end; one
    batch has nothing but such rows, one has almost-overlaps of g − 1 tokens."""
    L = T - 1
    pages = rng.integers(0, V, (n, L))
    rows = rng.integers(0, V, (steps, B, T))
    for i in range(steps):
        part = pages[rng.integers(n)]
        at, to = rng.integers(0, L - g + 1), (0, T - g, rng.integers(0, T - g + 1))[i % 3]
        rows[i, 0, to : to + g] = part[at : at + g]
        rows[i, 1, T - g :] = pages[i % n, L - g :]  # the page's last g, at the row's end
        rows[i, 3, T - g + 1 :] = pages[i % n, L - g + 1 :]  # its last g − 1: no overlap
    rows[1, :, :g] = pages[0, :g]
    rows[2, 2, :L] = pages[-1]
    W = 0.5 * rng.normal(size=(V, V))
    return W, rows, pages, g, lr


def grams(row, g):
    return {tuple(row[i : i + g]) for i in range(len(row) - g + 1)}


def train(W, rows, pages, g, lr, keep=None, divide=None, sign=1.0, empty=0.0, first=False):
    """The reference: pairs one after the other."""
    seen = set().union(*(grams(p, g) for p in pages.tolist()))
    keep = keep or (lambda row: not grams(row, g) & seen)
    start, kept, losses = W, [], []
    for batch in rows.tolist():
        good = [row for row in batch if keep(row)]
        kept.append(len(good))
        pairs = [(a, b) for row in good for a, b in pairwise(row)]
        G, total = np.zeros_like(W), 0.0
        now = start if first else W
        for a, b in pairs:
            p = np.exp(now[a] - now[a].max())
            p = p / p.sum()
            total -= np.log(p[b])
            G[a] += p - np.eye(len(W))[b]
        count = divide(batch, good) if divide else len(pairs)
        losses.append(total / len(pairs) if pairs else empty)
        W = W - sign * lr * G / count if pairs else W
    return W, np.array(kept), np.array(losses)


def later(*given, **changed):
    """A training that is run only when a wrong answer has to be named."""
    return lambda: train(*given, **changed)


def mistakes(W, rows, pages, g, lr):
    given = W, rows, pages, g, lr
    long = [tuple(p) for p in pages.tolist()]
    L = pages.shape[1]

    def whole(row):
        return not any(tuple(row[i : i + L]) in long for i in range(len(row) - L + 1))

    def short(row):  # the last g tokens of a row are not looked at
        seen = set().union(*(grams(p, g) for p in pages.tolist()))
        return not any(tuple(row[i : i + g]) in seen for i in range(len(row) - g))

    def of_page(row):  # the last g tokens of a page are not known
        seen = set().union(*(grams(p[:-1], g) for p in pages.tolist()))
        return not grams(row, g) & seen

    def begins(row):
        return tuple(row[:g]) not in {tuple(p[:g]) for p in pages.tolist()}

    def sets(row):  # tokens in any order
        seen = {frozenset(x) for p in pages.tolist() for x in grams(p, g)}
        return not {frozenset(x) for x in grams(row, g)} & seen

    def longer(row):
        seen = set().union(*(grams(p, g + 1) for p in pages.tolist()))
        return not grams(row, g + 1) & seen

    def first_page(row):
        return not grams(row, g) & grams(pages[0].tolist(), g)

    T = rows.shape[2]
    return {
        "nothing is dropped": later(*given, keep=lambda row: True),
        "only whole pages are dropped": later(*given, keep=whole),
        "the last g tokens of a row are passed over": later(*given, keep=short),
        "the last g tokens of a page are passed over": later(*given, keep=of_page),
        "only the first g tokens are compared": later(*given, keep=begins),
        "the order of the g tokens does not count": later(*given, keep=sets),
        "g + 1 tokens, not g": later(*given, keep=longer),
        "the first page alone": later(*given, keep=first_page),
        "divided by the pairs of the whole batch": later(
            *given, divide=lambda batch, good: len(batch) * (T - 1)
        ),
        "the sum, not the mean": later(*given, divide=lambda batch, good: 1),
        "divided by the tokens, not by the pairs": later(
            *given, divide=lambda batch, good: len(good) * T
        ),
        "divided by the kept rows": later(*given, divide=lambda batch, good: len(good)),
        "the step goes up the gradient": later(*given, sign=-1.0),
        "nothing trains": later(*given, sign=0.0),
        "every step uses the first weights": later(*given, first=True),
        "dropped rows are trained on, kept ones are not": later(
            *given,
            keep=lambda row: (
                bool(grams(row, g) & set().union(*(grams(p, g) for p in pages.tolist())))
            ),
        ),
    }


@pytest.mark.points(5)
@pytest.mark.draws(*SIZES)
def test_training(student, rng, draw):
    """The trained weights, the rows kept, and the losses; 0 where nothing was kept."""
    given = problem(rng, *draw)
    W, kept, losses = train(*given)
    compare(
        student.train_filtered(*given),
        want=(W, kept, losses),
        mistakes=mistakes(*given)
        | {
            "how many are dropped": (W, given[1].shape[1] - kept, losses),
            "a batch of nothing has the loss ln V": later(*given, empty=np.log(draw[0])),
            "the losses have the wrong sign": (W, kept, -losses),
            "logarithms to base 2": (W, kept, losses / np.log(2)),
        },
        tol=TOL,
        equation="(28.9)",
    )
