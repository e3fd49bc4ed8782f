"""Task arithmetic: what fine-tuning added, as a vector that can be scaled and summed.

    τ_t = θ_t − θ0,      θ = θ0 + Σ_t λ_t τ_t          λ < 0: the task is subtracted

Exact in the model that is linear in its weights, where f(θ0 + τ_1 + τ_2) − f(θ0) is the
sum of both changes (`tangent`); the result is joint fine-tuning only if the tasks do
not touch each other's inputs, X_1 X_2ᵀ = 0. A vector holds parameters, a tied one once,
and no running statistics: recompute these (`batchnorm`) after adding.
Sources: Ilharco et al. 2022 (arXiv 2212.04089); Ortiz-Jimenez et al. 2023 (2305.12827).
"""

import math

from tinyft.nn import Module
from tinyft.transfer.merging.states import (
    check_alike,
    check_finite,
    check_fits,
    numbers,
    parameters_of,
    state_of,
)


def task_vector(tuned, base):
    """{name: θ − θ0} of two models, or of two dicts of parameters (`snapshot`).

    Raises ValueError where names or shapes differ, as two heads do, or for NaN.
    """
    after, before = (parameters_of("task_vector", m) for m in (tuned, base))
    check_fits("task_vector", after, before, "the tuned model", "the base")
    check_fits("task_vector", before, after, "the base", "the tuned model")
    check_finite("task_vector", [after, before])
    return {name: x - before[name] for name, x in after.items()}


def add_vectors(base, vectors, weights=1.0):
    """The state θ0 + Σ λ_t τ_t: everything that `base`, a model or a state, holds.

    vectors: a list; a name that a vector lacks stays. weights: λ, one for all or one per
    vector; negative ones subtract. Raises ValueError for an empty list, a name that the
    base lacks, another shape, or weights that are not finite.
    """
    state, tied = state_of("add_vectors", base), _first_names(base)
    vectors = list(vectors)
    if not vectors:
        raise ValueError("add_vectors: the list of vectors is empty; give one or more")
    weights = numbers("add_vectors", weights, len(vectors))
    check_finite("add_vectors", vectors)
    for i, vector in enumerate(vectors):
        check_fits("add_vectors", vector, state, f"vector {i}", "the base")
    return {
        name: _moved(x, tied.get(name, name), vectors, weights)
        for name, x in state.items()
    }


def similarity(one, other):
    """cos(τ_1, τ_2) over all entries, a float; 0 if either is zero.

    In high dimensions unrelated vectors are close to 0, so 0.1 already says something.
    """
    check_alike("similarity", [one, other])
    norms = math.sqrt(_dot(one, one) * _dot(other, other))
    return _dot(one, other) / norms if norms else 0.0


def _moved(x, name, vectors, weights):
    for vector, weight in zip(vectors, weights):
        x = x + weight * vector[name] if name in vector else x
    return x.copy()


def _first_names(base):
    """{name in the state: name of the parameter}, which differ where weights are tied."""
    if not isinstance(base, Module):
        return {}
    first = {id(p.data): name for name, p in base.named_base_parameters()}
    return {k: first.get(id(x.data), k) for k, x in base.state_dict().items()}


def _dot(one, other):
    return sum(float(one[k].ravel() @ other[k].ravel()) for k in one)
