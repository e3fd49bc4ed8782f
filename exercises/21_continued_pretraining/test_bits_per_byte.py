"""Grader of bits_per_byte. Bounds: sums of some dozen terms of size one, 1e-14.

The reference walks over the places one by one and counts bytes by code points."""

import math

import numpy as np
import pytest

from tinyft.grading import compare, fail

TOL = 1e-10
LETTERS = list("abcdeghinorst") + ["é", "ü", "–", "“", "€"]
SIZES = [(3, 7, 11), (4, 6, 9), (2, 9, 14), (5, 8, 12)]  # rows, places, tokens


def vocabulary(rng, count):
    """A special token first, then strings of one to five characters, all different."""
    found = {"é–"}
    while len(found) < count - 1:
        found.add("".join(rng.choice(LETTERS, int(rng.integers(1, 6)))))
    return ["", *sorted(found)]


def problem(rng, rows, places, count):
    """Every token occurs or may occur; special targets, and places without a target."""
    targets = rng.integers(0, count, (rows, places))
    targets[0, :2] = 0, 1 + rng.integers(0, count - 1)
    targets[rng.random(targets.shape) < 0.25] = -100
    targets[1, 1:] = -100  # a row of one target: rows do not count alike
    targets[0, 0], targets[1, 0] = 0, 1
    nats = rng.uniform(0.4, 6, targets.shape)
    nats[1] += 3
    return nats, targets, vocabulary(rng, count)


def size(text):
    """Bytes of UTF-8, by the ranges of code points."""
    return sum(1 + (ord(c) > 0x7F) + (ord(c) > 0x7FF) + (ord(c) > 0xFFFF) for c in text)


def places(nats, targets, tokens):
    """(loss, bytes, characters, is special) of each place that counts."""
    found = []
    for i, j in np.ndindex(targets.shape):
        if targets[i, j] >= 0:
            text = tokens[targets[i, j]]
            found.append((nats[i, j], size(text), len(text), not text))
    return np.array(found, dtype=float)


def right(given):
    loss, count, _, _ = places(*given).T
    return math.fsum(loss) / math.fsum(count) / math.log(2)


def mistakes(given):
    nats, targets, tokens = given
    loss, count, chars, special = places(*given).T
    value, bit = right(given), math.log(2)
    lengths = [size(t) for t in tokens]
    last = [size(tokens[max(y, -1) if y >= 0 else -1]) for y in targets.ravel()]
    rows = [
        places(nats[i : i + 1], targets[i : i + 1], tokens) for i in range(len(nats))
    ]
    rows = [r for r in rows if r[:, 1].sum()]
    plain = special == 0
    return {
        "nats, not bits: ln 2 is missing": value * bit,
        "multiplied by ln 2 instead of divided": value * bit * bit,
        "characters instead of bytes": loss.sum() / bit / chars.sum(),
        "bits per token, not per byte": loss.mean() / bit,
        "the loss of special tokens is left out": loss[plain].sum() / bit / count.sum(),
        "a special token counts as a byte": loss.sum() / bit / (count + special).sum(),
        "places with -100 count above": nats.sum() / bit / count.sum(),
        "places with -100 have the bytes of the last token": loss.sum()
        / bit
        / sum(last),
        "places with -100 count above, and below as the last token": (
            nats.sum() / bit / sum(last)
        ),
        "a mean of the tokens' own ratios": np.mean(loss[plain] / count[plain]) / bit,
        "a mean of the rows' ratios": np.mean(
            [r[:, 0].sum() / r[:, 1].sum() for r in rows]
        )
        / bit,
        "the mean loss by the mean length of the vocabulary": loss.mean()
        / bit
        / np.mean(lengths),
        "the mean loss over all places by the bytes of the targets": nats.mean()
        / bit
        / count.mean(),
        "bytes per bit: the fraction is upside down": 1 / value,
    }


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_bits(student, rng, draw):
    """One model, one text."""
    given = problem(rng, *draw)
    compare(
        student.bits_per_byte(*given),
        want=right(given),
        mistakes=mistakes(given),
        tol=TOL,
        equation="(21.2)",
    )


def retold(rng, given, parts):
    """The same text in other tokens: characters, or runs of up to `parts` of them."""
    _, targets, tokens = given
    text = "".join(tokens[y] for y in targets.ravel() if y >= 0)
    pieces = []
    while text:
        n = int(rng.integers(1, parts + 1))
        pieces.append(text[:n])
        text = text[n:]
    words = ["", *sorted(set(pieces))]
    row = [words.index(p) for p in pieces]
    width = -(-len(row) // 3)
    rows = np.full((3, width), -100)
    rows.ravel()[: len(row)] = row
    return rng.uniform(0.2, 3, rows.shape), rows, words


def gaps(first, second):
    a, b = right(first), right(second)
    known = {
        "the sign: first minus second": b - a,
        "a ratio instead of a difference": a / b,
        "the bits of the second alone": b,
        "the bits of the first alone": a,
    }
    one, two = mistakes(first), mistakes(second)
    return a - b, known | {name: one[name] - two[name] for name in one}


@pytest.mark.points(2)
@pytest.mark.draws((3, 7, 11, 1), (4, 6, 9, 3), (2, 9, 14, 2))
def test_two_tokenizers(student, rng, draw):
    """The same text, cut differently."""
    first = problem(rng, *draw[:3])
    second = retold(rng, first, draw[3])
    want, known = gaps(first, second)
    got = student.fewer_bits(first, second)
    if got is None:
        fail(
            "None for texts that are the same",
            "the tokens differ, the text that they spell does not",
            equation="(21.2)",
        )
    compare(got, want=want, mistakes=known, tol=TOL, equation="(21.2)")


def changed(rng, given, how):
    """Another text: a letter more, two letters exchanged, or a capital."""
    nats, targets, tokens = given
    places = [tuple(p) for p in np.argwhere(targets > 0)]
    text = [tokens[targets[p]] for p in places]
    if how == "shorter":
        targets = targets.copy()
        targets[places[-1]] = -100
        return nats, targets, tokens
    k = next(i for i, one in enumerate(text) if one != one[::-1] or how == "capital")
    other = text[k][::-1] if how == "turned" else text[k].upper()
    other = other if other != text[k] else text[k] + "x"
    targets = targets.copy()
    targets[places[k]] = len(tokens)
    return nats, targets, [*tokens, other]


@pytest.mark.draws(
    ((3, 7, 11), "shorter"), ((4, 6, 9), "turned"), ((2, 9, 14), "capital")
)
def test_other_texts(student, rng, draw):
    """Two texts that differ, also where they have as many bytes."""
    first = problem(rng, *draw[0])
    for how in dict.fromkeys(("shorter", draw[1])):
        second = changed(rng, first, how)
        for pair in ((first, second), (second, first)):
            if student.fewer_bits(*pair) is not None:
                fail(
                    "a number for two different texts"
                    if how == "shorter"
                    else "only the number of bytes is compared",
                    "compare what the targets spell, and return None where it differs",
                    equation="(21.2)",
                )
