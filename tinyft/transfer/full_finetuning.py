"""How far fine-tuning has gone: the norm of the change of the parameters.

    |θ − θ0| = √(Σ_i |p_i − p0_i|²),   i over the model's own parameters            (1)

Gradient descent on least squares ends at the interpolant nearest to θ0 in this norm
(chapter 05), and L2-SP penalises its square (chapter 09). Buffers do not count: a
BatchNorm's running statistics move without any gradient, and by other units. A tied
parameter counts once.
"""

import math

from tinyft.nn import Module


def snapshot(model):
    """{name: copy of the array} of the model's own parameters as they are now."""
    return {name: p.data.copy() for name, p in model.named_base_parameters()}


def distance(model, start):
    """|θ − θ0| of (1), a Python number.

    start: what `snapshot` gave before training, or a model of the same shape, on
    the same device.
    Raises ValueError where names or shapes differ, or while an adapter is attached: its
    base does not move.
    """
    return math.sqrt(sum(d * d for d in distances(model, start).values()))


def distances(model, start):
    """{name: |p − p0|} for each parameter, in the model's order."""
    if any(True for _ in model.named_deltas()):
        raise ValueError(
            f"distance: {type(model).__name__} has an adapter, under which its own "
            "parameters do not move; peft.bake it first, then measure"
        )
    start = snapshot(start) if isinstance(start, Module) else dict(start)
    own = dict(model.named_base_parameters())
    _check(own, start)
    return {name: _norm(p.data, start[name]) for name, p in own.items()}


def _norm(now, start):
    moved = (now - start).ravel()
    return math.sqrt(float(moved @ moved))


def _check(own, start):
    odd = sorted(own.keys() ^ start.keys())
    odd = odd or [name for name, p in own.items() if p.shape != start[name].shape]
    if odd:
        raise ValueError(
            f"distance: start and model differ in {', '.join(odd[:4])}; take "
            "start = transfer.snapshot(model) before the first step, head included"
        )
