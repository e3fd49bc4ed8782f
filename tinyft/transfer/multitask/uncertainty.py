"""Uncertainty weights: each task's noise σ_t² is trained, and 1/σ_t² is its weight.

    regression       ½ L_t/σ_t² + ½ log σ_t²       L_t mean squared residual            (1)
    classification     L_t/σ_t² + ½ log σ_t²       L_t cross-entropy                    (2)

(1) is the negative log-likelihood of a Gaussian, per output and without its constant; the
½ before L belongs to it alone. The parameter is s_t = log σ_t², so no weight can turn
negative. For fixed L the minimum is at σ_t² = L_t in (1), 2L_t in (2); there both are
½ log L_t + a constant, whose gradient ∇L_t/(2L_t) does not know the unit of L_t. A negative
value is right: log σ² is negative for σ² < 1. Source: Kendall, Gal, Cipolla 2018
(arXiv:1705.07115).
"""

import math

from tinyft import nn, ops
from tinyft.transfer.multitask.losses import check_tasks, checked_losses

FACTOR = {"regression": 0.5, "classification": 1.0}


class UncertaintyWeights(nn.Module):
    """Called on {task: scalar Tensor}, gives Σ_t of (1) or (2), a scalar Tensor.

    kinds   {task: "regression" or "classification"}, two tasks or more

    `log_variance` (T,) holds s_t, at first 0. Train it with the network, without weight
    decay. At a rate η Adam moves s by at most about η a step, and far less after the steep
    start of a large loss: call `start_at` first. Raises ValueError for one task, another
    kind, other tasks, or a loss that is no scalar.
    """

    def __init__(self, kinds):
        self.kinds = dict(kinds)
        if len(self.kinds) < 2:
            raise ValueError(
                f"UncertaintyWeights: {len(self.kinds)} task; two or more are needed, with "
                "one there is nothing to weigh"
            )
        for task, kind in self.kinds.items():
            _factor(f"UncertaintyWeights: the kind of {task!r}", kind)
        self.log_variance = nn.Parameter([0.0] * len(self.kinds))

    def forward(self, losses):
        """The weighted sum of the losses and of log σ²."""
        first, *rest = self.terms(losses).values()
        return sum(rest, first)

    def terms(self, losses):
        """{task: its term of (1) or (2)}: for PCGrad, which needs them apart."""
        losses = checked_losses("UncertaintyWeights", losses)
        check_tasks("UncertaintyWeights", losses, self.kinds)
        found = {}
        for i, (task, kind) in enumerate(self.kinds.items()):
            s = self.log_variance[i]
            found[task] = FACTOR[kind] * ops.exp(-s) * losses[task] + 0.5 * s
        return found

    def start_at(self, losses):
        """Set every s_t to its minimum for these losses, {task: number or Tensor} > 0."""
        check_tasks("UncertaintyWeights.start_at", losses, self.kinds)
        best = [best_variance(losses[task], kind) for task, kind in self.kinds.items()]
        for i, variance in enumerate(best):
            self.log_variance.data[i] = math.log(variance)

    def variances(self):
        """{task: σ_t²}, Python numbers."""
        return {
            task: math.exp(float(s))
            for task, s in zip(self.kinds, self.log_variance.numpy())
        }


def best_variance(loss, kind):
    """The σ² that minimises (1) or (2) for a fixed loss > 0: L, or 2L. A Python number."""
    value = loss.item() if hasattr(loss, "item") else float(loss)
    if not 0 < value < math.inf:
        raise ValueError(
            f"best_variance: the loss is {value}; it should be finite and > 0. At 0 or "
            "below σ² → 0 makes the term fall without end"
        )
    return 2 * _factor("best_variance: kind", kind) * value


def _factor(what, kind):
    if kind not in FACTOR:
        raise ValueError(f"{what} is {kind!r}; it should be one of {', '.join(FACTOR)}")
    return FACTOR[kind]
