"""Grader of decode_blocks. The reference reads one weight at a time with struct; a product
and a sum of numbers of 16 bits are exact in float64."""

import struct

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-10
SIZES = [  # kind, out, in
    ("Q4_1", 3, 64),
    ("Q8_0", 4, 96),
    ("Q4_1", 5, 96),
    ("Q8_0", 2, 64),
]


def problem(rng, kind, out, inputs):
    """Random blocks: the d of a matrix differ by a factor of four, some are negative."""
    blocks = []
    for _ in range(out * inputs // 32):
        d = rng.uniform(0.02, 0.08) * rng.choice([1.0, -1.0])
        m = rng.uniform(0.3, 0.9) * rng.choice([1.0, -1.0])
        codes = rng.integers(0, 256, 16 if kind == "Q4_1" else 32)
        head = struct.pack("<ee", d, m) if kind == "Q4_1" else struct.pack("<e", d)
        blocks.append(np.frombuffer(head + bytes(codes.tolist()), "u1"))
    return np.concatenate(blocks), kind, (out, inputs)


def number(raw, at, rule=""):
    """The float of 16 bits at a byte."""
    pair = raw[at : at + 2].tobytes()
    if rule == "bfloat16":
        return struct.unpack("<f", b"\0\0" + pair)[0]
    return struct.unpack(">e" if rule == "big" else "<e", pair)[0]


def code(raw, kind, start, i, rule=""):
    """The q of weight i of the block at byte `start`."""
    if kind == "Q8_0":
        value = int(raw[start + 2 + i])
        return value if rule == "unsigned" or value < 128 else value - 256
    if rule == "neighbours":
        byte, high = i // 2, i % 2
    else:
        byte, high = i % 16, i // 16
    value = int(raw[start + 4 + byte])
    q = value >> 4 if high != (rule == "high first") else value & 15
    return q - 8 if rule == "minus 8" else q


def weight(given, block, i, rule=""):
    raw, kind, _ = given
    start = block * (20 if kind == "Q4_1" else 34)
    first = 0 if rule == "one scale" else start
    d = number(raw, first, rule)
    m = number(raw, first + 2, rule) if kind == "Q4_1" else 0.0
    if rule == "exchanged" and kind == "Q4_1":
        d, m = m, d
    q = code(raw, kind, start, i, rule)
    if kind == "Q8_0":
        return {"by 127": d * q / 127, "no d": q}.get(rule, d * q)
    other = {"no m": d * q, "minus m": d * q - m, "inside": d * (q + m), "no d": q + m}
    return other.get(rule, d * q + m)


def weights(given, rule=""):
    """The matrix, with a mistake."""
    out, inputs = given[-1]
    flat = [
        weight(given, b, i, rule) for b in range(out * inputs // 32) for i in range(32)
    ]
    return np.array(flat, dtype="f8").reshape(out, inputs)


def mistakes(given):
    out, inputs = given[-1]
    right = weights(given)
    known = {
        "the high four bits come first": weights(given, "high first"),
        "a byte holds two neighbours, not weights i and i + 16": weights(
            given, "neighbours"
        ),
        "8 is taken off, as in Q4_0": weights(given, "minus 8"),
        "m is left out": weights(given, "no m"),
        "m is subtracted": weights(given, "minus m"),
        "s multiplies m too": weights(given, "inside"),
        "m comes first, then s": weights(given, "exchanged"),
        "s is left out": weights(given, "no d"),
        "the codes of Q8_0 are read without their sign": weights(given, "unsigned"),
        "the codes of Q8_0 are divided by 127": weights(given, "by 127"),
        "the scale of the first block for all": weights(given, "one scale"),
        "the scales are read with the high byte first": weights(given, "big"),
        "the scales are read as bfloat16": weights(given, "bfloat16"),
        "column by column instead of row by row": right.reshape(inputs, out).T,
        "flat, not of the given shape": right.reshape(-1),
    }
    return {
        name: value
        for name, value in known.items()
        if np.isfinite(value).all()
        and (value.shape != right.shape or not np.allclose(value, right, 1e-6))
    }


def judge(student, given):
    compare(
        student.decode_blocks(*given),
        want=weights(given),
        mistakes=mistakes(given),
        tol=TOL,
        equation="(29.4)",
    )


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_both_kinds(student, rng, draw):
    """Matrices of several blocks in a row, in both kinds."""
    judge(student, problem(rng, *draw))


@pytest.mark.draws(("Q4_1", 1, 32), ("Q8_0", 1, 32), ("Q4_1", 6, 32), ("Q8_0", 3, 32))
def test_one_block_a_row(student, rng, draw):
    """Rows of a single block."""
    judge(student, problem(rng, *draw))
