"""IA3: one learned factor for each output, or for each input (Liu et al. 2022).

    output side        y = l ∘ (W x + b):   W' = diag(l) W,  b' = l ∘ b
    feed-forward side  y = W (l ∘ x) + b:   W' = W diag(l)

l = 1 at the start. The paper scales keys and values (output side) and the input of the
MLP's second layer (`feedforward`). Scaling the output scales the bias too.
"""

from tinyft import nn
from tinyft.nn.select import check_pattern, matches, select
from tinyft.nn.shape import zeros
from tinyft.peft.delta import Delta
from tinyft.peft.layout import layout_of, on_output


class IA3(Delta, kind="IA3"):
    """W' = diag(l) W with b' = l ∘ b, or W' = W diag(l) at sites that `feedforward` names.

    feedforward: a pattern or a list of names, as attach's target.
    Sites: Linear; Conv2d with groups=1, where l has one entry per channel.
    """

    changes = ("weight", "bias")
    formula, where = "W' = diag(l) W, b' = l ∘ b; or W' = W diag(l)", "Linear, Conv2d"
    counts, chapter = "out, or in", "15_lora"

    def __init__(self, feedforward=()):
        check_pattern("IA3: feedforward", feedforward)

    def fits(self, module):
        return not isinstance(module, nn.Embedding) and layout_of(module) is not None

    def prepare(self, model, sites, rng):
        if self.feedforward:
            select("IA3: feedforward", self.feedforward, sites)

    def build(self, module, rng):
        shape, dtype, _ = module.weight_spec("weight")
        self.by_input = bool(self.feedforward) and matches(self.path, self.feedforward)
        self.l = zeros((shape[1 if self.by_input else 0],), dtype)
        self.l.data += 1
        if self.by_input:
            self.changes = ("weight",)

    @property
    def factored(self):
        return not self.by_input  # W(l∘x) cannot be recovered from y = W x

    def weight(self, W):
        axis = 1 if self.by_input else 0
        return W * self.l.reshape([-1 if i == axis else 1 for i in range(W.ndim)])

    def bias(self, b):
        return b * self.l

    def output(self, x, y):
        return y * on_output(self.site, self.l, y)
