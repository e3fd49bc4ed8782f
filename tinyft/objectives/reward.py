"""Rewards learned from comparisons, and the policy that a reward asks for.

    P(y₁ is preferred to y₂) = σ(r(y₁) − r(y₂))                  Bradley and Terry    (1)
    L = −[p log σ(r₁ − r₂) + (1 − p) log σ(r₂ − r₁)]     p: how sure the label is     (2)
    −[y_t log σ(s_t) + (1 − y_t) log σ(−s_t)], mean over the labels that count        (3)
    π*(y) = π_ref(y) e^{r(y)/β} / Z       maximises  E_π r − β KL(π | π_ref)          (4)
    keep y ~ π_ref with probability e^{(r(y) − r_max)/β}: what is kept is from π*     (5)

In (1) only differences matter: a constant added to all rewards changes nothing. In (3) an
outcome reward has one label, "the final answer is right"; a process reward has one per
step.
Sources: Bradley, Terry 1952; Christiano et al. 2017 (1, 2); Uesato et al. 2022 and
Lightman et al. 2023 (3); Korbak et al. 2022 (4).
"""

from tinyft import backend, nn, ops
from tinyft.data import IGNORE
from tinyft.ops.operands import wrap


class RewardModel(nn.Module):
    """A language model's states and a linear head with one number: rewards.

    model: a Transformer, whose own head is not used; rng: draws the new one. Ids (B, T)
    give rewards (B,), read at the last token of each row; a causal model has seen the
    whole text there.
    """

    def __init__(self, model, rng=None):
        self.model = model
        self.score = nn.Linear(model.config.dim, 1, rng=rng)

    def forward(self, ids, mask=None):
        """mask (B, T): False for the padding, which is on the right."""
        last = None if mask is None else last_real(mask)
        rewards = self.every(ids, mask)
        if last is None:
            return rewards[:, -1]
        return ops.take_along_axis(rewards, last[:, None], axis=1)[:, 0]

    def every(self, ids, mask=None):
        """A number after each token (B, T): at the end of a step it judges the step."""
        return self.score(self.model.states(ids, mask))[:, :, 0]


def last_real(mask):
    """The index of the last True of each row of a mask (B, T), an int64 Tensor (B,)."""
    mask = wrap(mask).data.astype(bool)
    if backend.device_of(mask) == "cpu" and not mask.any(axis=1).all():
        row = int(mask.any(axis=1).argmin())
        raise ValueError(f"RewardModel: row {row} of the mask has no token to read at")
    return wrap(mask.shape[1] - 1 - mask[:, ::-1].argmax(axis=1))


def reward_loss(chosen, rejected, sure=1.0):
    """Mean of (2), a scalar Tensor; chosen, rejected: rewards (B,) of each pair.

    sure: p, a number or (B,), the chance that the label is right. Raises ValueError for
    other shapes: (B,) − (B, 1) would compare every answer with every other.
    """
    chosen, rejected = wrap(chosen), wrap(rejected)
    same_pairs("reward_loss", chosen, rejected)
    gap = chosen - rejected
    return -ops.mean(sure * ops.logsigmoid(gap) + (1 - sure) * ops.logsigmoid(-gap))


def same_pairs(caller, chosen, rejected):
    """Raise ValueError unless both are (B,), B of one or more."""
    if chosen.ndim != 1 or chosen.shape != rejected.shape or not chosen.size:
        raise ValueError(
            f"{caller}: one number per pair, (B,) and (B,), got {chosen.shape} and "
            f"{rejected.shape}; a column (B, 1) would be broadcast to B × B pairs"
        )


def step_loss(scores, labels):
    """Mean of (3), a scalar Tensor: scores (B, S) and labels (B, S), 1, 0 or −100.

    −100: this step has no label, or there is no such step. An outcome reward has one
    labelled column. Raises ValueError when nothing is labelled.
    """
    scores, labels = wrap(scores), wrap(labels).data
    if tuple(scores.shape) != tuple(labels.shape):
        raise ValueError(
            f"step_loss: one label per score, got {scores.shape} scores and "
            f"{labels.shape} labels"
        )
    known = labels != IGNORE
    if backend.device_of(known) == "cpu":
        _check_labels(labels, known)
    xp = backend.xp_of(labels)
    y = xp.where(known, labels, 0).astype(scores.dtype)
    each = ops.bce_with_logits(scores, y, reduction="none")
    return ops.sum(each * known.astype(scores.dtype)) / int(known.sum())


def _check_labels(labels, known):
    if not known.any():
        raise ValueError(
            f"step_loss: none of the {labels.size} steps has a label, all are {IGNORE}; "
            "the mean loss would be 0/0"
        )
    if not ((labels == 0) | (labels == 1) | ~known).all():
        raise ValueError(f"step_loss: a label is 0, 1 or {IGNORE} (none)")


# --- a reward for each of a few answers ------------------------------------------------


def bradley_terry(wins):
    """Rewards r (K,) of highest likelihood, float64, mean 0, by Newton's method on (1).

    wins (K, K): how often i was preferred to j. Raises ValueError unless every answer
    can be reached from every other by a chain of wins: else some r would be infinite.
    """
    xp = backend.host()
    wins = xp.asarray(wins, "float64")
    _check_wins(xp, wins)
    K, both = len(wins), wins + wins.T
    r = xp.zeros(K)
    for _ in range(200):
        p = 1 / (1 + xp.exp(r[None] - r[:, None]))  # P(i is preferred to j)
        slope = wins.sum(1) - (both * p).sum(1)
        w = both * p * (1 - p)
        curve = xp.diag(w.sum(1)) - w + 1 / K  # + 1/K: a step has mean 0
        step = xp.linalg.solve(curve, slope)
        r = r + step * min(1.0, 1.0 / max(abs(step).max(), 1e-300))
        if abs(step).max() < 1e-13:
            break
    return r - r.mean()


def _check_wins(xp, wins):
    K = len(wins)
    if wins.shape != (K, K) or K < 2 or (wins < 0).any() or wins.diagonal().any():
        raise ValueError(
            "bradley_terry: wins (K, K), K of 2 or more, counts how often i was preferred "
            f"to j: not negative, 0 on the diagonal; got {wins.shape}"
        )
    reach = (wins > 0) | xp.eye(K, dtype=bool)
    for k in range(K):
        reach = reach | (reach[:, k : k + 1] & reach[k : k + 1])
    if not reach.all():
        i, j = (int(k) for k in xp.argwhere(~reach)[0])
        raise ValueError(
            f"bradley_terry: no chain of wins leads from {i} to {j}, so the likelihood "
            "grows without end as their rewards move apart; compare more, or give each "
            "pair half a win both ways"
        )


def tilted(reference, rewards, beta):
    """π* of (4), (K,) or rows (..., K): probabilities `reference`, rewards of one shape.

    beta > 0: the price of KL in units of the reward.
    """
    xp = backend.host()
    reference, rewards = (xp.asarray(a, "float64") for a in (reference, rewards))
    _check_beta("tilted", beta)
    if reference.shape != rewards.shape or abs(reference.sum(-1) - 1).max() > 1e-6:
        raise ValueError(
            "tilted: reference is probabilities that sum to 1, with one reward each, got "
            f"{reference.shape} and {rewards.shape}, sum {reference.sum(-1)}"
        )
    top = xp.where(reference > 0, rewards, -xp.inf).max(axis=-1, keepdims=True)
    weight = reference * xp.exp(xp.where(reference > 0, rewards - top, 0) / beta)
    return weight / weight.sum(axis=-1, keepdims=True)


def accepted(rewards, beta, rng, most=None):
    """(5): which samples (n,) of the reference to keep, booleans.

    most: r_max, the largest reward there is; None: the largest of these samples, which
    is not exact. rng: a Generator or a seed. Raises ValueError for a reward above `most`.
    """
    xp = backend.host()
    rewards = xp.asarray(rewards, "float64")
    _check_beta("accepted", beta)
    most = rewards.max() if most is None else most
    if (rewards > most).any():
        raise ValueError(
            f"accepted: a reward of {rewards.max():.6g} lies above most={most:.6g}, so "
            "its probability would exceed 1; most is the largest reward there can be"
        )
    draws = nn.init.generator(rng).random(rewards.shape)
    return draws < xp.exp((rewards - most) / beta)


def _check_beta(caller, beta):
    if not 0 < beta < float("inf"):
        raise ValueError(
            f"{caller}: beta={beta!r} should be positive and finite: it is the price of "
            "a nat of KL; the limit 0 is the best answer alone"
        )
