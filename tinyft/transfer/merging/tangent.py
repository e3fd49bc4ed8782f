"""The model that is linear in its weights: where task arithmetic is exact.

    f(θ0) + J τ,   J = ∂f/∂θ at θ0
    J τ = ∂/∂u ⟨Jᵀu, τ⟩:  two backward passes, no column of J                        (1)

J τ is linear in τ, so J(τ_1 + τ_2) = J τ_1 + J τ_2. What a real network adds, f(θ0 + τ)
minus this, is how far fine-tuning has left the linear regime.
Sources: Ortiz-Jimenez et al. 2023 (arXiv 2305.12827); (1): Townsend 2017.
"""

from tinyft.autograd import Tensor, grad
from tinyft.transfer.merging.states import check_fits


def tangent(model, x, vector):
    """J τ for inputs x, an array of the model's output shape; the mode is evaluation's.

    vector: τ, names and shapes of the model's parameters; a parameter that it lacks
    stays. Raises ValueError for a name that the model lacks, or one that is frozen, and
    the error of autograd for an operation without a second derivative.
    """
    named = dict(model.named_base_parameters())
    shapes = {name: p.data for name, p in named.items()}
    check_fits("tangent", vector, shapes, "the vector", "the model")
    frozen = [name for name in vector if not named[name].requires_grad]
    if frozen or not vector:
        raise ValueError(
            f"tangent: no gradient reaches {', '.join(frozen[:4]) or 'an empty vector'}; "
            "unfreeze the parameters that moved: model.requires_grad_(True)"
        )
    with model.evaluating():
        y = model(x)
    u = Tensor(0 * y.data, requires_grad=True)
    moved = [named[name] for name in vector]
    gs = grad(y, moved, [u], create_graph=True, allow_unused=True)
    pairs = [(g, t) for g, t in zip(gs, vector.values()) if g is not None]
    return grad(sum((g * Tensor(t)).sum() for g, t in pairs), u).data
