"""combine: one LoRA that is the weighted sum of several, ΔW = Σ w_i s_i B_i A_i.

    cat   [w_1 s_1 B_1, ..., w_n s_n B_n] [A_1; ...; A_n]     exact, of rank Σ r_i
    svd   the best rank-r approximation of the sum; what it misses is the tail of the
          singular values, ‖ΔW − ΔW_r‖_F = sqrt(Σ_{i>r} σ_i²)  (Eckart, Young 1936)

Averaging the factors ("linear") is not the sum: (Σ B_i)(Σ A_j) has all the cross terms
B_i A_j too, a relative error of 0.84 for two random adapters (huggingface/peft#3004).
The SVD is taken of a core of size Σ r_i: B = Q_b R_b, Aᵀ = Q_a R_a, U S Vᵀ = R_b R_aᵀ.
"""

import math
from collections.abc import Iterable
from numbers import Real

from tinyft import backend
from tinyft.autograd import no_grad
from tinyft.peft.acting import switch
from tinyft.peft.adapter import Adapter
from tinyft.peft.attach import put
from tinyft.peft.delta import registry


def combine(adapters, weights=None, how="cat", rank=None, name="combined"):
    """Attach Σ w_i · adapter_i as one LoRA adapter, and let it alone act.

    adapters: of one model, by LoRA, PiSSA or VeRA, on any sites. weights: 1 for each by
    default, negative ones subtract. rank: of "svd", by default the largest part's.
    Returns the Adapter; `.error` is {path: ‖ΔW − ΔW_r‖_F}, zero for "cat".
    Raises ValueError for how="linear", and for adapters that are not products.
    """
    adapters = _adapters(adapters)
    weights = _numbers(weights, len(adapters))
    _check(adapters, how, rank)
    with no_grad():
        sums = {path: _stacked(adapters, weights, path) for path in _paths(adapters)}
    model, error = adapters[0].model, dict.fromkeys(sums, 0.0)
    if how == "svd":
        largest = max(d.r for a in adapters for d in a.deltas.values())
        for path, (A, B) in sums.items():
            *sums[path], error[path] = truncate(A, B, largest if rank is None else rank)
    ranks = {path: len(A) for path, (A, B) in sums.items()}
    top = max(ranks.values())
    made = put(
        model,
        registry["LORA"](top, top),  # α = r everywhere: s = 1
        {path: model.get_submodule(path) for path in sums},
        name,
        changes={path: {"r": r, "alpha": r} for path, r in ranks.items()},
        target=list(sums),
    )
    for path, (A, B) in sums.items():
        delta = made.deltas[path]
        delta.A.data, delta.B.data = A.reshape(delta.A.shape), B.reshape(delta.B.shape)
    switch(model, name)
    made.error = error
    return made


def truncate(A, B, rank):
    """The best factors of rank at most `rank` of B A, and the error: (A, B, error).

    A (R, in) and B (out, R) arrays. Both factors get the root of the singular values.
    """
    if not isinstance(rank, int) or rank < 1:
        raise ValueError(f"combine: rank must be a positive integer, got {rank!r}")
    linalg = backend.linalg_of("combine", A)
    (Qb, Rb), (Qa, Ra) = linalg.qr(B), linalg.qr(A.T)
    U, S, Vt = linalg.svd(Rb @ Ra.T, full_matrices=False)
    root = S[:rank] ** 0.5
    error = math.sqrt(float((S[rank:] ** 2).sum()))
    return root[:, None] * (Vt[:rank] @ Qa.T), (Qb @ U[:, :rank]) * root, error


def _adapters(adapters):
    adapters = list(adapters) if isinstance(adapters, (list, tuple)) else [adapters]
    good = adapters and all(isinstance(a, Adapter) for a in adapters)
    if not good or len({id(a.model) for a in adapters}) > 1:
        raise ValueError(
            "combine: expected a list of adapters of one model, as attach() returned "
            f"them, got {adapters!r}"
        )
    return adapters


def _numbers(weights, count):
    if weights is None:
        return [1.0] * count
    weights = list(weights) if isinstance(weights, Iterable) else [weights]
    if len(weights) != count:
        raise ValueError(f"combine: {len(weights)} weights for {count} adapters")
    if not all(isinstance(w, Real) and math.isfinite(w) for w in weights):
        raise ValueError(f"combine: weights are finite numbers, got {weights!r}")
    return [float(w) for w in weights]  # a NumPy scalar would promote float32


def _check(adapters, how, rank):
    if how == "linear":
        raise ValueError(
            "combine(how='linear'): averaging the factors A and B is not the average of "
            "the products, it adds the cross terms B_i A_j; use how='cat' (exact) or "
            "how='svd' (of a rank you choose, with its error)"
        )
    if how not in ("cat", "svd"):
        raise ValueError(f"combine: how is 'cat' or 'svd', got {how!r}")
    if how == "cat" and rank is not None:
        raise ValueError(
            "combine: how='cat' has the sum of the ranks; rank is of how='svd'"
        )
    for adapter in adapters:
        for path, d in adapter.deltas.items():
            if getattr(d, "factors", None) is None:
                raise ValueError(
                    f"combine: {type(d).__name__} of adapter {adapter.name!r} at {path!r} "
                    "is not a product B A, so there is no sum of factors"
                )


def _paths(adapters):
    return list(dict.fromkeys(path for a in adapters for path in a.deltas))


def _stacked(adapters, weights, path):
    """A (Σ r, in) and B (out, Σ r) of the weighted sum at one site, as arrays."""
    parts = [
        (w, a.deltas[path].factors())
        for w, a in zip(weights, adapters)
        if path in a.deltas
    ]
    xp = backend.xp_of(parts[0][1][0].data)
    A = xp.concatenate([A.data for _, (A, _) in parts], axis=0)
    return A, xp.concatenate([w * B.data for w, (_, B) in parts], axis=1)
