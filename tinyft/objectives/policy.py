"""Policy gradients: a model learns from the answers it samples and from their rewards.

    J(θ) = E_{y~π} R(y),   ∇J = E R Σ_t s_t,   s_t = ∇ log π(y_t | prompt, y_<t)       (1)
    L = −Σ_it min(ρ A, clip(ρ, 1 − low, 1 + high) A) / D,    ρ = π(y_t)/π_old(y_t)      (2)

The methods differ in three choices of (2). n answers, L_i tokens each, G per prompt:

    A   R minus: nothing, the group's mean, the mean of the group's others;
        then divided by: nothing, the group's σ, the batch's σ
    D   n ("answers")   n L_i ("each")   Σ L_i ("tokens")   n · limit ("limit")
    clip   none, or low and high: no gradient where a step has gone far enough

On the policy that sampled, ρ = 1 and the gradient of (2) is that of −Σ A log π / D.
RLOO is unbiased for ∇J; mean, no σ and any fixed D give (G − 1)/G of it times a constant;
σ and D = n L_i or Σ L_i turn the direction.
Sources: Williams 1992 (REINFORCE); Kool et al. 2019, Ahmadian et al. 2024 (RLOO);
Schulman et al. 2017 (PPO); Shao et al. 2024 (GRPO, arXiv:2402.03300); Yu et al. 2025
(DAPO, arXiv:2503.14476); Liu et al. 2025 (Dr. GRPO, arXiv:2503.20783).
"""

from dataclasses import dataclass

from tinyft import backend, ops
from tinyft.autograd import Tensor
from tinyft.objectives.divergence import kl_loss, penalised, rows_of, summed
from tinyft.objectives.instruction import there
from tinyft.objectives.language import flat_loss

BASELINES = ("none", "mean", "others")
SCALES = ("none", "group", "batch")


@dataclass(frozen=True)
class Rule:
    """The three choices of a policy gradient (2); low and high: None does not clip."""

    baseline: str = "none"
    scale: str = "none"
    denominator: str = "answers"
    low: float | None = None
    high: float | None = None

    def __post_init__(self):
        if (self.low is None) != (self.high is None):
            raise ValueError(
                f"Rule: low={self.low} and high={self.high} belong together; give both "
                "to clip the ratio to 1 − low .. 1 + high, or neither"
            )
        if self.low is not None and not (0 < self.low < 1 and self.high > 0):
            raise ValueError(
                f"Rule: the ratio is clipped to 1 − low .. 1 + high with 0 < low < 1 "
                f"and high > 0, got low={self.low}, high={self.high}"
            )


METHODS = {
    "REINFORCE": Rule(),
    "RLOO": Rule("others"),
    "PPO": Rule(
        "mean", "batch", "tokens", 0.2, 0.2
    ),  # without a critic: see policy_loss
    "GRPO": Rule("mean", "group", "each", 0.2, 0.2),
    "DAPO": Rule("mean", "group", "tokens", 0.2, 0.28),
    "Dr. GRPO": Rule("mean", "none", "limit", 0.2, 0.2),
}


# --- sampled answers ------------------------------------------------------------------


def token_log_probs(model, rows, prompt):
    """log π of each token after the first `prompt` ones, a Tensor (n, T).

    rows: ids (n, prompt + T), a host array such as `generate` returns. They belong to the
    distribution that was sampled from: temperature 1, neither top-k nor top-p.
    """
    if not 0 < prompt < rows.shape[1]:
        raise ValueError(
            f"token_log_probs: rows {rows.shape} with a prompt of {prompt} tokens: at "
            "least one token should come before the answer, and one be in it"
        )
    logits = model(there(model, rows[:, :-1]))[:, prompt - 1 :]
    flat = flat_loss(logits, there(model, rows[:, prompt:]), reduction="none")
    return -flat.reshape(len(rows), -1)


def up_to_end(answers, end):
    """Which tokens count, booleans (n, T): all up to and with the first `end`.

    answers (n, T): ids without the prompt. The end is an action like any other: a mask
    that leaves it out never teaches when to stop.
    """
    answers = backend.asnumpy(answers)
    closed = (answers == end).cumsum(axis=1)
    return (closed == 0) | ((closed == 1) & (answers == end))


# --- advantages -----------------------------------------------------------------------


def advantages(rewards, group, baseline="others", scale="none", equal="refuse"):
    """What each answer is better by, a float64 array (n,): the A of (2).

    rewards (n,): the `group` answers of one prompt follow each other. baseline: "none",
    "mean" of the group, or "others": the mean without the answer itself. scale: "none",
    "group" or "batch": divide by the population's σ there; equal rewards have A = 0.
    equal: what happens when no group has two different rewards, so that all A are 0:
    "refuse" raises ValueError, "zero" returns zeros. Raises ValueError for a group of one
    and for rewards that are not a row of finite numbers.
    """
    _choice("baseline", baseline, BASELINES)
    _choice("scale", scale, SCALES)
    _choice("equal", equal, ("refuse", "zero"))
    R = _groups(rewards, group, alone=baseline == scale == "none")
    xp, centred = backend.host(), R - R.mean(axis=1, keepdims=True)
    flat = (R == R[:, :1]).all(axis=1, keepdims=True)
    if baseline != "none" and flat.all() and equal == "refuse":
        raise ValueError(
            f"advantages: the rewards of each of the {len(R)} groups are all the same "
            f"(the first has {R[0, 0]:g}), so every advantage is 0 and nothing is "
            'learned; sample again, ask easier or harder questions, or pass equal="zero"'
        )
    if baseline == "others":
        centred = centred * group / (group - 1)
    A = R if baseline == "none" else xp.where(flat, 0.0, centred)
    if scale != "none":
        sigma = R.std(axis=1, keepdims=True) if scale == "group" else R.std()
        A = xp.where(flat if scale == "group" else sigma == 0, 0 * A, A / _or_1(sigma))
    return A.ravel()


def _groups(rewards, group, alone):
    """The rewards as float64 (prompts, group)."""
    R = backend.asnumpy(getattr(rewards, "_data", rewards))
    R = backend.host().asarray(R, "float64")
    if R.ndim != 1 or not R.size or not backend.host().isfinite(R).all():
        raise ValueError(
            "advantages: rewards are one finite number per answer, (n,), got "
            f"{R.shape}{'' if R.ndim != 1 else ' with NaN or infinity, or empty'}: "
            "(n,) minus (n, 1) would be n × n"
        )
    if group < 2 and not alone:
        raise ValueError(
            f"advantages: a group of {group} has nothing to compare an answer with; "
            'sample two or more answers per prompt, or use baseline="none"'
        )
    if group < 1 or len(R) % group:
        raise ValueError(
            f"advantages: {len(R)} rewards do not make groups of {group}; the answers "
            "of one prompt follow each other"
        )
    return R.reshape(-1, group)


def _or_1(sigma):
    return backend.host().where(sigma == 0, 1.0, sigma)


def _choice(name, value, options):
    if value not in options:
        raise ValueError(f"advantages: {name}={value!r} is none of {options}")


# --- losses ---------------------------------------------------------------------------


def policy_loss(logp, A, mask, rule, old=None, limit=None, importance="token"):
    """−Σ min(ρ A, clip(ρ) A) / D, a scalar Tensor. Its value says little.

    logp (n, T): `token_log_probs` of the policy that learns. A: (n,), one per answer, or
    (n, T), one per token, as a critic gives them. mask (n, T): which tokens count.
    old (n, T): log-probabilities when they were sampled; None: this very policy. limit:
    the longest answer allowed, for D = "limit". importance: "token" for ρ of each token,
    "answer" for the product of its ρ, the exact weight. Raises ValueError for shapes that
    do not fit, and for importance=None: without ρ the loss has no gradient.
    """
    mask = rows_of("policy_loss", "mask", mask, logp)
    A = rows_of("policy_loss", "A", _per_token(A, logp), logp)
    old = logp.detach() if old is None else rows_of("policy_loss", "old", old, logp)
    ratio = ops.exp(_log_ratio(logp, old, mask, importance))
    gain = ratio * A
    if rule.low is not None:
        clipped = ops.clip(ratio, 1 - rule.low, 1 + rule.high) * A
        gain = ops.minimum(gain, clipped)
    return -summed(gain, mask, rule.denominator, limit)


def _log_ratio(logp, old, mask, importance):
    """log ρ (n, T); for whole answers its value is their sum, its gradient each token's."""
    change = (logp - old) * mask
    if importance == "answer":
        total = change.detach().sum(axis=1, keepdims=True)
        return total + (logp - logp.detach()) * mask
    if importance != "token":
        raise ValueError(
            f"policy_loss: importance={importance!r} is neither 'token' nor 'answer'; "
            "the gradient flows through the ratio ρ = π/π_old, and without it there is "
            "none. On fresh samples leave out `old`: ρ is 1 then, with its gradient"
        )
    return change


def _per_token(A, logp):
    """A (n,) as a column beside logp (n, T); other shapes as they are."""
    A = A.data if isinstance(A, Tensor) else backend.host().asarray(A)
    if A.shape == (len(logp),):
        return backend.xp_of(A).broadcast_to(A[:, None], logp.shape)
    return A


def steered_loss(
    logp, rewards, mask, group, rule, ref=None, beta=0.0, place="reward", **options
):
    """The loss of one step: advantages, (2), and the KL that holds the policy to `ref`.

    rewards (n,); ref (n, T): log-probabilities under the reference. beta: nats cost this
    much reward. place: "reward", R − β Σ_t log(π/ref) before the advantage, or "loss",
    β ρ k3 added to (2): both have β KL(π‖ref) as their aim (the second token by token).
    options: old, limit, importance of `policy_loss`. Raises ValueError when a reference
    is given that beta=0 would never use, or the other way round.
    """
    if (ref is None) != (beta == 0) or beta < 0:
        raise ValueError(
            f"steered_loss: beta={beta} with{'out' if ref is None else ''} ref: a KL "
            "is used only if both are given; leave out both to do without"
        )
    if place not in ("reward", "loss"):
        raise ValueError(
            f"steered_loss: place={place!r} is neither 'reward' nor 'loss'"
        )
    if ref is not None and place == "reward":
        seen = options.get("old")
        seen = logp.detach() if seen is None else seen
        rewards = penalised(rewards, seen, ref, mask, beta)
    A = advantages(rewards, group, rule.baseline, rule.scale, equal="zero")
    loss = policy_loss(logp, A, mask, rule, **options)
    if ref is not None and place == "loss":
        how = {"denominator": rule.denominator, "limit": options.get("limit")}
        loss = loss + beta * kl_loss(logp, ref, mask, "k3", options.get("old"), **how)
    return loss
