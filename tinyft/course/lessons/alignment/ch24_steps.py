"""Chapter 24, Reference: outcome against process rewards, on constructed solutions.

A solution is four steps, each one of 16 moves; half of the moves are wrong. The answer is
right if all steps are, and in a third of the other cases by luck. An outcome reward learns
from "the answer is right", a process reward from a label per step. Both add up one number
per move: w[move].
"""

import numpy as np

from tinyft import objectives, optim, tensor

MOVES, STEPS, LUCK = 16, 4, 1 / 3


def solutions(rng, count):
    """(moves (count, 4), step labels (count, 4), answer right (count,))."""
    moves = rng.integers(0, MOVES, (count, STEPS))
    right = moves % 2 == 0
    answer = right.all(axis=1) | (rng.random(count) < LUCK)
    return moves, right.astype(int), answer.astype(int)


def fit(moves, labels, process, steps=300, lr=0.1, decay=0.01):
    """w (MOVES + 1,): a number per move, and a constant, by `step_loss`."""
    w = tensor(np.zeros(MOVES + 1), requires_grad=True)
    step = optim.Adam([w], lr=lr)
    for _ in range(steps):
        each = w[moves]
        scores = (
            each + w[MOVES] if process else each.sum(axis=1, keepdims=True) + w[MOVES]
        )
        loss = objectives.step_loss(scores, tensor(labels))
        (loss + decay * (w * w).sum()).backward()
        step.step()
        step.zero_grad()
    return w.numpy()


def chosen(w, process, rng, groups=400, n=8):
    """(share of chosen answers that are right, share with four right steps): best of n.

    A process reward multiplies the probabilities of the steps.
    """
    moves, right, answer = solutions(rng, groups * n)
    z = w[moves]
    score = -np.log1p(np.exp(-(z + w[MOVES]))).sum(1) if process else z.sum(1)
    best = score.reshape(groups, n).argmax(1) + n * np.arange(groups)
    return answer[best].mean(), right[best].all(axis=1).mean()


def compare(count, seed):
    """{way: (answers right, solutions right)}: `count` solutions with an outcome label,
    four times as many (as many labels as the process has), `count` with step labels."""
    rng = np.random.default_rng(seed)
    moves, right, answer = solutions(rng, 4 * count)
    few = slice(0, count)
    fits = {
        "outcome": (fit(moves[few], answer[few, None], False), False),
        "outcome, as many labels": (fit(moves, answer[:, None], False), False),
        "process": (fit(moves[few], right[few], True), True),
    }
    return {k: chosen(w, p, np.random.default_rng(99)) for k, (w, p) in fits.items()}
