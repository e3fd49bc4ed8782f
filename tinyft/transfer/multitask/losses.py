"""Losses of several tasks, {task: scalar Tensor}, and their weighted sum.

    L = Σ_t a_t L_t,   a_t ≥ 0                                                       (1)

All a_t = 1 is the plain sum: the baseline that most other weightings were not shown to
beat once both are tuned (Kurin et al. 2022; Xin et al. 2022).
"""

import math
from numbers import Real

from tinyft.autograd import Tensor


def weighted_sum(losses, weights=None):
    """Σ_t a_t L_t of (1), a scalar Tensor.

    losses    {task: scalar Tensor}, two tasks or more
    weights   {task: a_t ≥ 0}, the same tasks; by default all 1, the plain sum

    Raises ValueError for one task, a loss that is no scalar, a missing or unknown task,
    and a weight that is negative or not finite.
    """
    losses = checked_losses("weighted_sum", losses)
    weights = dict.fromkeys(losses, 1.0) if weights is None else dict(weights)
    check_tasks("weighted_sum(weights)", weights, losses)
    for task, a in weights.items():
        if not (isinstance(a, Real) and 0 <= a < math.inf):
            raise ValueError(
                f"weighted_sum: the weight of {task!r} is {a!r}; it should be a finite "
                "number >= 0. A negative one would train the network to fail at that task"
            )
    if not any(weights.values()):
        raise ValueError("weighted_sum: all weights are 0, so nothing would train")
    first, *rest = (float(weights[task]) * loss for task, loss in losses.items())
    return sum(rest, first)


def checked_losses(caller, losses):
    """{task: loss} as a dict, if it holds two scalar Tensors or more."""
    if isinstance(losses, Tensor) or not hasattr(losses, "items"):
        raise ValueError(
            f"{caller}: expected losses as {{task: scalar Tensor}}, got "
            f"{type(losses).__name__}. A sum of losses will not do: after one joint "
            "backward pass nobody can tell the tasks' gradients apart"
        )
    losses = dict(losses)
    if len(losses) < 2:
        raise ValueError(
            f"{caller}: {len(losses)} task ({', '.join(map(str, losses)) or 'none'}); "
            "two or more are needed. With one there is nothing to weigh: call "
            "loss.backward()"
        )
    for task, loss in losses.items():
        if not isinstance(loss, Tensor) or loss.size != 1:
            got = f"shape {loss.shape}" if isinstance(loss, Tensor) else repr(loss)
            raise ValueError(
                f"{caller}: the loss of {task!r} should be a scalar Tensor, got {got}; "
                "take the mean over its examples first"
            )
    return losses


def check_tasks(caller, given, wanted):
    """ValueError unless two mappings have the same tasks."""
    missing, unknown = set(wanted) - set(given), set(given) - set(wanted)
    if missing or unknown:
        raise ValueError(
            f"{caller}: missing {sorted(map(str, missing))}, unknown "
            f"{sorted(map(str, unknown))}; the tasks are {', '.join(map(str, wanted))}"
        )
