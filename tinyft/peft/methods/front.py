"""Making room in front: what prefixes and prompts need elsewhere in a model.

prefix   positions + T                      the keys are in front at every attention
prompt   positions 0 .. T+n−1, types 0 for the prompt, the result without its part
"""

from tinyft import ops
from tinyft.nn.shape import steps
from tinyft.peft.delta import Delta

FILE_KEY = "prompt_embeddings"  # the one tensor of such an adapter's file


class Companion(Delta):
    """What makes room for the prompt elsewhere in the model."""

    mergeable = rowwise = False

    def __init__(self, length):
        super().__init__(length=length)

    def build(self, module, rng):
        """Nothing to train."""


class Shift(Companion):
    """The positions of the real tokens, moved behind T others."""

    def output(self, x, y):
        return y + self.length


class Extend(Companion):
    """Positions 0 .. T+n−1 at the first call; a cache knows of the prompt afterwards.

    Training has no cache; in evaluation the first position tells (one synchronisation).
    """

    def output(self, x, y):
        start, T = self.site.start, self.length
        first = self.training or not y.size or int(y.reshape(-1)[0]) <= start
        self.shared["first"] = first
        if not first:
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
        return front(ops.broadcast_to(row, (self.length, row.shape[1])), y)


class Strip(Companion):
    """The model's result at the real tokens."""

    def output(self, x, y):
        return y[:, y.shape[1] - x.shape[1] :] if y.ndim > 2 else y


def front(P, y):
    """P (T, C) in front of y (B, n, C)."""
    return ops.concatenate([ops.broadcast_to(P, (len(y), *P.shape)), y], axis=1)


def task(attention):
    """PEFT's name of the task: without one it would ignore the prompt."""
    return "CAUSAL_LM" if attention.causal else "FEATURE_EXTRACTION"
