"""The change ΔW that a training run has made: its singular values, and cut to rank r.

delta = changes(tuned, base, pattern)      {path: ΔW as a matrix}
energy(delta)                              how concentrated it is
add_cut(base, delta, r)                    the base with every ΔW cut to rank r
"""

import numpy as np

from tinyft import tensor
from tinyft.nn.select import matches


def changes(model, base, target):
    """{path: ΔW, flat (out, ...), on the host} of the modules that `target` names."""
    return {
        path: flat(module.weight) - flat(base.get_submodule(path).weight)
        for path, module in model.named_modules()
        if matches(path, target)
    }


def flat(weight):
    """A weight of any layer as a host matrix (out, ...)."""
    return weight.numpy().reshape(len(weight), -1)


def energy(delta):
    """The share of ‖ΔW‖² in the first 0, 1, 2, ... directions, mean over the matrices.

    delta: {path: ΔW}, all with the same number of singular values.
    """
    sigma = [np.linalg.svd(D, compute_uv=False) for D in delta.values()]
    shares = [np.cumsum(v**2) / np.sum(v**2) for v in sigma]
    return np.r_[0.0, np.mean(shares, axis=0)]


def noise_like(delta, rng):
    """{path: a Gaussian matrix of the shape of ΔW}."""
    return {path: rng.normal(size=D.shape) for path, D in delta.items()}


def truncated(D, r):
    """The best approximation of rank r, by the SVD (Eckart, Young 1936)."""
    U, S, Vt = np.linalg.svd(D, full_matrices=False)
    return (U[:, :r] * S[:r]) @ Vt[:r]


def add_cut(model, changes, r):
    """Add to each weight of `model` its change, cut to rank r; returns model."""
    for path, D in changes.items():
        p = model.get_submodule(path).weight
        p.data = p.data + tensor(truncated(D, r).reshape(p.shape)).data
    return model
