"""BitFit: train the biases and nothing else, b' = b + δ (Ben Zaken et al. 2022); and
NormTuning: the affine part of norms, γ' = γ + δγ, β' = β + δβ.

LayerNorm-only (Zhao et al. 2023) is NormTuning("layer"), BatchNorm-only (Frankle, Schwab,
Morcos 2020) NormTuning("batch"): γ and β train, the statistics are another matter. All
changes are zero at the start. They merge, and cost less than 0.1 % of most models.
"""

from tinyft import nn, ops
from tinyft.nn.shape import choice, zeros
from tinyft.peft.delta import Delta

NORMS = {
    "layer": nn.LayerNorm,
    "rms": nn.RMSNorm,
    "group": nn.GroupNorm,
    "batch": nn.BatchNorm2d,
}


class BitFit(Delta, kind="BITFIT"):
    """b' = b + δ on every module that has a bias (by default all of them)."""

    changes, additive, sites = ("bias",), True, ".*"
    formula, where = "b' = b + δ", "any layer with a bias"
    counts, chapter = "out", "13_bitfit"

    def fits(self, module):
        return module._parameters.get("bias") is not None and not module._modules

    def build(self, module, rng):
        self.b = _zeros_like(module.parameter("bias"))
        self.image = isinstance(module, (nn.Conv2d, nn.BatchNorm2d, nn.GroupNorm))

    def bias(self, b):
        return b + self.b

    def output(self, x, y):
        if self.image and y.ndim > 2:  # channels first
            return y + ops.reshape(self.b, (-1,) + (1,) * (y.ndim - 2))
        return y + self.b


class NormTuning(Delta, kind="NORM"):
    """γ' = γ + δγ, β' = β + δβ on norms: all, or norms="layer", "rms", "group", "batch".

    scale=False leaves γ alone, shift=False β. A norm without β trains γ only.
    """

    additive, sites = True, ".*"
    formula, where = (
        "γ' = γ + δγ, β' = β + δβ",
        "LayerNorm, RMSNorm, GroupNorm, BatchNorm",
    )
    counts, chapter = "2 C", "13_bitfit"

    def __init__(self, norms=None, scale=True, shift=True):
        choice("NormTuning", (None, *NORMS), norms=norms)
        if not (scale or shift):
            raise ValueError(
                "NormTuning: scale=False and shift=False leave nothing to train"
            )
        super().__init__(norms=norms, scale=scale, shift=shift)

    def fits(self, module):
        kinds = tuple(NORMS.values()) if self.norms is None else NORMS[self.norms]
        return isinstance(module, kinds) and bool(self._names(module))

    def _names(self, module):
        wanted = {"weight": self.scale, "bias": self.shift}
        held = module._parameters
        return [n for n, asked in wanted.items() if asked and held.get(n) is not None]

    def build(self, module, rng):
        self.changes = tuple(self._names(module))
        self.gamma = self.beta = None
        if "weight" in self.changes:
            self.gamma = _zeros_like(module.parameter("weight"))
        if "bias" in self.changes:
            self.beta = _zeros_like(module.parameter("bias"))

    def weight(self, W):
        return W + self.gamma

    def bias(self, b):
        return b + self.beta

    def output(self, x, y):
        """The norm again, with δγ for γ and δβ for β: y' = y + δγ x̂ + δβ."""
        norm, gamma = self.site, self.gamma
        if gamma is None:
            gamma = ops.zeros_like(self.beta)
        if isinstance(norm, nn.RMSNorm):
            return y + ops.rms_norm(x, gamma, norm.eps)
        if isinstance(norm, nn.LayerNorm):
            return y + ops.layer_norm(x, gamma, self.beta, norm.eps)
        if isinstance(norm, nn.GroupNorm):
            return y + ops.group_norm(x, norm.groups, gamma, self.beta, norm.eps)
        return y + _batch_norm(norm, x, gamma, self.beta)


def _batch_norm(norm, x, gamma, beta):
    """By the statistics that the norm itself has just used; the running ones rest."""
    by_batch = norm.statistics == "batch" or (
        norm.statistics == "update" and norm.training
    )
    mean, var = norm.running_mean, norm.running_var
    if norm.statistics == "batch":
        mean = var = None
    return ops.batch_norm(x, mean, var, gamma, beta, by_batch, 0.0, norm.eps)


def _zeros_like(p):
    return zeros(p.shape, p.dtype)
