"""Making room in front: what prefixes and prompts need elsewhere in a model.

prefix   positions + T                      the keys are in front at every attention
prompt   positions 0 .. T+n−1, types 0 for the prompt, the result without its part

A model tells where by the type of its modules: `nn.Positions` counts positions,
`nn.TypeEmbedding` embeds token types.
"""

from tinyft import nn, ops
from tinyft.nn.shape import steps
from tinyft.peft.delta import Delta


class Companion(Delta):
    """What makes room for `length` vectors elsewhere in the model."""

    mergeable = rowwise = False

    def __init__(self, length):
        """length: T, the vectors in front."""

    def build(self, module, rng):
        """Nothing to train."""


class Shift(Companion):
    """The positions of the real tokens, moved behind T others."""

    def output(self, x, y):
        return y + self.length


class Extend(Companion):
    """Positions 0 .. T+n−1 at the first call; a cache holds the prompt afterwards."""

    def output(self, x, y):
        start, T = self.site.start, self.length
        self.shared["first"] = not self.site.past
        if self.site.past:
            return y
        lead = steps(start, start + T, y)
        if y.ndim == 2:  # padded rows have positions of their own
            lead = ops.broadcast_to(lead, (len(y), T))
        return ops.concatenate([lead, y + T], axis=-1)


class ExtendTypes(Companion):
    """The prompt is of type 0."""

    def output(self, x, y):
        if not self.shared["first"]:
            return y
        row = self.site.weight[0:1]
        return in_front(ops.broadcast_to(row, (self.length, row.shape[1])), y)


class Strip(Companion):
    """The model's result at the real tokens."""

    def output(self, x, y):
        return y[:, y.shape[1] - x.shape[1] :] if y.ndim > 2 else y


def shifted(model, length):
    """The companions of a prefix: [(path, Shift)]."""
    return [(path, Shift(length)) for path in paths_of(model, nn.Positions)]


def extended(model, length):
    """The companions of a prompt: [(path, what makes room there)]."""
    return [
        *((path, Extend(length)) for path in paths_of(model, nn.Positions)),
        *((path, ExtendTypes(length)) for path in paths_of(model, nn.TypeEmbedding)),
        ("", Strip(length)),
    ]


def paths_of(model, kind):
    """The paths of a model's modules of one type."""
    return [path for path, module in model.named_modules() if isinstance(module, kind)]


def in_front(P, y):
    """P (T, C) in front of y (B, n, C)."""
    return ops.concatenate([ops.broadcast_to(P, (len(y), *P.shape)), y], axis=1)
