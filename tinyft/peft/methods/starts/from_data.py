"""Starts of LoRA from data: LoRA-GA, EVA, and CorDA with the square root it needs.

    LoRA-GA   G = U S Vᵀ = ∂L/∂W:  A₀ = V_{1..r}ᵀ, B₀ = U_{r+1..2r}. The first SGD step is
              −η s² (G A₀ᵀA₀ + B₀B₀ᵀG), the best approximation of G of rank 2r, to O(η²)
    EVA       inputs X = U S Vᵀ, one per row, not centred:  A₀ = V_{1..r}ᵀ, B₀ = 0
    CorDA     W' of rank r closest to W on the inputs, min ‖X (W − W')ᵀ‖:  s B₀A₀ =
              U_r U_rᵀ W, U of the SVD of W C^½, C = XᵀX. The paper has C for C^½ and
              inverts it. X = Q R gives the same U from W Rᵀ, for a C of any rank.

X is never kept: R is updated batch by batch, and has at most `in` rows. Sources: Wang, Yu,
Li 2024; Paischer et al. 2024; Yang et al. 2024, corrected as in COALA (2025).
"""

import functools

from tinyft import backend
from tinyft.peft.methods.starts.collect import gradients, inputs


def start_from(adapter, how, batches, loss_fn=None):
    """Set the start of a LoRA from batches, before any training. Returns adapter.

    how: "lora_ga", "eva" or "corda". batches: tuples (x, ...); loss_fn(model, *batch),
    needed for "lora_ga" only, is averaged over them. Both see the base, every
    adapter off. adapter: of peft.OffsetLoRA; "eva" and "corda" on Linear layers.
    """
    _check(adapter, how, loss_fn)
    read = functools.partial(gradients, loss_fn=loss_fn) if loss_fn else inputs
    found = read(adapter, batches)
    made = [STARTS[how](delta, found[p]) for p, delta in adapter.deltas.items()]
    for delta, start in zip(adapter.deltas.values(), made):  # a refusal changes nothing
        delta.restart(*start)
    return adapter


def lora_ga(delta, G):
    U, _, Vt = _svd(delta, G, 2 * delta.r)
    return Vt[: delta.r], U[:, delta.r : 2 * delta.r]


def eva(delta, R):
    Vt = _svd(delta, R, delta.r)[2]
    return Vt[: delta.r], 0 * delta.B.data


def corda(delta, R):
    W = delta.site.parameter("weight").data
    U = _svd(delta, W @ R.T, delta.r)[0][:, : delta.r]
    kept = U.T @ W  # (r, in); its rows have the norms n: both factors get √n
    root = ((kept**2).sum(axis=1) ** 0.5 / delta.scale) ** 0.5
    tiny = backend.xp_of(W).finfo(W.dtype).tiny ** 0.5
    return kept / (delta.scale * (root + tiny))[:, None], U * root


STARTS = {"lora_ga": lora_ga, "eva": eva, "corda": corda}


def _svd(delta, matrix, needed):
    if needed > min(matrix.shape):
        raise ValueError(
            f"start_from at {delta.path!r}: {needed} singular vectors are needed, and a "
            f"{matrix.shape} matrix has fewer; give more rows of input, or a smaller r"
        )
    return backend.linalg_of("start_from", matrix).svd(matrix, full_matrices=False)


def _check(adapter, how, loss_fn):
    if how not in STARTS or (how == "lora_ga") != (loss_fn is not None):
        raise ValueError(
            f"start_from(how={how!r}): expected 'eva' or 'corda' without a loss_fn, or "
            "'lora_ga' with loss_fn(model, *batch)"
        )
    for path, delta in adapter.deltas.items():
        if not hasattr(delta, "restart") or delta.merged:
            what = "merged" if delta.merged else f"a {type(delta).__name__}"
            raise ValueError(
                f"start_from: {path!r} is {what}; attach peft.OffsetLoRA(r, alpha), and "
                "call this before training and before any merge"
            )
