"""Code books of 4 bits: the 16 numbers that a weight, divided by its block's scale, may be.

    nf4    quantiles of the normal distribution, scaled to [-1, 1], with an exact zero
           Φ⁻¹(linspace(o, ½, 9)[:8]) above zero, −Φ⁻¹(linspace(o, ½, 8)[:7]) below    (1)
    even   16 even levels from −absmax to +absmax: no level is zero
    int4   16 even levels from the block's minimum to its maximum: w = min + k·step

A quantile at probability 1 is infinite, so (1) starts at an offset o < 1: 16 bins of
equal probability would put the last one's centre at 1 − 1/32, 15 bins at 1 − 1/30, and

    o = ½ [(1 − 1/30) + (1 − 1/32)] = 929/960 = 0.96770833…     0.9677083 is published

Eight levels above zero and seven below: with 16 codes and an exact zero the two sides
cannot have equally many. (A symmetric book has 15 values and wastes a code.) Evaluated
as the reference does, linspace in float32 and Φ⁻¹ in float64, (1) gives the 16 published
float32 values bit for bit. Source: Dettmers et al. 2023, "QLoRA", appendix E, and
bitsandbytes' create_normal_map; NF4 is not optimal: Yoshida 2023, arXiv:2306.06965.
"""

import functools
from statistics import NormalDist
from typing import NamedTuple

from tinyft import backend

OFFSET = 0.9677083


class Code(NamedTuple):
    """levels: at most 16, ascending, from -1 to 1, or from 0 to 1 if `affine` (a block
    then has a minimum beside its scale). has_zero: one level is exactly 0. Functions that
    take a name, "nf4", take a Code of your own too."""

    name: str
    levels: tuple
    affine: bool = False

    @property
    def has_zero(self):
        return 0.0 in self.levels and not self.affine

    @property
    def zero(self):
        """The index of what pads an odd number of codes."""
        return self.levels.index(0.0) if 0.0 in self.levels else 0


@functools.cache
def normal_levels(offset=OFFSET, above=8, below=7):
    """The levels (1), ascending: `below` negative ones, 0, `above` positive ones.

    Rounded to float32, as they are published. Returns above + below + 1 floats;
    above = below = 7 is the symmetric book of 15 values. Raises ValueError for an offset
    outside (½, 1), where a quantile is infinite or not positive.
    """
    if not 0.5 < offset < 1:
        raise ValueError(
            f"normal_levels: the offset is a probability between 0.5 and 1, got "
            f"{offset!r}: at 1 the quantile is infinite, at 0.5 it is zero"
        )
    quantile = NormalDist().inv_cdf
    up = [quantile(float(p)) for p in linspace(offset, 0.5, above + 1)[:-1]]
    down = [-quantile(float(p)) for p in linspace(offset, 0.5, below + 1)[:-1]]
    single = backend.host().float32
    levels = [single(x) for x in sorted([*down, 0.0, *up])]
    return tuple(float(x / max(levels)) for x in levels)


def even_levels(low=-1.0, count=16):
    """`count` even levels from `low` to 1."""
    single = backend.host().float32
    step = (1.0 - low) / (count - 1)
    return tuple(float(single(low + i * step)) for i in range(count))


def linspace(start, end, count):
    """`count` float32 values as PyTorch's linspace gives them on a processor with a fused
    multiply-add: from the nearer end, in steps rounded to float32, rounded once."""
    single = backend.host().float32
    start, end = single(start), single(end)
    step, last = float((end - start) / single(count - 1)), count - 1
    points = [float(start) + step * i for i in range(count // 2)]
    points += [float(end) - step * (last - i) for i in range(count // 2, count)]
    return [single(p) for p in points]


CODES = {
    "nf4": Code("nf4", normal_levels()),
    "even": Code("even", even_levels()),
    "int4": Code("int4", even_levels(0.0), affine=True),
}


def code_named(name):
    """The Code of a name; ValueError listing the names. A Code is returned as it is,
    if it is one: ascending levels that begin and end at those of a block's extremes."""
    if isinstance(name, Code):
        return _checked(name)
    if not isinstance(name, str) or name not in CODES:
        raise ValueError(
            f"there is no 4-bit code book named {name!r}; expected one of "
            f"{', '.join(map(repr, CODES))} ('fp4' is not supported)"
        )
    return CODES[name]


def _checked(code):
    levels, low = list(code.levels), 0 if code.affine else -1
    sorted_ = levels == sorted(set(levels)) and 2 <= len(levels) <= 16
    if not sorted_ or (levels[0], levels[-1]) != (low, 1):
        raise ValueError(
            f"Code {code.name!r}: expected 2 to 16 ascending levels from {low} to 1, so "
            f"that a block's extremes are exact, got {levels}"
        )
    return code
