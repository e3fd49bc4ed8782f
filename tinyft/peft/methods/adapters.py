"""Bottleneck adapters: y' = y + s·(U f(D h + b) + c), U = 0 at the start.

    Houlsby    h = y, after attention and after the MLP     (Houlsby et al. 2019)
    Pfeiffer   h = y, after the MLP only                    (Pfeiffer et al. 2021)
    parallel   h = x, the input of the MLP                  (He et al. 2022)

D is m × d, U d × m: 2 m d + m + d numbers per site. f is between two matrices, so no weight
has this effect and nothing can be merged. U = 0 makes the start the base; D = 0 too would
never train (both gradients are zero).
"""

from tinyft import nn, ops
from tinyft.nn.shape import choice, positive
from tinyft.peft.delta import Delta
from tinyft.peft.layout import width

ACTIVATIONS = {
    "relu": ops.relu,
    "gelu": ops.gelu,
    "silu": ops.silu,
    "tanh": ops.tanh,
    "none": lambda x: x,
}


class Bottleneck(Delta, kind="ADAPTER"):
    """y' = y + s·(U f(D h + b) + c), h the module's result, or its input if `parallel`.

    m: the width inside. activation: relu, gelu, silu, tanh, none (linear). Sites: any
    module whose width is known: layers, attention, an MLP, a block; images get 1×1
    convolutions for D and U.
    """

    mergeable, sites = False, r"attn|mlp"
    formula, where = "y' = y + s·(U f(D h + b) + c)", "the output of any module"
    counts, chapter = "2 m d + m + d", "14_adapters"

    def __init__(self, m=16, activation="relu", parallel=False, scale=1.0):
        positive("Bottleneck", m=m)
        choice("Bottleneck", tuple(ACTIVATIONS), activation=activation)

    def fits(self, module):
        return width(module) is not None

    def build(self, module, rng):
        (image, end), dtype = width(module), next(module.parameters()).dtype
        start = width(module, inward=True)[1] if self.parallel else end
        layer, size = (nn.Conv2d, (1,)) if image else (nn.Linear, ())
        self.down = layer(start, self.m, *size, rng=rng, dtype=dtype)
        self.up = layer(self.m, end, *size, rng=rng, dtype=dtype)
        for p in self.up.parameters():
            nn.init.zeros_(p)

    def correction(self, x, y):
        """s·(U f(D h + b) + c): what it adds to y."""
        h = x if self.parallel else y
        return self.scale * self.up(ACTIVATIONS[self.activation](self.down(h)))

    def output(self, x, y):
        return y + self.correction(x, y)


def houlsby(m=16, activation="gelu"):
    """A Bottleneck for the outputs of attention and MLP: two per block."""
    return Bottleneck(m, activation)


def pfeiffer(m=16, activation="relu"):
    """A Bottleneck for the output of the MLP: one per block."""
    return _at("mlp", Bottleneck(m, activation))


def parallel(m=16, activation="relu", scale=4.0):
    """A Bottleneck beside the MLP, reading the MLP's input."""
    return _at("mlp", Bottleneck(m, activation, True, scale))


def _at(sites, template):
    template.sites = sites
    return template
