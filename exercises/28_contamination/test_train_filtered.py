"""Grader of train_filtered. Some steps of descent: 1e-13, against 1e-9."""

from itertools import pairwise

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [(6, 5, 6, 7, 3, 3, 0.7), (5, 4, 5, 6, 2, 2, 1.3), (8, 6, 4, 8, 4, 4, 0.4)]


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
        losses.append(total / count if pairs else empty)
        W = W - sign * lr * G / count if pairs else W
    return W, np.array(kept), np.array(losses)


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
        "nothing is dropped": train(*given, keep=lambda row: True),
        "only whole pages are dropped": train(*given, keep=whole),
        "the last g tokens of a row are passed over": train(*given, keep=short),
        "the last g tokens of a page are passed over": train(*given, keep=of_page),
        "only the first g tokens are compared": train(*given, keep=begins),
        "the order of the g tokens does not count": train(*given, keep=sets),
        "g + 1 tokens, not g": train(*given, keep=longer),
        "the first page alone": train(*given, keep=first_page),
        "divided by the pairs of the whole batch": train(
            *given, divide=lambda batch, good: len(batch) * (T - 1)
        ),
        "the sum, not the mean": train(*given, divide=lambda batch, good: 1),
        "divided by the tokens, not by the pairs": train(
            *given, divide=lambda batch, good: len(good) * T
        ),
        "divided by the kept rows": train(*given, divide=lambda batch, good: len(good)),
        "the step goes up the gradient": train(*given, sign=-1.0),
        "nothing trains": train(*given, sign=0.0),
        "every step uses the first weights": train(*given, first=True),
        "dropped rows are trained on, kept ones are not": train(
            *given,
            keep=lambda row: (
                bool(grams(row, g) & set().union(*(grams(p, g) for p in pages.tolist())))
            ),
        ),
    }


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_weights(student, rng, draw):
    """The trained weights."""
    given = problem(rng, *draw)
    compare(
        student.train_filtered(*given)[0],
        want=train(*given)[0],
        mistakes={name: value[0] for name, value in mistakes(*given).items()},
        tol=TOL,
        equation="(28.9)",
    )


@pytest.mark.points(1)
@pytest.mark.draws(*SIZES)
def test_kept(student, rng, draw):
    """How many rows of each batch are kept."""
    given = problem(rng, *draw)
    kept = train(*given)[1]
    wrong = {name: value[1] for name, value in mistakes(*given).items()}
    wrong = {name: v for name, v in wrong.items() if (v != kept).any()}
    compare(
        student.train_filtered(*given)[1],
        want=kept,
        mistakes=wrong | {"how many are dropped": given[1].shape[1] - kept},
        tol=TOL,
        equation="(28.9)",
    )


@pytest.mark.points(1)
@pytest.mark.draws(*SIZES)
def test_losses(student, rng, draw):
    """The loss before each step; 0 where nothing was kept."""
    given = problem(rng, *draw)
    wrong = {name: value[2] for name, value in mistakes(*given).items()}
    compare(
        student.train_filtered(*given)[2],
        want=train(*given)[2],
        mistakes=wrong
        | {
            "a batch of nothing has the loss ln V": train(*given, empty=np.log(draw[0]))[2],
            "the losses have the wrong sign": -train(*given)[2],
            "logarithms to base 2": train(*given)[2] / np.log(2),
        },
        tol=TOL,
        equation="(28.9)",
    )
