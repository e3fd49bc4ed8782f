"""Packing: several conversations in one row, as if each stood alone.

    may look:  query t at key s  iff  document(t) = document(s) and s <= t            (1)
    position of a token = tokens of its own document before it                        (2)
    no target crosses a border: each document's last token has none beyond it         (3)

With (1) a document's output does not depend on another's tokens: the derivative is zero
exactly. (2) matters to positions that are added to the embedding; rotary ones and ALiBi
depend on distances alone. n tokens have n(n + 1)/2 pairs, so a row has Σ n(n + 1)/2.
Sources: Krell et al. 2021; Kosec et al. 2021; Hugging Face's trl, issues 784 and 805.
"""

from typing import NamedTuple

from tinyft import backend
from tinyft.data import IGNORE
from tinyft.objectives.instruction import fitted, sft_loss, there


class Packed(NamedTuple):
    """Rows of conversations: host arrays, integers (R, T) each."""

    x: object
    y: object  # targets, −100 where none counts
    document: object  # 0, 1, ... within a row; −1 for padding
    positions: object  # 0, 1, ... within a document


def pack(examples, length, pad=0, long="refuse"):
    """The Packed rows of `examples`, `length` tokens each: first fit, in their order.

    Each Example goes into the first row with room for the whole of it. One that is longer
    than a row is refused (ValueError) or cut at once (long="cut"), so none waits for a row
    that never comes. Padding fills each row's end.
    """
    rows, room = [], []
    for example in (fitted(one, length, long) for one in examples):
        n = len(example.x)
        at = next((i for i, left in enumerate(room) if left >= n), len(rows))
        if at == len(rows):
            rows.append([])
            room.append(length)
        rows[at].append(example)
        room[at] -= n
    if not rows:
        raise ValueError("pack: there is no example to pack")
    return _filled(rows, length, pad)


def _filled(rows, length, pad):
    xp, shape = backend.host(), (len(rows), length)
    x, y, document = (xp.full(shape, fill) for fill in (pad, IGNORE, -1))
    positions = xp.zeros(shape, dtype="int64")
    for r, row in enumerate(rows):
        start = 0
        for d, example in enumerate(row):
            here = r, slice(start, start + len(example.x))
            x[here], y[here] = example
            document[here], positions[here] = d, xp.arange(len(example.x))
            start += len(example.x)
    return Packed(x, y, document, positions)


def block_mask(document):
    """Booleans (R, 1, T, T), True where query t may look at key s (1).

    document: integers (R, T). Padding, −1, looks at padding, so that no row is empty.
    """
    xp = backend.xp_of(document)
    same = document[:, :, None] == document[:, None, :]
    past = xp.tri(document.shape[1], dtype=bool)
    return (same & past)[:, None]


def inputs_of(packed, model):
    """What the model takes beside the ids, {"mask": (1), "positions": (2)}, where it is.

    model(x, **inputs_of(packed, model)), or the whole of it by `packed_loss`.
    """
    mask, positions = block_mask(packed.document), packed.positions
    return {"mask": there(model, mask), "positions": there(model, positions)}


def packed_loss(model, packed, total=None):
    """`sft_loss` of packed rows: that of their conversations, each alone. A Tensor."""
    x, y = there(model, packed.x), there(model, packed.y)
    return sft_loss(model, x, y, total, **inputs_of(packed, model))


def filled(packed):
    """The share of the places that hold a token."""
    return float((packed.document >= 0).mean())
