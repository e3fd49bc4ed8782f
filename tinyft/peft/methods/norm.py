"""NormTuning: train the affine part of norms, γ' = γ + δγ, β' = β + δβ.

LayerNorm-only (Zhao et al. 2023) is NormTuning("layer"), BatchNorm-only (Frankle, Schwab,
Morcos 2020) NormTuning("batch"): γ and β train, the statistics are another matter. Both
changes are zero at the start.
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


class NormTuning(Delta, kind="NORM"):
    """γ' = γ + δγ, β' = β + δβ on norms: all, or norms="layer", "rms", "group", "batch".

    scale=False leaves γ alone, shift=False β. A norm without β trains γ only.
    """

    changes, factored, sites = ("weight", "bias"), True, ".*"
    formula = "γ' = γ + δγ, β' = β + δβ"
    where = "LayerNorm, RMSNorm, GroupNorm, BatchNorm"
    counts, chapter = "2 C", "13_bitfit"

    def __init__(self, norms=None, scale=True, shift=True):
        choice("NormTuning", (None, *NORMS), norms=norms)
        if not (scale or shift):
            raise ValueError(
                "NormTuning: scale=False and shift=False leave nothing to train"
            )

    def fits(self, module):
        kinds = tuple(NORMS.values()) if self.norms is None else NORMS[self.norms]
        return isinstance(module, kinds) and bool(self._names(module))

    def _names(self, module):
        wanted = {"weight": self.scale, "bias": self.shift}
        held = module._parameters
        return [n for n, asked in wanted.items() if asked and held.get(n) is not None]

    def build(self, module, rng):
        self.changes = tuple(self._names(module))
        for own, name in (("gamma", "weight"), ("beta", "bias")):
            held = name in self.changes
            setattr(self, own, zeros(*module.weight_spec(name)[:2]) if held else None)

    def weight(self, W):
        return W + self.gamma

    def bias(self, b):
        return b + self.beta

    def output(self, x, y):
        """The norm again, with δγ for γ and δβ for β: y' = y + δγ x̂ + δβ."""
        norm, beta = self.site, self.beta
        gamma = ops.zeros_like(beta) if self.gamma is None else self.gamma
        if isinstance(norm, nn.RMSNorm):
            return y + ops.rms_norm(x, gamma, norm.eps)
        if isinstance(norm, nn.LayerNorm):
            return y + ops.layer_norm(x, gamma, beta, norm.eps)
        if isinstance(norm, nn.GroupNorm):
            return y + ops.group_norm(x, norm.groups, gamma, beta, norm.eps)
        return y + _batch_norm(norm, x, gamma, beta)


def _batch_norm(norm, x, gamma, beta):
    """Normalise with the statistics the layer just used; the running ones stay."""
    batch = norm.statistics == "batch"
    by_batch = batch or (norm.statistics == "update" and norm.training)
    mean, var = (None, None) if batch else (norm.running_mean, norm.running_var)
    return ops.batch_norm(x, mean, var, gamma, beta, by_batch, 0.0, norm.eps)
