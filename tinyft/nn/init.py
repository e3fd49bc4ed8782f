"""Initialisers: fill a Parameter from a host generator. Names as torch.nn.init.

kaiming_uniform(a): U(-b, b), b = sqrt(6 / ((1 + a²) fan_in))     (He et al. 2015)
xavier_uniform:     U(-b, b), b = sqrt(6 / (fan_in + fan_out))    (Glorot, Bengio 2010)
`rng=None` draws from the default generator, which `tinyft.manual_seed(n)` seeds.
"""

import contextlib
import math

from tinyft import backend

_default = [backend.rng(0)]
_skip = [False]


@contextlib.contextmanager
def skipped():
    """Leave new parameters at zero inside the block: their values will be loaded."""
    before, _skip[0] = _skip[0], True
    try:
        yield
    finally:
        _skip[0] = before


def manual_seed(seed):
    """Seed the generator that layers use when they are given none. Returns it."""
    _default[0] = backend.rng(seed)
    return _default[0]


def generator(rng=None):
    """`rng`, a generator made of it if it is an integer seed, or the default one."""
    if rng is None:
        return _default[0]
    if isinstance(rng, int):
        return backend.rng(rng)
    if not hasattr(rng, "standard_normal"):
        raise TypeError(
            f"rng must be a numpy.random.Generator or an integer seed, got {rng!r}"
        )
    return rng


def seeded(rng=None):
    """What a module of several parts passes on: an integer seed as one generator, so
    that the parts differ; None stays None and means the default one at each draw."""
    return None if rng is None else generator(rng)


def uniform_(p, low=0.0, high=1.0, rng=None):
    """U[low, high)."""
    if _skip[0]:
        return p
    draw = backend.uniform(generator(rng), p.shape, p.dtype, p)
    p.data = (draw * (high - low) + low).astype(p.dtype)
    return p


def normal_(p, mean=0.0, std=1.0, rng=None):
    """N(mean, std²)."""
    if _skip[0]:
        return p
    draw = backend.normal(generator(rng), p.shape, p.dtype, p)
    p.data = (draw * std + mean).astype(p.dtype)
    return p


def zeros_(p):
    """0 everywhere."""
    return constant_(p, 0.0)


def ones_(p):
    """1 everywhere."""
    return constant_(p, 1.0)


def constant_(p, value):
    """`value` everywhere."""
    p.data = backend.xp_of(p.data).full_like(p.data, value)
    return p


def fans(shape):
    """(fan_in, fan_out) of a weight (out, in, *kernel)."""
    if len(shape) < 2:
        raise ValueError(f"fan_in and fan_out need 2 or more axes, got shape {shape}")
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


def kaiming_uniform_(p, a=0.0, rng=None):
    """U(-b, b), b = sqrt(6 / ((1 + a²) fan_in)); PyTorch's layers: a = sqrt(5)."""
    bound = math.sqrt(6.0 / ((1 + a * a) * max(1, fans(p.shape)[0])))
    return uniform_(p, -bound, bound, rng)


def kaiming_normal_(p, a=0.0, mode="fan_in", rng=None):
    """N(0, 2 / ((1 + a²) fan)); fan_out keeps the gradient's variance."""
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(
            f"kaiming_normal_: mode is 'fan_in' or 'fan_out', got {mode!r}"
        )
    fan = max(1, fans(p.shape)[mode == "fan_out"])
    return normal_(p, 0.0, math.sqrt(2.0 / ((1 + a * a) * fan)), rng)


def xavier_uniform_(p, gain=1.0, rng=None):
    """U(-b, b), b = gain sqrt(6 / (fan_in + fan_out))."""
    bound = gain * math.sqrt(6.0 / sum(fans(p.shape)))
    return uniform_(p, -bound, bound, rng)


def xavier_normal_(p, gain=1.0, rng=None):
    """N(0, gain² 2 / (fan_in + fan_out))."""
    return normal_(p, 0.0, gain * math.sqrt(2.0 / sum(fans(p.shape))), rng)
