"""What merging an adapter into 4 bits would lose: ΔW against half a level.

    R = quantise(Ŵ + ΔW) with the layer's own block and code book                     (1)

    lost    ‖R − (Ŵ + ΔW)‖ / ‖ΔW‖           1: the rounding is as large as the adapter
    kept    ⟨R − Ŵ, ΔW⟩ / ‖ΔW‖²             1: all of it survives in its own direction
    moved   the share of weights whose code changes

Norms are Frobenius norms. A fine-tuned ΔW is far smaller than the distance between two
levels, so most weights round back to where they were (huggingface/peft#2321).
"""

import math
from typing import NamedTuple

from tinyft.autograd.mode import no_grad
from tinyft.quantise import dequantise, quantise


class Loss(NamedTuple):
    """The three numbers of (1) at one site."""

    lost: float
    kept: float
    moved: float


def merging_error(model):
    """{path: (lost, kept, moved)} of (1) for each 4-bit layer with an active adapter.

    Nothing is changed. Where ΔW is zero lost is 0 and kept is 1. Raises ValueError if no
    weight in 4 bits has an active adapter.
    """
    sites = {p: m for p, m in model.named_modules() if m.packed_size and m.deltas()}
    if not sites:
        raise ValueError(
            "merging_error: no layer in 4 bits with an active adapter; quantise with "
            "nn.quantise_linears(model) and attach one first"
        )
    for path, module in sites.items():
        if not hasattr(module, "pack"):
            raise ValueError(
                f"merging_error: {path}.weight is kept in {module.packed_in}, which are "
                "read here and not made, so there is no rounding to measure"
            )
    with no_grad():
        return {path: _loss(module) for path, module in sites.items()}


def _loss(module):
    before = module.packed
    W, adapted = module.parameter("weight").data, module.weight.data
    double = before.nested is not None
    after = quantise(adapted, before.block, before.code, double)
    R, change = dequantise(after, W.dtype), adapted - W
    size = float((change**2).sum())
    if not size:
        return Loss(0.0, 1.0, 0.0)
    lost = math.sqrt(float(((R - adapted) ** 2).sum()) / size)
    kept = float(((R - W) * change).sum()) / size
    return Loss(lost, kept, _moved(before.codes, after.codes))


def _moved(before, after):
    high, low = before // 16 != after // 16, before % 16 != after % 16
    return float(high.mean() + low.mean()) / 2
