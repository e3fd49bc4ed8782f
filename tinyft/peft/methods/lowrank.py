"""LowRank: what LoRA, DoRA and PiSSA share: the two factors, their layouts and options.

    Linear     A (r, in),          B (out, r):         BA is ΔW
    Conv2d     A (r, in, kh, kw),  B (out, r, 1, 1):   BA is ΔW flat, (out, in·kh·kw)
    Embedding  A (r, V),           B (d, r):           BA is ΔWᵀ

A is U(±1/sqrt(in)) and B zero at the start; for an Embedding A is zero and B is N(0, 1).
"""

import math
import re
from numbers import Real

from tinyft import nn, ops
from tinyft.nn import init
from tinyft.nn.shape import zeros
from tinyft.peft.delta import Delta


class LowRank(Delta):
    """Base of the methods with factors A and B; see the file's head."""

    changes, additive = ("weight",), True
    wide = False

    def __init__(self, r, alpha, rslora, **options):
        name, dropout = type(self).__name__, options.get("dropout", 0.0)
        if not isinstance(r, int) or isinstance(r, bool) or r < 1:
            raise ValueError(
                f"{name}: the rank r must be a positive integer, got {r!r}"
            )
        if not isinstance(alpha, Real) or not 0 < alpha < math.inf:
            raise ValueError(
                f"{name}: alpha must be positive, got {alpha!r}; give a finite number "
                "such as 16"
            )
        check_dropout(name, dropout)
        alpha = alpha if isinstance(alpha, int) else float(alpha)  # no NumPy scalar
        super().__init__(r=r, alpha=alpha, rslora=rslora, **options)
        self.scale = alpha / (math.sqrt(r) if rslora else r)

    def fits(self, module):
        if isinstance(module, nn.Conv2d):
            return module.groups == 1
        return isinstance(module, (nn.Linear, nn.Embedding))

    def build(self, module, rng):
        W = module.parameter("weight")
        self.layer, self.rng = layer_kind(module), rng
        rows, columns = W.shape[0], math.prod(W.shape[1:])
        if self.r > min(rows, columns) and not self.wide:
            raise ValueError(
                f"{type(self).__name__} at {self.path!r}: rank {self.r} is above the rank "
                f"of its {rows}×{columns} weight, at most {min(rows, columns)}"
            )
        A, B = _shapes(self.layer, self.r, W.shape)
        self.A, self.B = zeros(A, W.dtype), zeros(B, W.dtype)
        if self.layer == "embedding":
            init.normal_(self.B, rng=rng)
        else:
            init.kaiming_uniform_(self.A, math.sqrt(5), rng)

    def product(self):
        """B A as a matrix: (out, in) for Linear, (out, in·kh·kw) for Conv2d, (d, V)."""
        return flat_product(self.A, self.B)

    def weight(self, W):
        change = self.scale * self.product()
        return W + (
            change.T if self.layer == "embedding" else ops.reshape(change, W.shape)
        )

    def low(self, x, A, B):
        """The path through the rank: B A x."""
        if self.layer == "embedding":
            return ops.linear(ops.embedding(x, A.T), B)
        if self.layer == "conv":
            return ops.conv2d(self.plain(x, A), B)
        return ops.linear(self.plain(x, A), B)

    def plain(self, x, W):
        """x through a weight W of the site's kind, with its stride and padding."""
        if self.layer == "conv":
            return ops.conv2d(x, W, None, self.site.stride, self.site.padding)
        return ops.linear(x, W)

    def factors(self):
        """(A, B) as matrices with ΔW = B A, the scale included: for combinations."""
        B = ops.reshape(self.B, (self.B.shape[0], -1))
        return ops.reshape(self.A, (len(self.A), -1)), self.scale * B

    def extra_repr(self):
        return f"r={self.r}, alpha={self.alpha}"

    # --- files ---------------------------------------------------------------------
    def file_names(self):
        if self.layer == "embedding":
            return {"A": "lora_embedding_A", "B": "lora_embedding_B"}
        return {"A": "lora_A.weight", "B": "lora_B.weight"}

    def file_rank(self):
        """(r, α) as the file has them."""
        return self.r, self.alpha

    def to_config(self, deltas):
        r, alpha = self.file_rank()
        own = {_exact(d.path): d.file_rank() for d in deltas}
        return {
            "r": r,
            "lora_alpha": alpha,
            "lora_dropout": 0.0,
            "use_rslora": self.rslora,
            "use_dora": False,
            "lora_bias": False,
            "fan_in_fan_out": False,
            "bias": "none",
            "rank_pattern": {path: one for path, (one, _) in own.items() if one != r},
            "alpha_pattern": {p: one for p, (_, one) in own.items() if one != alpha},
        }


def _exact(path):
    """A key of rank_pattern that matches one path only."""
    return f"^{re.escape(path)}"


def check_dropout(method, p):
    """Raise ValueError for a probability outside [0, 1)."""
    if not isinstance(p, Real) or not 0 <= p < 1:
        raise ValueError(f"{method}: dropout must be in [0, 1), got {p!r}")


def flat_product(A, B):
    """B A of two factors of any layout, as a matrix."""
    return ops.reshape(B, (B.shape[0], -1)) @ ops.reshape(A, (A.shape[0], -1))


def layer_kind(module):
    """'linear', 'conv' or 'embedding'."""
    kinds = {"conv": nn.Conv2d, "embedding": nn.Embedding, "linear": nn.Linear}
    return next(name for name, kind in kinds.items() if isinstance(module, kind))


def _shapes(layer, r, weight):
    """Shapes of A and B for a weight of this shape."""
    if layer == "embedding":
        V, d = weight
        return (r, V), (d, r)
    ones = (1,) * (len(weight) - 2)
    return (r, *weight[1:]), (weight[0], r, *ones)
