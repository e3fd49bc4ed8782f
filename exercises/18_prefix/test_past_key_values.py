"""Grader of past_key_values. Numbers are only moved: equality to the last bit."""

import numpy as np
import pytest

from tinyft.grading import compare, fail

TOL = 1e-12
LENGTH, LAYERS, HEADS, D = 5, 3, 2, 4


def build(prompt, layers=LAYERS, heads=HEADS, place=None):
    """Entry by entry: the column of (layer, key or value, head, number)."""
    length, d = len(prompt), prompt.shape[1] // (2 * layers * heads)
    place = place or (lambda i, kv, h, c: ((2 * i + kv) * heads + h) * d + c)
    out = np.empty((layers, 2, heads, length, d))
    for i, kv, h, t, c in np.ndindex(out.shape):
        out[i, kv, h, t, c] = prompt[t, place(i, kv, h, c)]
    return out


def flat(answer):
    """The learner's list as one array (layers, 2, heads, l, d), or fail."""
    try:
        pairs = [[np.asarray(a) for a in pair] for pair in answer]
    except TypeError:
        fail("Not a list of pairs", "return [(P_k, P_v), ...]", equation="section 10")
    if any(len(pair) != 2 for pair in pairs):
        fail("Not a list of pairs", "return [(P_k, P_v), ...]", equation="section 10")
    shapes = {a.shape for pair in pairs for a in pair}
    if len(shapes) > 1:
        fail("Keys and values have different shapes", f"they are {sorted(shapes)}")
    return np.array(pairs)


def mistakes(prompt, layers=LAYERS, heads=HEADS):
    d = prompt.shape[1] // (2 * layers * heads)
    right = build(prompt, layers, heads)

    def placed(place):
        return build(prompt, layers, heads, place)

    return {
        "all keys first, then all values": (
            placed(lambda i, kv, h, c: ((kv * layers + i) * heads + h) * d + c)
        ),
        "keys and values are swapped": right[:, ::-1],
        "the keys stand in the place of the values, too": right[:, [0, 0]],
        "key or value counted fastest": (
            placed(lambda i, kv, h, c: ((i * heads + h) * d + c) * 2 + kv)
        ),
        "the layers are in reverse": right[::-1],
        "heads counted fastest: (d, kv_heads) in place of (kv_heads, d)": (
            placed(lambda i, kv, h, c: ((2 * i + kv) * d + c) * heads + h)
        ),
        "reshaped where a transpose is needed": np.stack(
            [
                [a.reshape(heads, -1, d) for a in np.split(part, 2, axis=1)]
                for part in np.split(prompt, layers, axis=1)
            ]
        ),
        "the whole matrix is reshaped: rows of the prefix are mixed": (
            prompt.reshape(layers, 2, heads, len(prompt), d)
        ),
        "the heads of one layer: kv_heads before key or value": (
            placed(lambda i, kv, h, c: ((i * heads + h) * 2 + kv) * d + c)
        ),
        "l before the heads: the axes are (l, kv_heads, d)": right.swapaxes(2, 3),
        "d before l: the axes are (kv_heads, d, l)": right.swapaxes(3, 4),
    }


@pytest.mark.points(3)
def test_layout(student, seed):
    """A pair for each layer, heads in front."""
    prompt = np.random.default_rng(seed).normal(size=(LENGTH, 2 * LAYERS * HEADS * D))
    got = flat(student.past_key_values(prompt, LAYERS, HEADS))
    compare(
        got,
        want=build(prompt),
        mistakes=mistakes(prompt),
        tol=TOL,
        equation="section 10",
    )


def test_what_attention_reads(student, seed):
    """Square by chance: l = kv_heads = d, so a wrong order of axes fits the shape."""
    prompt = np.random.default_rng(seed + 1).normal(size=(3, 2 * 2 * 3 * 3))
    compare(
        flat(student.past_key_values(prompt, 2, 3)),
        want=build(prompt, 2, 3),
        mistakes=mistakes(prompt, 2, 3),
        tol=TOL,
        equation="section 10",
    )


def test_impossible_columns(student, seed):
    """Columns that do not fit raise ValueError."""
    prompt = np.random.default_rng(seed).normal(size=(4, 2 * LAYERS * HEADS * D - 2))
    try:
        student.past_key_values(prompt, LAYERS, HEADS)
    except ValueError:
        return
    fail(
        "Columns that do not fit are accepted",
        f"{prompt.shape[1]} columns are not a multiple of 2·{LAYERS}·{HEADS}: raise "
        "ValueError",
        equation="section 10",
    )
