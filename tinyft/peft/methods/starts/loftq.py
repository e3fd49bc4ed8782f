"""LoftQ: a 4-bit base and a LoRA start that share the weight out (Li et al. 2023).

    Q_t = quantise(W − s B_{t−1} A_{t−1}),   B_0 A_0 = 0                              (1)
    s B_t A_t = [W − Q_t]_r,   the first r singular triplets: Eckart–Young            (2)

One round is q(W) and the best rank-r repair of its rounding. (2) never increases
‖W − Q − s B A‖; (1) can: the scale of a block is its maximum, not the best scale, and
follows what (2) has just changed. So more rounds help on average and not always; the
errors of every half-step come back. With several rounds the base is not q(W): adapter and
base belong together. A and B each get the square roots of the singular values.
"""

from tinyft import backend, nn
from tinyft.nn.packed.convert import pack
from tinyft.quantise import dequantise, quantise


def loftq(adapter, rounds=1, block=64, code="nf4", double=None):
    """Quantise the adapter's sites, in place, and set A and B to repair the rounding.

    adapter: a LoRA on Linear layers in floats, before any training. rounds: of (1) and
    (2), 1 or more (PEFT's loftq_iter). block, code, double: as nn.quantise_linears.
    Returns {path: [‖W − Q_1‖, ‖W − Q_1 − s B_1 A_1‖, ‖W − Q_2 − s B_1 A_1‖, …]}, 2·rounds
    Frobenius norms. Raises ValueError for another method or layer, one that is trained,
    merged or in 4 bits already, and as quantise does; nothing is changed then.
    """
    if type(rounds) is not int or rounds < 1:
        raise ValueError(f"loftq: rounds must be a whole number >= 1, got {rounds!r}")
    for path, delta in adapter.deltas.items():
        _check(path, delta)
    made = {
        path: _alternate(delta, rounds, (block, code, double))
        for path, delta in adapter.deltas.items()
    }
    for path, (packed, A, B, _) in made.items():
        delta = adapter.deltas[path]
        delta.A.data, delta.B.data = A, B
        pack(delta.site, packed)
    return {path: errors for path, (_, _, _, errors) in made.items()}


def _alternate(delta, rounds, options):
    W, errors, change = delta.site.parameter("weight").data, [], 0.0
    for _ in range(rounds):
        packed = quantise(W - change, *options)
        rest = W - dequantise(packed, W.dtype)
        errors.append(_norm(rest - change))
        A, B = _best(delta, rest)
        change = delta.scale * (B @ A)
        errors.append(_norm(rest - change))
    return packed, A, B, errors


def _best(delta, rest):
    """A and B of (2)."""
    U, S, Vt = backend.linalg_of("loftq", rest).svd(rest, full_matrices=False)
    root = (S[: delta.r] / delta.scale) ** 0.5
    return root[:, None] * Vt[: delta.r], U[:, : delta.r] * root


def _norm(matrix):
    return float((matrix**2).sum()) ** 0.5


def _check(path, delta):
    dense = type(delta.site) is nn.Linear and delta.kind == "LORA"
    if not dense or delta.merged or bool((delta.B.data != 0).any()):
        raise ValueError(
            f"loftq: {path!r} is {type(delta).__name__} on {type(delta.site).__name__}"
            f"{', merged' * delta.merged}; expected a peft.LoRA on Linear layers that are "
            "not yet in 4 bits, before training (B = 0). loftq quantises them itself"
        )
