"""Chapter 24b: a world so small that every answer, and every group of answers, is counted.

Tokens a, b and E (the end). An answer ends at E or at three tokens: 15 answers. A policy
is a table of logits z (7, 3), a row for each beginning ("", a, b, aa, ab, ba, bb), so it
can be any distribution over the answers.
"""

import itertools
from math import factorial

import numpy as np

from tinyft import objectives, ops, optim, tensor

LONGEST, GROUP = 3, 3
STARTS = ["", "a", "b", "aa", "ab", "ba", "bb"]
ANSWERS = [
    start + token
    for start in STARTS
    for token in "abE"
    if token == "E" or len(start) == LONGEST - 1
]
ANSWERS.sort(key=lambda answer: (len(answer), answer))
MASK = np.array([[t < len(y) for t in range(LONGEST)] for y in ANSWERS], float)
LENGTHS = MASK.sum(axis=1)
# the row and the column of z for token t of each answer (0 where there is none)
BEFORE = np.array(
    [
        [STARTS.index(y[:t]) if t < len(y) else 0 for t in range(LONGEST)]
        for y in ANSWERS
    ]
)
TOKEN = np.array(
    [["abE".index(y[t]) if t < len(y) else 0 for t in range(LONGEST)] for y in ANSWERS]
)


def table(seed, spread=1.0):
    """Random logits z (7, 3), float64."""
    return np.random.default_rng(seed).normal(0, spread, (len(STARTS), 3))


def token_log_probs(z):
    """log π of every token of every answer, a Tensor (15, 3), 0 where there is none."""
    return ops.log_softmax(z)[BEFORE, TOKEN] * tensor(MASK)


def probabilities(z):
    """The probability of each answer (15,), a host array; z an array or a Tensor."""
    z = z if hasattr(z, "backward") else tensor(np.asarray(z))
    return np.exp(token_log_probs(z).numpy().sum(axis=1))


def scores(z):
    """∇ log π(y) of each answer, (15, 7, 3): one-hot minus softmax in every row it uses."""
    rows = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    found = np.zeros((len(ANSWERS), *z.shape))
    for i, t in np.argwhere(MASK > 0):
        found[i, BEFORE[i, t]] -= rows[BEFORE[i, t]]
        found[i, BEFORE[i, t], TOKEN[i, t]] += 1
    return found


def kl(p, q):
    """KL(p‖q) of two distributions over the answers, in nats."""
    return float((p * (np.log(p) - np.log(q))).sum())


def groups():
    """Every group of three answers, each once, and in how many orders it can be drawn."""
    for rows in itertools.combinations_with_replacement(range(len(ANSWERS)), GROUP):
        orders = factorial(GROUP)
        for one in set(rows):
            orders //= factorial(rows.count(one))
        yield list(rows), orders


def expected_step(z, rewards, rule):
    """The mean over all 15³ groups of minus the gradient of `policy_loss`, (7, 3).

    Each group is weighted by the probability that its three answers are drawn from z.
    """
    x, p = tensor(np.asarray(z), requires_grad=True), probabilities(z)
    logp = token_log_probs(x)
    weights = np.zeros(MASK.shape)  # of each log-probability in the mean loss
    for rows, orders in groups():
        A = objectives.advantages(
            rewards[rows], GROUP, rule.baseline, rule.scale, equal="zero"
        )
        if A.any():
            leaf = tensor(logp.numpy()[rows], requires_grad=True)
            loss = objectives.policy_loss(leaf, A, MASK[rows], rule, limit=LONGEST)
            loss.backward()
            np.add.at(weights, rows, orders * p[rows].prod() * leaf.grad.numpy())
    (logp * tensor(weights)).sum().backward()
    return -x.grad.numpy()


def cosine(g, h):
    """The cosine of the angle between two gradients: 1 for the same direction."""
    return float((g * h).sum() / np.linalg.norm(g) / np.linalg.norm(h))


# --- training in the world ----------------------------------------------------------


def descend(z, loss, steps=600, lr=0.1):
    """Adam with a cosine to 0 on `loss(z)`, a scalar Tensor; the table it ends at."""
    z = tensor(np.array(z), requires_grad=True)
    step = optim.Adam([z], lr=lr)
    rate = optim.Schedule(step, optim.schedule.warmup_cosine, warmup=0, total=steps)
    for _ in range(steps):
        loss(z).backward()
        step.step()
        step.zero_grad()
        rate.step()
    return z.numpy()


def steered(z, rule, rewards, ref, beta, place, seed, steps=300):
    """The table that training on samples ends at: `steered_loss` on 48 fresh answers in
    groups of 8 per step. ref (15, 3): token log-probabilities of the base."""
    rng = np.random.default_rng(seed)

    def loss(z):
        logp = token_log_probs(z)
        p = np.exp(logp.numpy().sum(axis=1))
        rows = rng.choice(len(ANSWERS), 48, p=p / p.sum())
        given = logp[rows], rewards[rows], MASK[rows], 8, rule, ref[rows]
        return objectives.steered_loss(*given, beta, place, limit=LONGEST)

    return descend(z, loss, steps, lr=0.05)


def expected_loss(way, rewards, ref, beta):
    """A function z -> the loss of infinitely many fresh answers, each in its proportion.

    way: "no KL", or "k1", "k2", "k3" or "ρ k3" followed by " in the reward" or " in the
    loss". ref (15, 3): token log-probabilities of the base. What samples would be is held
    fixed: the probabilities p are numbers, not functions of z.
    """
    kind, _, place = way.partition(" in the ")
    base, mask = tensor(ref), tensor(MASK)

    def loss(z):
        logp = token_log_probs(z)
        whole = logp.sum(axis=1)
        p = np.exp(whole.numpy())
        R, gap = rewards, whole.numpy() - ref.sum(axis=1)
        if place == "reward":
            R = R - beta * objectives.kl_estimate(gap, kind)
        value = -(tensor(p * (R - p @ R)) * whole).sum()
        if place == "loss":
            k = objectives.kl_estimate(logp - base, kind[-2:])
            if kind.startswith("ρ"):
                k = k * ops.exp(logp - logp.detach())
            value = value + beta * (tensor(p[:, None]) * k * mask).sum()
        return value

    return loss
