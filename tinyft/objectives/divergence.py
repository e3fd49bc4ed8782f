"""How far a policy has moved: three estimates of KL(π‖ref) from samples, and denominators.

    ℓ = log π(y) − log ref(y),   y ~ π
    k1 = ℓ        k2 = ℓ²/2        k3 = e^−ℓ − 1 + ℓ                                    (1)

As values: E k1 = E k3 = KL(π‖ref), E k2 is not. As a loss, its samples being fixed:

    ∇k1 → 0    ∇k2 → ∇KL(π‖ref)    ∇k3 → ∇KL(ref‖π)    ∇ρk1, ∇ρk3 → ∇KL(π‖ref)         (2)

(in expectation), with ρ = π/π_old, 1 in value on the policy that sampled, whose gradient
says that other samples would have come. Per token, (2) holds at the states visited; that
the policy also changes which states it visits is left to k1 in the reward, which is
exact. Sources: Schulman 2020 (k1, k2, k3); Liu et al. 2025 (arXiv:2512.21852).
"""

from tinyft import backend, ops
from tinyft.autograd import Tensor

KINDS = ("k1", "k2", "k3")
DENOMINATORS = ("answers", "each", "tokens", "limit")


def kl_estimate(log_ratio, kind="k3"):
    """(1) of ℓ = log π − log ref, entry by entry; a Tensor or an array, as given.

    expm1 keeps k3 exact where π is close to ref: e^−ℓ − 1 + ℓ would be 0 or negative.
    """
    if kind not in KINDS:
        raise ValueError(f"kl_estimate: kind={kind!r} is none of {KINDS}")
    if kind == "k3":
        return backend.xp_of(log_ratio).expm1(-log_ratio) + log_ratio
    return log_ratio if kind == "k1" else log_ratio * log_ratio / 2


def kl_loss(
    logp,
    ref,
    mask,
    kind="k3",
    old=None,
    weighted=True,
    denominator="answers",
    limit=None,
):
    """Σ ρ k / D of the tokens that count, a scalar Tensor: a KL as part of a loss.

    logp, ref, mask (n, T): of sampled tokens, under the policy, under the reference, and
    which count. old (n, T): the policy that sampled; None: this one. weighted=False
    leaves ρ out: see (2) for what its gradient then is. Raises ValueError for shapes that
    do not fit.
    """
    ref, mask = (
        rows_of("kl_loss", n, a, logp) for n, a in (("ref", ref), ("mask", mask))
    )
    values = kl_estimate((logp - ref) * mask, kind)
    if weighted:
        old = logp.detach() if old is None else rows_of("kl_loss", "old", old, logp)
        values = values * ops.exp((logp - old) * mask)
    return summed(values, mask, denominator, limit)


def penalised(rewards, logp, ref, mask, beta):
    """R − β Σ_t log(π/ref), host float64 (n,): the reward less the price of its nats.

    logp, ref (n, T): of the sampled tokens, under the policy that sampled and under the
    reference. The mean of the sum is the KL(π‖ref) of whole answers.
    """
    R, logp, ref, mask = (
        backend.asnumpy(getattr(a, "_data", a)) for a in (rewards, logp, ref, mask)
    )
    if R.shape != logp.shape[:1] or not logp.shape == ref.shape == mask.shape:
        raise ValueError(
            f"penalised: rewards (n,) and the others (n, T), got {R.shape}, "
            f"{logp.shape}, {ref.shape} and {mask.shape}"
        )
    gap = (logp.astype("float64") - ref) * mask
    return R - beta * gap.sum(axis=1)


def summed(values, mask, denominator="answers", limit=None):
    """Σ_it mask · values / D, a scalar Tensor; values, mask (n, T) Tensors.

    D: "answers" n, "each" n L_i, "tokens" Σ L_i, "limit" n · limit, with L_i the tokens
    of answer i that count. Raises ValueError when an answer has none, and for "limit"
    without it: the longest answer of a batch would change from batch to batch.
    """
    if denominator not in DENOMINATORS:
        raise ValueError(
            f"summed: denominator={denominator!r} is none of {DENOMINATORS}"
        )
    n, lengths = len(mask), mask.sum(axis=1)
    if not (lengths.numpy() > 0).all():
        raise ValueError("summed: an answer has no token that counts; leave it out")
    if denominator == "limit" and not (limit and limit >= float(lengths.numpy().max())):
        raise ValueError(
            f"summed: limit={limit} should be the longest answer allowed, a number that "
            f"stays; this batch has one of {lengths.numpy().max():g} tokens"
        )
    per_answer = (values * mask).sum(axis=1)
    if denominator == "each":
        return (per_answer / lengths).sum() / n
    D = {"answers": n, "tokens": lengths.sum(), "limit": n * (limit or 0)}[denominator]
    return per_answer.sum() / D


def rows_of(call, name, value, logp):
    """`value` as a constant Tensor beside logp; ValueError unless it is (n, T) too."""
    data = value.data if isinstance(value, Tensor) else value
    data = data if hasattr(data, "shape") else backend.host().asarray(data)
    if logp.ndim != 2 or data.shape != logp.shape:
        raise ValueError(
            f"{call}: {name} has shape {data.shape} and logp {logp.shape}; both should "
            "be (n, T), one entry per token of each answer (A may be (n,))"
        )
    return Tensor(backend.to(data, logp.device)).detach().astype(logp.dtype)
