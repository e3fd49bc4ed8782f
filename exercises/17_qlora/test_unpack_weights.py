"""Grader of unpack_weights. The reference reads one weight at a time; a level and two
products per weight err by 1e-15."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-10
SIZES = [  # out, in, block, group: rows, blocks and groups end at different places
    (5, 7, 4, 3),
    (6, 11, 8, 2),
    (9, 5, 2, 7),
    (3, 50, 16, 4),
]
WHOLE = [(4, 8, 4, 2), (6, 16, 8, 3), (2, 24, 4, 4)]  # nothing is left over


def problem(rng, out, inputs, block, group):
    n = out * inputs
    blocks = -(-n // block)
    levels = np.sort(rng.uniform(-1, 1, 16))
    table = np.sort(rng.uniform(-1, 1, 256))
    codes = rng.integers(0, 256, -(-n // 2)).astype("uint8")
    scales = rng.integers(0, 256, blocks).astype("uint8")
    groups = -(-blocks // group)
    nested = rng.uniform(0.5, 2, groups) * np.resize([1.0, 3.0], groups)
    offset = float(rng.uniform(1.5, 2.5))
    return codes, scales, nested, offset, levels, table, block, group, (out, inputs)


def nibble(codes, i, low_first=False, apart=False):
    """The code of weight i."""
    if apart:  # all high halves, then all low ones
        byte, high = i % len(codes), i < len(codes)
    else:
        byte, high = i // 2, (i % 2 == 0) != low_first
    value = int(codes[byte])
    return value >> 4 if high else value & 15


def scale_of(given, j, i, rule=""):
    """The scale of block j, for weight i."""
    _, scales, nested, offset, _, table, _, group, _ = given
    at = {"one": 0, "weights": min(i // group, len(nested) - 1)}.get(rule, j // group)
    outer, inner = float(nested[at]), float(table[int(scales[j])])
    found = {
        "no offset": outer * inner,
        "offset inside": outer * (offset + inner),
        "no nested": offset + inner,
        "no table": offset + outer * int(scales[j]),
        "no scale": 1.0,
    }
    return found.get(rule, offset + outer * inner)


def weights(given, rule="", flip=False, apart=False, bare=False, blocks=""):
    """The matrix, with a mistake."""
    codes, scales, *_, levels, _, block, _, (out, inputs) = given
    flat = np.empty(out * inputs)
    for i in range(out * inputs):
        j = i // block
        if blocks == "rows":
            j = i // inputs * -(-inputs // block) + i % inputs // block
        if blocks == "bytes":
            j = i // 2 // block
        k = nibble(codes, i, flip, apart)
        scale = scale_of(given, min(j, len(scales) - 1), i, rule)
        flat[i] = scale * (k if bare else levels[k])
    return flat.reshape(out, inputs)


def mistakes(given):
    out, inputs = given[-1]
    right = weights(given)
    known = {
        "the low four bits come first": weights(given, flip=True),
        "all high halves come first, then all low ones": weights(given, apart=True),
        "the offset is left out": weights(given, "no offset"),
        "the offset is multiplied by nested": weights(given, "offset inside"),
        "nested is left out": weights(given, "no nested"),
        "one nested for all groups": weights(given, "one"),
        "a group counts weights, not scales": weights(given, "weights"),
        "the scale's byte is used as a number, not looked up": weights(
            given, "no table"
        ),
        "the scales are left out": weights(given, "no scale"),
        "the code is used as a number, not looked up": weights(given, bare=True),
        "every row begins a new block": weights(given, blocks="rows"),
        "a block counts bytes, not weights": weights(given, blocks="bytes"),
        "column by column instead of row by row": right.reshape(inputs, out).T,
        "flat, not of the given shape": right.reshape(-1),
    }
    return {
        name: value
        for name, value in known.items()
        if value.shape != right.shape or not np.allclose(value, right, 1e-7)
    }


def judge(student, given):
    compare(
        student.unpack_weights(*given),
        want=weights(given),
        mistakes=mistakes(given),
        tol=TOL,
        equation="(17.5)",
    )


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_weights(student, rng, draw):
    """The matrix, where blocks end inside rows and the last ones are short."""
    judge(student, problem(rng, *draw))


@pytest.mark.draws(*WHOLE)
def test_whole_blocks(student, rng, draw):
    """The matrix, where every block and group is full."""
    judge(student, problem(rng, *draw))
