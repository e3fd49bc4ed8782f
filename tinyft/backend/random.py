"""Random numbers: always drawn on the host, so that CPU and GPU see the same ones."""

import numpy as np

from tinyft.backend.devices import default_device, device_of, to
from tinyft.backend.dtypes import float32, float64


def rng(seed=None):
    """Return a host generator; the same numbers reach every device."""
    return np.random.default_rng(seed)


def uniform(generator, shape, dtype, like=None):
    """Draw U[0, 1) of `dtype` on the host and move it to the device of `like`."""
    fine = np.dtype(dtype) == float64
    return _placed(generator.random(shape, dtype=float64 if fine else float32), like)


def normal(generator, shape, dtype, like=None):
    """Draw N(0, 1) of `dtype` on the host and move it to the device of `like`."""
    draw = generator.standard_normal
    fine = np.dtype(dtype) == float64
    return _placed(draw(shape, dtype=float64 if fine else float32), like)


def _placed(host, like):
    where = default_device() if like is None else device_of(like)
    return host if where == "cpu" else to(host, where)
