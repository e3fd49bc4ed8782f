"""Chapter 26: a teacher and a student that both write words of three letters.

The teacher's p is the frequency of every three-letter word in the Bible, 5 % of it spread
evenly over all 26³ strings, so that no string is impossible. The student has a row of
letters for each place, given the letter before: (1 + 26 + 26) · 26 logits; it has no way
to remember two letters. Both can be summed over all 17,576 strings, so each number here
is exact.
"""

import re
from collections import Counter
from functools import cache

import numpy as np

from tinyft import ops, optim, tensor
from tinyft.data import load_text
from tinyft.transfer import continual

LETTERS, LENGTH, SPREAD = "abcdefghijklmnopqrstuvwxyz", 3, 0.05
V, STEPS, BATCH = 26, 300, 64
KIND, START_RATE = "words", 0.1
ARMS = {  # name: arm, steps, begins where 300 off-policy steps ended, rates
    "off-policy": ("off-policy", 300, False, (0.03, 0.1, 0.3)),
    "off-policy, 600 steps": ("off-policy", 600, False, (0.03, 0.1, 0.3)),
    "on-policy, γ = 0": ("on-policy, γ = 0", 300, True, (0.01, 0.03, 0.1)),
    "on-policy, γ = 1": ("on-policy, γ = 1", 300, True, (0.01, 0.03, 0.1)),
    "on-policy, γ = 1, no start, 600 steps": (
        "on-policy, γ = 1",
        600,
        False,
        (0.01, 0.03, 0.1),
    ),
}


@cache
def teacher():
    """p (26, 26, 26), and which strings are words (26, 26, 26)."""
    found = Counter(re.findall(r"\b[a-z]{3}\b", load_text("bible", "all").lower()))
    p = np.zeros((V,) * LENGTH)
    for word, count in found.items():
        p[tuple(LETTERS.index(c) for c in word)] = count
    words = p > 0
    return (1 - SPREAD) * p / p.sum() + SPREAD / p.size, words


def student(seed):
    """Logits of the first letter (26,), second and third (26, 26) each, near 0."""
    rng = np.random.default_rng(seed)
    shapes = (V,), (V, V), (V, V)
    return [tensor(0.1 * rng.normal(size=s), requires_grad=True) for s in shapes]


def log_q(params):
    """log q (26, 26, 26) of a student."""
    first, second, third = map(ops.log_softmax, params)
    return first[:, None, None] + second[:, :, None] + third[None]


def teacher_logits(ids):
    """log p(x_t | letters before) (B, 3, 26) of strings ids (B, 3)."""
    p = teacher()[0]
    first, second = np.log(p.sum((1, 2))), np.log(p.sum(2))
    rows = np.broadcast_to(first, (len(ids), V)), second[ids[:, 0]]
    return np.stack([*rows, np.log(p)[ids[:, 0], ids[:, 1]]], axis=1)


def student_logits(params, ids):
    """The student's logits (B, 3, 26) before each letter of ids (B, 3)."""
    first, second, third = params
    rows = first[None] + 0 * second[ids[:, 0]], second[ids[:, 0]], third[ids[:, 1]]
    return ops.stack(rows, axis=1)


def strings(p, rng, count=BATCH):
    """`count` strings drawn from p (26, 26, 26): ids (count, 3)."""
    flat = rng.choice(p.size, count, p=p.ravel() / p.sum())
    return np.stack(np.unravel_index(flat, p.shape), axis=1)


def distil(arm, lr, seed, start=None, steps=STEPS):
    """A student after Adam, from `start` (a student, copied) or from scratch.

    arm: "off-policy" draws the teacher's strings, forward KL; "on-policy, γ = 0" and
    "on-policy, γ = 1" the student's own, reverse KL; "every string" has the exact
    gradient of the reverse KL.
    """
    params, rng = student(seed), np.random.default_rng(seed)
    for p, old in zip(params, start or ()):
        p.data[...] = old.data
    step = optim.Adam(params, lr)
    for _ in range(steps):
        _loss(arm, params, rng).backward()
        step.step()
        step.zero_grad()
    return params


@cache
def started():
    """The student that on-policy runs start from."""
    return distil("off-policy", START_RATE, 0)


def run(method, lr, seed):
    """The scores of a student of ARMS."""
    arm, steps, begun, _ = ARMS[method]
    made = distil(arm, lr, seed, started() if begun else None, steps)
    return {name: round(v, 4) for name, v in judged(made).items()}


def _loss(arm, params, rng):
    if arm == "every string":
        logq = log_q(params)
        return (ops.exp(logq) * (logq - tensor(np.log(teacher()[0])))).sum()
    off = arm == "off-policy"
    ids = strings(teacher()[0] if off else np.exp(log_q(params).numpy()), rng)
    z, wanted = student_logits(params, ids), tensor(teacher_logits(ids))
    if off:
        return continual.divergence(z, wanted, "forward").sum(axis=1).mean()
    return continual.on_policy_loss(z, wanted, ids, None, float(arm[-1]))


def judged(params):
    """{what: number} of a student, exact."""
    p, words = teacher()
    logq = log_q(params).numpy()
    q = np.exp(logq)
    return {
        "KL(p‖q)": float((p * (np.log(p) - logq)).sum()),
        "KL(q‖p)": float((q * (logq - np.log(p))).sum()),
        "real words": float(q[words].sum()),
        "e^entropy": float(np.exp(-(q * logq).sum())),
    }


def likeliest(params, count=5):
    """The student's likeliest strings with their probabilities, as text."""
    q = np.exp(log_q(params).numpy())
    top = np.argsort(-q.ravel())[:count]
    names = ["".join(LETTERS[i] for i in np.unravel_index(k, q.shape)) for k in top]
    return ", ".join(f"{n} {q.ravel()[k]:.2f}" for n, k in zip(names, top))
