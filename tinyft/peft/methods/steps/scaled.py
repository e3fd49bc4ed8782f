"""Scaled gradients of LoRA, and LoRA-FA, which trains B alone (Zhang et al. 2023).

With G = ∂L/∂W', g_A = s BᵀG and g_B = s G Aᵀ, the scaled ("Riemannian") gradients are

    g̃_B = g_B (A Aᵀ)⁺/s²,   g̃_A = (BᵀB)⁺ g_A/s²:   s g̃_B A = G P_A,   s B g̃_A = P_B G

G on the row space of A and on the column space of B. To first order the change of W' is
the same for every (M⁻¹A, B M) of one product, which plain gradients are only for
orthogonal M. The part P_B G P_A is counted twice. Sources: Tong, Ma, Chi 2021 (scaled
gradient descent); Zhang, Pilanci 2024 (LoRA). The pseudo-inverse gives g̃_A = 0 at B = 0.
"""

from tinyft import backend, nn
from tinyft.peft.methods.lora import LoRA
from tinyft.peft.methods.pissa import PiSSA


def lora_fa(adapter):
    """LoRA-FA: freeze every A; returns the parameters that still train.

    A site then keeps r numbers per token for the backward pass instead of in + r. Call
    `scaled_gradients(adapter)` before each step for the authors' preconditioner. Raises
    ValueError on an Embedding, where A starts at zero and nothing would ever change.
    """
    deltas = _products("lora_fa", adapter)
    for path, delta in deltas.items():
        if isinstance(delta.site, nn.Embedding):
            raise ValueError(
                f"lora_fa: {path!r} is an Embedding, where A starts at zero; frozen, it "
                "would stay zero, and so would the change. Leave it out of the target"
            )
    for delta in deltas.values():
        delta.A.requires_grad_(False)
    return [p for p in adapter.parameters() if p.requires_grad]


def scaled_gradients(adapter, damping=0.0):
    """Replace each .grad of A and B by its scaled form: before the optimiser's step.

    damping: δ of (A Aᵀ + δ I)⁻¹; it breaks the invariance, and is not scale-free. With
    SGD a rate of 1 is a full step on a white quadratic loss; Adam rescales every entry
    again, and the invariance is lost.
    """
    if not damping >= 0:
        raise ValueError(f"scaled_gradients: damping must be >= 0, got {damping!r}")
    for delta in _products("scaled_gradients", adapter).values():
        A, B = (p.data.reshape((len(p), -1)) for p in (delta.A, delta.B))
        for p, left, right in (
            (delta.A, _inverse(B.T @ B, damping), None),
            (delta.B, None, _inverse(A @ A.T, damping)),
        ):
            if p.grad is not None:
                g = p.grad.data.reshape((len(p), -1)) / delta.scale**2
                p.grad.data = (left @ g if right is None else g @ right).reshape(
                    p.shape
                )


def _products(call, adapter):
    """{path: delta} of the LoRAs; ValueError if there is none, or one of another form."""
    deltas = {p: d for p, d in adapter.deltas.items() if isinstance(d, LoRA)}
    others = [
        d for d in deltas.values() if type(d).weight not in (LoRA.weight, PiSSA.weight)
    ]
    if others or not deltas:
        kind = type((others or [adapter.template])[0]).__name__
        raise ValueError(
            f"{call}: expected a LoRA, whose change is s B A, not a {kind}"
        )
    return deltas


def _inverse(gram, damping):
    """(gram + δ I)⁺ by its eigenvalues; those at rounding level count as zero."""
    xp, linalg = backend.xp_of(gram), backend.linalg_of("scaled_gradients", gram)
    values, Q = linalg.eigh(gram + damping * xp.eye(len(gram), dtype=gram.dtype))
    there = values > len(gram) * xp.finfo(gram.dtype).eps * abs(values).max()
    return Q * xp.where(there, 1 / xp.where(there, values, 1), 0) @ Q.T
