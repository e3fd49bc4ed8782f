"""Bottleneck adapters: y' = y + s·(U f(D h + b) + c), U = 0 at the start.

    Houlsby    h = y, after attention and after the MLP     (Houlsby et al. 2019)
    Pfeiffer   h = y, after the MLP only                    (Pfeiffer et al. 2021)
    parallel   h = x, the input of the MLP                  (He et al. 2022)

D is m × d, U d × m: 2 m d + m + d numbers a site. f is between two matrices, so no weight
has this effect and nothing can be merged. U = 0 makes the start the base; D = 0 too would
never train (both gradients are zero).
"""

from tinyft import nn, ops
from tinyft.nn.shape import choice, positive
from tinyft.peft.delta import Delta

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
        super().__init__(m=m, activation=activation, parallel=parallel, scale=scale)

    def fits(self, module):
        return width(module) is not None

    def build(self, module, rng):
        (image, end), dtype = width(module), next(module.parameters()).dtype
        start = width(module, inward=True)[1] if self.parallel else end
        make = (
            (lambda i, o: nn.Conv2d(i, o, 1, rng=rng, dtype=dtype))
            if image
            else (lambda i, o: nn.Linear(i, o, rng=rng, dtype=dtype))
        )
        self.down, self.up = make(start, self.m), make(self.m, end)
        for p in self.up.parameters():
            nn.init.zeros_(p)

    def correction(self, x, y):
        """s·(U f(D h + b) + c): what it adds to y."""
        h = x if self.parallel else y
        return self.scale * self.up(ACTIVATIONS[self.activation](self.down(h)))

    def output(self, x, y):
        return y + self.correction(x, y)


def houlsby(m=16, activation="gelu"):
    """A Bottleneck for the outputs of attention and MLP: two a block."""
    return _at(r"attn|mlp", Bottleneck(m, activation))


def pfeiffer(m=16, activation="relu"):
    """A Bottleneck for the output of the MLP: one a block."""
    return _at("mlp", Bottleneck(m, activation))


def parallel(m=16, activation="relu", scale=4.0):
    """A Bottleneck beside the MLP, reading the MLP's input."""
    return _at("mlp", Bottleneck(m, activation, True, scale))


def _at(sites, template):
    template.sites = sites
    return template


def width(module, inward=False):
    """(does it make images, features out) of a module, or in; None if that is unknown.

    That of a module made of several is its last layer's, or its first's.
    """
    if isinstance(module, nn.Linear):
        return False, module.in_features if inward else module.out_features
    if isinstance(module, nn.Embedding):
        return None if inward else (False, module.embedding_dim)
    if isinstance(module, nn.Conv2d):
        return True, module.in_channels if inward else module.out_channels
    if isinstance(module, (nn.LayerNorm, nn.RMSNorm)):
        return False, module.size
    if isinstance(module, nn.BatchNorm2d):
        return True, module.num_features
    below = list(module.children())
    found = (width(child, inward) for child in (below if inward else reversed(below)))
    return next((one for one in found if one is not None), None)
