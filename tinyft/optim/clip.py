"""Gradient clipping: a bound on the norm of all gradients together, or on each entry.

    g <- g min(1, max_norm / (|g| + 1e-6)),     |g| over all parameters as one vector

Clipping by the norm keeps the direction; by the value it does not. Source: Pascanu,
Mikolov and Bengio 2013 (arXiv:1211.5063); the constant 1e-6 is PyTorch's.
"""

import math

from tinyft import backend, ops
from tinyft.autograd import Tensor


def clip_grad_norm(params, max_norm, norm=2.0):
    """Scale the gradients in place so that their joint norm is at most `max_norm`.

    norm: 2.0, or math.inf for the largest entry. Returns the norm before clipping, a
    0-d Tensor on the gradients' device (no synchronisation), float32 for float16. If it
    is NaN or infinite, so are the gradients afterwards: nothing hides behind a zero.
    Raises ValueError for another norm or max_norm <= 0.
    """
    if norm not in (2.0, math.inf) or not max_norm > 0:
        raise ValueError(
            f"clip_grad_norm(max_norm={max_norm}, norm={norm}): max_norm should be > 0 "
            "and norm 2.0 or math.inf"
        )
    grads = _gradients(params)
    if not grads:
        return Tensor(0.0)
    total = _norm([g.data for g in grads], norm)
    if backend.device_of(total) == "cpu" and total + 1e-6 <= max_norm:
        return Tensor(total)  # the factor would be exactly 1
    xp = backend.xp_of(total)
    scale = xp.minimum(float(max_norm) / (total + 1e-6), 1.0)
    scale = xp.where(xp.isfinite(total), scale, xp.asarray(math.nan, scale.dtype))
    for g in grads:
        array = g.data
        array *= scale
        g._version[0] += 1
    return Tensor(total)


def clip_grad_value(params, value):
    """Clip every entry of the gradients to [-value, value], in place."""
    if not value > 0:
        raise ValueError(f"clip_grad_value(value={value}): value should be > 0")
    for g in _gradients(params):
        backend.xp_of(g.data).clip(g.data, -value, value, out=g.data)
        g._version[0] += 1


def _gradients(params):
    params = [params] if isinstance(params, Tensor) else params
    return [p.grad for p in params if p.grad is not None]


def _norm(arrays, norm):
    xp = backend.xp_of(arrays[0])
    if norm == math.inf:
        return xp.stack([abs(g).max() for g in arrays]).max()
    flat = [_at_least_float32(g.reshape(-1)) for g in arrays]
    with backend.errstate(flat[0], over="ignore"):
        total = xp.sqrt(sum(g @ g for g in flat))  # BLAS: one pass, nothing written
    if backend.device_of(total) == "cpu" and not 1e-18 < total < math.inf:
        total = xp.asarray(math.hypot(*[ops.norm(g).item() for g in flat]), total.dtype)
    return total


def _at_least_float32(g):
    return g.astype(backend.float32) if g.dtype == backend.float16 else g
