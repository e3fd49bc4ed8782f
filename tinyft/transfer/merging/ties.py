"""TIES: trim each task vector, elect a sign per entry, average those that agree.

    1  τ̂_t = the ⌊ρN⌋ entries of τ_t that are largest in size, the others 0
    2  s_i  = sign(Σ_t τ̂_t,i),  + where the sum is 0
    3  τ_i  = mean of the τ̂_t,i that are not 0 and have the sign s_i;  0 if there is none

The sign is that of the larger mass, not of the larger number of tasks, and the mean
divides by those that agree, not by all tasks: λ = 1 then means one task, where a plain
sum has T. Two readings of step 1 are in use. trim="global" ranks all entries of a task
together (the paper's code), trim="tensor" keeps the share ρ in each tensor (Hugging Face
PEFT and mergekit); small and little moved tensors then keep what a global rank would drop.
PEFT multiplies by its weights after the election and still divides by the count: scale
the vectors before they come here instead. Source: Yadav et al. 2023 (arXiv 2306.01708).
"""

import itertools

from tinyft import backend
from tinyft.transfer.merging.states import check_alike

TRIMS = ("global", "tensor")


def ties(vectors, density=0.2, trim="global"):
    """{name: array}: one merged task vector; add_vectors(base, [it], λ) applies it.

    vectors: task vectors of one base. density: ρ in (0, 1], the share that is KEPT
    (DARE's p is the share dropped); at 1 nothing is trimmed. Raises ValueError for
    another density or trim, an empty list, or vectors whose names or shapes differ.
    """
    vectors = list(vectors)
    check_alike("ties", vectors)
    vectors = [trimmed(vector, density, trim) for vector in vectors]
    return {name: agreed([v[name] for v in vectors]) for name in vectors[0]}


def trimmed(vector, density, trim="global"):
    """Step 1: {name: array} with zeros; of equal sizes the earlier entry is kept."""
    if trim not in TRIMS or not 0 < density <= 1:
        raise ValueError(
            f"ties: density={density} should be in (0, 1], the share kept, and trim="
            f"{trim!r} one of {', '.join(TRIMS)}; density 0 would keep nothing"
        )
    if trim == "tensor":
        return {
            name: _top(x.ravel(), density).reshape(x.shape)
            for name, x in vector.items()
        }
    xs = list(vector.values())
    flat = _top(backend.xp_of(xs[0]).concatenate([x.ravel() for x in xs]), density)
    ends = list(itertools.accumulate(x.size for x in xs))
    parts = zip(vector.items(), ends)
    return {k: flat[end - x.size : end].reshape(x.shape) for (k, x), end in parts}


def agreed(arrays):
    """Steps 2 and 3 for the same tensor of every task: arrays of one shape."""
    xp = backend.xp_of(arrays[0])
    stack = xp.stack(arrays)
    sign = xp.where(stack.sum(axis=0) >= 0, 1, -1)
    agree = xp.sign(stack) == sign  # a zero agrees with nobody
    count = xp.maximum(agree.sum(axis=0), 1)
    return ((stack * agree).sum(axis=0) / count).astype(stack.dtype)


def _top(x, density):
    """x (N,) with all but its ⌊ρN⌋ largest entries set to 0."""
    kept = int(density * x.size + 1e-9)  # 0.57 * 100 is 56.99999999999999
    order = backend.xp_of(x).argsort(-abs(x), kind="stable")[:kept]
    y = 0 * x
    y[order] = x[order]
    return y
