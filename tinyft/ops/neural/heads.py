"""How attention cuts its scores into blocks, and how a block is masked.

Scores are (B, G, R, T, S): R query heads share each of G key heads. A block is some
samples, some key heads with all their query heads, and some query rows: about ENTRIES
scores (64k to 128k measured alike), which then stay in the cache from the first product
to the last. Under a causal mask the rows are cut in at least four, and a cut meets only
the keys that its last row sees.
"""

import math

from tinyft import backend
from tinyft.autograd.tensor import Tensor
from tinyft.ops.array.elementwise import unbroadcast
from tinyft.ops.blocked.blocks import ENTRIES
from tinyft.ops.operands import wrap

ALL = slice(None)


def grouped(x, G):
    """(B, H, T, d) as (B, G, R, T, d): a view, H is only split."""
    B, H, T, d = x.shape
    return x.reshape(B, G, H // G, T, d)


def grouped_mask(mask, G):
    """A mask that broadcasts to (B, H, T, S) as (B, G, R, T, S); sizes 1 stay."""
    B, H, T, S = (1,) * (4 - mask.ndim) + mask.shape
    return mask.reshape((B, 1, 1, T, S) if H == 1 else (B, G, H // G, T, S))


def blocks(Q, S, causal):
    """Yield (heads, [(rows, n), ...]): slices of B and G; rows that see n keys."""
    B, G, R, T, _ = Q.shape
    samples, groups, step = _block_shape(B, G, R, T, S, causal, Q)
    queries = []
    for i in range(0, T, step):
        last = min(i + step, T)
        n = last + S - T if causal else S
        if n > 0:  # rows before it see no key at all
            queries.append((slice(i, last), n))
    for i in range(0, B, samples):
        for j in range(0, G, groups):
            yield (slice(i, i + samples), slice(j, j + groups)), queries


def _block_shape(B, G, R, T, S, causal, like):
    """How many samples, key heads and rows a block has; a device takes all at once."""
    if backend.device_of(like) != "cpu":
        return max(1, B), G, max(1, T)
    step = -(-T // 4) if causal and T >= 64 else T
    step = max(1, min(step, max(16, ENTRIES // max(1, R * S))))
    room = ENTRIES // max(1, R * S * step)  # (sample, key head) pairs
    groups = min(G, max(1, room))
    return max(1, room // G) if groups == G else 1, groups, step


def read_mask(what, mask):
    """A mask as attention takes it: booleans (True = may look) or scores to add.

    Integers 0 and 1 are read as booleans. Floats are added, so a float mask of only 0
    and 1, which would hide nothing, is refused, and so are other integers. Their values
    are looked at on the CPU; a device is not made to wait.
    """
    if mask is None:
        return None
    mask = wrap(mask)
    kind, values = mask.dtype.kind, mask._data
    if kind not in "biuf":
        raise TypeError(f"{what}: a mask is of booleans or floats, got {mask.dtype}")
    looks = backend.device_of(values) == "cpu" and values.size and kind != "b"
    binary = looks and values.min() >= 0 and bool(((values == 0) | (values == 1)).all())
    if kind in "iu":
        if looks and not binary:
            raise ValueError(
                f"{what}: a mask of integers is boolean, 0 or 1, and this one has values "
                f"from {values.min()} to {values.max()}; to add it to the scores, "
                'convert it: mask.astype("float32")'
            )
        return Tensor._of(values != 0, None)
    if binary and not mask.requires_grad and (values == 1).any():
        raise ValueError(
            f"{what}: the mask is {mask.dtype} and holds only 0 and 1; floats are added "
            "to the scores, so it would hide nothing. If 1 means 'may look', pass "
            'booleans: mask.astype("bool")'
        )
    return mask


class Masks:
    """Adds the causal corner and the caller's mask to blocks of scores, in place."""

    def __init__(self, mask, causal, Q, S):
        self.shift = S - Q.shape[-2]  # query i stands at position i + shift
        self.causal, self.corner = causal, None
        self.mask = None if mask is None else grouped_mask(mask, Q.shape[1])

    def add(self, S, here, corner=True):
        """S: the scores of block `here` with its first n keys; `corner`: the causal
        one too."""
        if self.causal and corner:
            n, start = S.shape[-1], here[-1].start + self.shift
            first = max(0, start)  # every row of the block sees keys 0..start
            S[..., first:] += self._corner(S)[:, first - start : n - start]
        if self.mask is not None:
            part = self.mask[self._place(here, S)]
            if part.dtype == backend.bool_:
                where = backend.xp_of(S).where
                part = where(part, 0.0, -math.inf).astype(S.dtype)
            S += part

    def add_gradient(self, gmask, gS, here):
        """Add the scores' gradient to the mask's, summed where it was broadcast."""
        part = grouped_mask(gmask, self.mask.shape[1])[self._place(here, gS)]
        part += unbroadcast(gS, (part.shape, part.dtype))

    def _corner(self, S):
        """-inf above the diagonal, for as many rows as S has."""
        xp, rows = backend.xp_of(S), S.shape[-2]
        if self.corner is None or len(self.corner) < rows:
            self.corner = xp.triu(xp.full((rows, rows), -math.inf, S.dtype), 1)
        return self.corner[:rows, :rows]

    def _place(self, here, S):
        """The part of the mask that belongs to a block (axes of size 1 whole)."""
        wanted = (*here, slice(0, S.shape[-1]))
        return tuple(ALL if m == 1 else w for m, w in zip(self.mask.shape, wanted))
