"""Feature drift: how far what each layer puts out has moved in training.

    drift_l = |h_l(θ) − h_l(θ0)| / |h_l(θ0)|     over fixed inputs, all entries of h_l   (1)

In a deep linear net, to first order in the steps ΔW_j of ALL layers up to l,

    Δh_l = Σ_{j ≤ l} W_l ⋯ W_{j+1} ΔW_j h_{j−1}                                       (2)

so a layer that does not move itself drifts with those below it. Chapter 08b.
"""

import math

from tinyft.autograd import no_grad
from tinyft.transfer.discriminative_lr import stages
from tinyft.transfer.norms.watch import beside, watching


def features(model, x, names):
    """{name: output array of that submodule} for inputs x, in evaluation mode."""
    layers = {name: model.get_submodule(name) for name in names}
    with model.evaluating(), no_grad(), watching(layers, lambda x, y: y.data) as seen:
        model(beside(model, x))
    return {name: outputs[-1] if outputs else None for name, outputs in seen.items()}


class FeatureDrift:
    """|h_l(θ) − h_l(θ0)| / |h_l(θ0)| for fixed inputs x; θ0 as the model is now.

        drift = FeatureDrift(model, x, ["layer1", "layer2", "layer3", "fc"])
        ... train ...
        drift()         # {"layer1": 0.02, ...}, Python numbers

    names: submodules whose output h_l is watched (left out: the model's children that
    have parameters; a ModuleList's members). BatchNorm uses its running statistics, so
    their drift is included. Where h_l(θ0) = 0 it is 0 or infinite.
    """

    def __init__(self, model, x, names=None):
        if names is None:
            names = [name for name, ms in stages(model) for name in [_last(model, ms)]]
        self.model, self.x, self.names = model, x, list(names)
        self.start = features(model, x, self.names)

    def __call__(self):
        now = features(self.model, self.x, self.names)
        return {name: _relative(now[name], self.start[name]) for name in self.names}


def _last(model, modules):
    return next(name for name, m in model.named_modules() if m is modules[-1])


def _relative(now, start):
    moved, size = (float((a * a).sum()) for a in (now - start, start))
    if not size:  # features that were all 0
        return math.inf if moved else 0.0
    return math.sqrt(moved / size)
