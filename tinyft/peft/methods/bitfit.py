"""BitFit: train the biases and nothing else, b' = b + s δ (Ben Zaken et al. 2022).

δ = 0 at the start. The biases are less than 0.1 % of most models. LoRA's options
`lora_bias` and `bias` put trained biases beside its matrices: `trained_biases`.
"""

from tinyft.nn.shape import zeros
from tinyft.peft.delta import Delta
from tinyft.peft.full import Full
from tinyft.peft.layout import on_output


class BitFit(Delta, kind="BITFIT"):
    """b' = b + s δ on every module that has a bias (by default all of them); s = 1."""

    changes, factored, sites = ("bias",), True, ".*"
    formula, where = "b' = b + δ", "any layer with a bias"
    counts, chapter = "out", "13_bitfit"

    def __init__(self, scale=1.0):
        """s is 1 except beside a LoRA, which scales its own bias by α/r."""

    def fits(self, module):
        return module._parameters.get("bias") is not None and not module._modules

    def build(self, module, rng):
        shape, dtype, _ = module.weight_spec("bias")
        self.b = zeros(shape, dtype)

    def bias(self, b):
        return b + self._step()

    def output(self, x, y):
        return y + on_output(self.site, self._step(), y)

    def _step(self):
        return self.b if self.scale == 1 else self.scale * self.b


def trained_biases(model, deltas, options):
    """[(path, Delta)] of the biases that train beside `deltas`, {path: LoRA}.

    options: lora_bias, bias' = bias + s b at each site; bias: "none"; "lora_only", whole
    copies at the sites; "all", whole copies everywhere.
    """
    lora_bias, which = options.get("lora_bias"), options.get("bias", "none")
    biased = {p: m for p, m in model.named_modules() if BitFit().fits(m)}
    without = [path for path in deltas if path not in biased]
    if lora_bias and without:
        raise ValueError(f"LoRA(lora_bias=True): {without[0]!r} has no bias to change")
    whole = {"none": (), "lora_only": deltas, "all": biased}[which]
    copies = [(path, Full(only=("bias",))) for path in whole if path in biased]
    steps = [(path, BitFit(d.scale)) for path, d in deltas.items()]
    return copies + (steps if lora_bias else [])
