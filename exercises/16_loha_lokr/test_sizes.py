"""Grader of size. Integers: exact. The reference tries every setting and counts."""

import numpy as np
import pytest

from tinyft.grading import compare

SIZES = [  # out, inp, budget
    (6, 12, 40),  # LoKr's largest factor, 6, takes the most numbers
    (8, 10, 81),  # its smallest, 1; and OFT's block is all ten inputs
    (96, 50, 700),  # 3 divides one side of this and the next, and would win
    (50, 96, 700),
    (96, 144, 2000),
    (160, 640, 3200),
    (48, 36, 500),
    (120, 90, 1500),
    (120, 90, 1000),  # a large factor again, 30
]


def settings(method, out, inp):
    """{setting: how many numbers it trains}, settings that the method has."""
    ranks = range(1, 200)
    if method == "OFT":
        blocks = (b for b in range(2, inp + 1) if inp % b == 0)
        return {b: inp // b * (b * (b - 1) // 2) for b in blocks}
    if method == "LoKr":
        both = (f for f in range(1, inp + 1) if out % f == 0 and inp % f == 0)
        return {f: f**2 + (out // f) * (inp // f) for f in both}
    if method == "HRA":
        return {r: r * inp for r in ranks if r % 2 == 0}
    each = {"LoRA": out + inp, "HiRA": out + inp, "LoHa": 2 * (out + inp), "MiSS": out}
    return {r: r * each[method] for r in ranks}


def largest(counts, budget):
    """The setting with the most numbers within the budget; 0 if none."""
    fits = {key: n for key, n in counts.items() if n <= budget}
    return max(fits, key=lambda key: (fits[key], -key), default=0)


def mistakes(method, out, inp, budget):
    counts = settings(method, out, inp)
    known = {
        "in and out are swapped": largest(settings(method, inp, out), budget),
        "one above the budget": min(
            (key for key, n in counts.items() if n > budget), default=0
        ),
        "half of the budget": largest(counts, budget // 2),
        "twice the budget": largest(counts, 2 * budget),
        "the weight itself is counted: out · inp": budget // (out * inp),
        "the count, not the setting": counts.get(largest(counts, budget), 0),
    }
    both = budget // (out + inp)
    if method == "LoHa":
        known["LoHa counted as one product, like LoRA"] = both
    if method == "HiRA":
        known["HiRA counted as two products: W is frozen"] = both // 2
    if method == "MiSS":
        known["MiSS counted with its fixed A"] = both
    if method == "HRA":
        known["an odd number of reflections"] = budget // inp
        known["HRA counted in pairs"] = budget // inp // 2
    if method == "OFT":
        free = {b: inp * (b - 1) / 2 for b in range(2, inp + 1)}
        square = {b: b * inp for b in counts}
        known["a block that does not divide"] = largest(free, budget)
        known["OFT with all b² entries of a block"] = largest(square, budget)
        one = {b: b * (b - 1) // 2 for b in counts}
        known["OFT with one block only"] = largest(one, budget)
    if method == "LoKr":
        fits = [f for f, n in counts.items() if n <= budget]
        known["the largest factor, not the most numbers"] = max(fits, default=0)
        thin = {f: (out // f) * (inp // f) for f in counts}
        known["LoKr without W1's numbers"] = largest(thin, budget)
        loose = {f: f**2 + out / f * inp / f for f in range(1, inp + 1) if inp % f == 0}
        known["a factor that does not divide out"] = largest(loose, budget)
    return known


METHODS = ("LoRA", "LoHa", "HiRA", "MiSS", "HRA", "OFT", "LoKr")


def judged(student, method, out, inp, budget):
    """Hold one answer of the student's against the count of every setting."""
    want = largest(settings(method, out, inp), budget)
    known = mistakes(method, out, inp, budget)
    compare(
        np.array(student.size(method, out, inp, budget)),
        want=np.array(want),
        mistakes={name: np.array(v) for name, v in known.items() if v != want},
        tol=0,
        equation="sections 2 to 5",
        called=f"size({method!r}, {out}, {inp}, {budget})",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_size(student, rng, draw):
    """Every method; a budget above 100 is moved a little by the draw."""
    out, inp, budget = draw
    more = int(rng.integers(0, 40)) if budget > 100 else 0
    for method in METHODS:
        judged(student, method, out, inp, budget + more)


@pytest.mark.draws((48, 36), (30, 42), (64, 80))
def test_nothing_fits(student, rng, draw):
    """A budget that is too small gives 0; one that just fits gives the setting."""
    for method in METHODS:
        least = min(settings(method, *draw).values())
        judged(student, method, *draw, least - 1)
        judged(student, method, *draw, least)
