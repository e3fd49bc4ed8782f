"""IA3: one learned factor for each output, or for each input (Liu et al. 2022).

    output side        y = l ∘ (W x + b):   W' = diag(l) W,  b' = l ∘ b
    feed-forward side  y = W (l ∘ x) + b:   W' = W diag(l)

l = 1 at the start. The paper scales keys and values (output side) and the input of the
MLP's second layer (`feedforward`). Scaling the output scales the bias too.
"""

import re

from tinyft import nn, ops
from tinyft.nn.module import Parameter
from tinyft.nn.shape import empty
from tinyft.peft.delta import Delta
from tinyft.peft.sites import check_pattern, matches, refuse_unmatched


class IA3(Delta, kind="IA3"):
    """W' = diag(l) W with b' = l ∘ b, or W' = W diag(l) at sites that `feedforward` names.

    feedforward: a pattern or a list of names, as attach's target.
    Sites: Linear; Conv2d with groups=1, where l has one entry a channel.
    """

    changes, additive = ("weight", "bias"), True
    formula, where = "W' = diag(l) W, b' = l ∘ b; or W' = W diag(l)", "Linear, Conv2d"
    counts, chapter = "out, or in", "15_lora"

    def __init__(self, feedforward=()):
        super().__init__(feedforward=feedforward)

    def fits(self, module):
        return isinstance(module, nn.Linear) or (
            isinstance(module, nn.Conv2d) and module.groups == 1
        )

    def prepare(self, model, sites, rng):
        check_pattern("IA3: feedforward", self.feedforward)
        refuse_unmatched("IA3: feedforward", self.feedforward or None, sites)

    def build(self, module, rng):
        W = module.parameter("weight")
        self.by_input = bool(self.feedforward) and matches(self.path, self.feedforward)
        size = W.shape[1] if self.by_input else W.shape[0]
        if W.ndim == 4:
            shape = (1, size, 1, 1)
        else:
            shape = (1, size) if self.by_input else (size, 1)
        self.l = Parameter(empty(shape, W.dtype) + 1, dtype=W.dtype)
        if self.by_input:  # what W does to l ∘ x, y does not tell: the closed form only
            self.changes, self.additive, self.output = ("weight",), False, None

    def weight(self, W):
        if self.by_input:
            return W * self.l
        return W * ops.reshape(self.l, (-1,) + (1,) * (W.ndim - 1))

    def bias(self, b):
        return b * ops.reshape(self.l, (-1,))

    def output(self, x, y):
        return y * (self.l if self.l.ndim == 4 else ops.reshape(self.l, (-1,)))

    def file_names(self):
        return {"l": "ia3_l"}

    def to_config(self, deltas):
        named = [d.path for d in deltas if d.by_input]
        others = [d.path for d in deltas if not d.by_input]
        if any(path.endswith(tuple(named)) for path in others):  # PEFT takes endings
            named = "|".join(map(re.escape, named))
        return {
            "feedforward_modules": named,
            "fan_in_fan_out": False,
        }

    @classmethod
    def from_config(cls, config):
        return cls()  # peft.load tells each site which side it is, by PEFT's rule
