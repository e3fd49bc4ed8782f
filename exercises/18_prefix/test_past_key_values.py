"""Grader of past_key_values. Numbers are only moved: equality to the last bit."""

import numpy as np
import pytest

from tinyft.grading import compare, fail

TOL = 1e-12
SIZES = [  # l, layers, kv_heads, d: no two sizes of a draw are equal
    (5, 3, 2, 4),
    (2, 4, 3, 6),
    (4, 1, 5, 3),
    (6, 5, 1, 2),
]


def draw_prompt(rng, length, layers, heads, d):
    return rng.normal(size=(length, 2 * layers * heads * d)), layers, heads


def build(prompt, layers, heads, place=None):
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
        fail("Not a list of pairs", "return [(P_k, P_v), ...]", equation="Reference H")
    if any(len(pair) != 2 for pair in pairs):
        fail("Not a list of pairs", "return [(P_k, P_v), ...]", equation="Reference H")
    shapes = {a.shape for pair in pairs for a in pair}
    if len(shapes) > 1:
        fail("Keys and values have different shapes", f"they are {sorted(shapes)}")
    return np.array(pairs)


def mistakes(prompt, layers, heads):
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
        "heads counted fastest: (d, kv_heads) instead of (kv_heads, d)": (
            placed(lambda i, kv, h, c: ((2 * i + kv) * d + c) * heads + h)
        ),
        "reshaped where a transpose is needed": np.stack(
            [
                [a.reshape(heads, len(prompt), d) for a in np.split(part, 2, axis=1)]
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


def check(student, rng, sizes):
    given = draw_prompt(rng, *sizes)
    want = build(*given)
    compare(
        flat(student.past_key_values(*given)),
        want=want,
        mistakes=mistakes(*given),
        tol=TOL,
        equation="Reference H",
    )


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_layout(student, rng, draw):
    """A pair for each layer, heads in front."""
    check(student, rng, draw)


@pytest.mark.draws((3, 2, 3, 3), (2, 2, 2, 2), (1, 3, 2, 4), (3, 1, 1, 1))
def test_what_attention_reads(student, rng, draw):
    """Square by chance: l = kv_heads = d, so a wrong order of axes fits the shape."""
    check(student, rng, draw)


@pytest.mark.draws((4, 3, 2, 4, -2), (3, 2, 5, 1, 4), (5, 4, 3, 1, 6), (2, 1, 2, 3, 1))
def test_impossible_columns(student, rng, draw):
    """Columns that do not fit raise ValueError."""
    length, layers, heads, d, more = draw
    prompt = rng.normal(size=(length, 2 * layers * heads * d + more))
    try:
        student.past_key_values(prompt, layers, heads)
    except ValueError:
        return
    fail(
        "Columns that do not fit are accepted",
        f"{prompt.shape[1]} columns are not a multiple of 2·{layers}·{heads}: raise "
        "ValueError",
        equation="Reference H",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES, (2, 2, 2, 2))
def test_way_back(student, rng, draw):
    """The matrix of the pairs is the matrix that they came from."""
    prompt, layers, heads = draw_prompt(rng, *draw)
    parts = build(prompt, layers, heads)  # (layers, 2, heads, l, d)
    length = len(prompt)

    def joined(*axes):
        return parts.transpose(axes).reshape(length, -1)

    known = {
        "reshaped where a transpose is needed": np.concatenate(
            [part.reshape(length, -1) for pair in parts for part in pair], axis=1
        ),
        "the whole array is reshaped at once": parts.reshape(length, -1),
        "all keys first, then all values": joined(3, 1, 0, 2, 4),
        "keys and values are swapped": (
            parts[:, ::-1].transpose(3, 0, 1, 2, 4).reshape(length, -1)
        ),
        "the layers are in reverse": (
            parts[::-1].transpose(3, 0, 1, 2, 4).reshape(length, -1)
        ),
        "heads counted fastest: (d, kv_heads) instead of (kv_heads, d)": (
            joined(3, 0, 1, 4, 2)
        ),
        "key or value counted fastest": joined(3, 0, 2, 4, 1),
        "the heads of one layer: kv_heads before key or value": joined(3, 0, 2, 1, 4),
        "the parts are put below each other": np.concatenate(
            [p.swapaxes(0, 1).reshape(length, -1) for pair in parts for p in pair]
        ),
        "the matrix is transposed": prompt.T,
    }
    compare(
        student.prompt_matrix([(pair[0], pair[1]) for pair in parts]),
        want=prompt,
        mistakes=known,
        tol=TOL,
        equation="Reference H",
    )
