"""Rotary positions: queries and keys turned by their places (Su et al. 2021)."""

import math

from tinyft import ops
from tinyft.nn.module import Module
from tinyft.nn.shape import choice, steps
from tinyft.ops.operands import wrap

PAIRS = ("halves", "neighbours")


class Rotary(Module):
    """Rotate each pair (x_i, x_{i+d/2}) by the angle position · base^(-2i/d).

    x (B, H, T, d), d even; positions (T,) or (B, T) integers. The product of a rotated
    query and key depends on the distance of their positions only.

    part: how many of the d channels turn, the first ones; the others stay as they are
    and tell nothing about positions. pairs="neighbours": (x_2i, x_{2i+1}) turn instead,
    the layout of the paper. ChatGLM and GLM have both: half the channels, neighbours.

    scaling stretches the positions for longer texts; L is the length trained on:
      ("linear", f)              every rate θ becomes θ / f       (Chen et al. 2023)
      ("llama3", f, low, high, L)  s θ + (1 - s) θ / f, where s goes from 0 to 1 as the
                                 turns L θ / 2π go from low to high   (Llama 3.1)
    """

    def __init__(self, head_dim, base=10000.0, scaling=None, part=None, pairs="halves"):
        self.head_dim, self.base = head_dim, base
        self.part = head_dim if part is None else part
        if self.part % 2:
            raise ValueError(
                f"Rotary: {'head_dim' if part is None else 'part'} must be even, got "
                f"{self.part}"
            )
        if not 0 < self.part <= head_dim:
            raise ValueError(
                f"Rotary: part={part} channels must turn, between 2 and "
                f"head_dim={head_dim}"
            )
        choice("Rotary", PAIRS, pairs=pairs)
        self.scaling, self.pairs = _check_scaling(scaling), pairs

    def forward(self, x, positions):
        cos, sin = self._tables(wrap(positions), x.dtype)
        first, second = self._pairs(x)
        turned = [first * cos - second * sin, second * cos + first * sin]
        return self._whole(turned, x)

    def _pairs(self, x):
        """The two members of every pair that turns, (..., part/2) each."""
        half, part = self.part // 2, self.part
        if self.pairs == "neighbours":
            return x[..., 0:part:2], x[..., 1:part:2]
        return x[..., :half], x[..., half:part]

    def _whole(self, turned, x):
        """The turned pairs where they were in x, and what did not turn."""
        if self.pairs == "neighbours":
            turned = ops.stack(turned, axis=-1)
            turned = [ops.reshape(turned, (*x.shape[:-1], self.part))]
        rest = [x[..., self.part :]] if self.part < self.head_dim else []
        return ops.concatenate([*turned, *rest], axis=-1)

    def _tables(self, positions, dtype):
        rates = self._rates(positions)
        angles = ops.expand_dims(positions.astype("float64"), -1) * rates
        if angles.ndim == 3:  # (B, T, d/2)
            angles = ops.expand_dims(angles, 1)  # (B, 1, T, d/2)
        return ops.cos(angles).astype(dtype), ops.sin(angles).astype(dtype)

    def _rates(self, like):
        """The angle of each pair for one step of position, (d/2,)."""
        half = self.part // 2
        powers = steps(0, half, like, "float64")
        rates = ops.exp(powers * (-math.log(self.base) / half))
        if self.scaling is None:
            return rates
        kind, factor, *bounds = self.scaling
        if kind == "linear":
            return rates / factor
        low, high, length = bounds
        turns = rates * (length / (2 * math.pi))
        s = ops.clip((turns - low) / (high - low), 0.0, 1.0)
        return rates * (s + (1 - s) / factor)

    def extra_repr(self):
        scaling = f", scaling={self.scaling}" if self.scaling else ""
        part = f", part={self.part}" if self.part != self.head_dim else ""
        pairs = f", pairs={self.pairs!r}" if self.pairs != "halves" else ""
        return f"{self.head_dim}, base={self.base:g}{scaling}{part}{pairs}"


def _check_scaling(scaling):
    """`scaling` as a tuple, or ValueError."""
    if scaling is None:
        return None
    kind, *numbers = scaling
    right = {"linear": 1, "llama3": 4}.get(kind) == len(numbers)
    if not right or not all(0 < n < math.inf for n in numbers):
        raise ValueError(
            'Rotary: scaling must be ("linear", factor) or ("llama3", factor, low, '
            f"high, length) with positive numbers, got {scaling!r}"
        )
    if kind == "llama3" and not numbers[1] < numbers[2]:
        raise ValueError(f"Rotary: low must be below high in scaling={scaling!r}")
    return (kind, *numbers)
