"""Chapter 23: learning in context. Lines y = w·x + noise, told by examples alone.

    w ~ N(0, I_d),  x ~ N(0, I_d),  y = w·x + σ ε
    ridge: w_k = (XᵀX + σ² I)⁻¹ Xᵀ y of k examples is Bayes' answer; no model can be better

A model of 16 pairs and 16 queries: pair i sees the pairs up to itself, query i the pairs
before it and itself. One pass gives the error for every k from 0 to 15.
"""

from functools import cache

import numpy as np

from tinyft import models, nn, no_grad, ops, tensor
from tinyft.course.lessons.answers.ch23_instruction_tuning import train
from tinyft.course.runs import CHOOSING
from tinyft.models.transformer import Block

DIM, PAIRS, NOISE = 2, 16, 0.25
STEPS, BATCH, TASKS = 400, 48, 1000
RATES = (2e-3, 4e-3, 8e-3)


def draw(rng, count=BATCH, d=DIM):
    """(tokens (count, 2·16, d + 2), y (count, 16) float32) of fresh tasks w.

    The first 16 tokens are pairs (x, y, 1), the others queries (x, 0, 0) whose y is the
    target.
    """
    w = rng.standard_normal((count, 1, d))
    x = rng.standard_normal((count, 2 * PAIRS, d))
    y = (w * x).sum(-1) + NOISE * rng.standard_normal((count, 2 * PAIRS))
    known = np.arange(2 * PAIRS) < PAIRS
    told = np.stack([np.where(known, y, 0.0), np.broadcast_to(known, y.shape)], axis=-1)
    tokens = np.concatenate([x, told], axis=-1).astype("f4")
    return tokens, y[:, PAIRS:].astype("f4")


def sight():
    """Who sees whom, booleans (32, 32)."""
    t, s = np.indices((2 * PAIRS, 2 * PAIRS))
    pair = (t < PAIRS) & (s <= t)
    query = (t >= PAIRS) & ((s < t - PAIRS) | (s == t))
    return pair | query


class InContext(nn.Module):
    """A Transformer without positions that reads vectors: (B, 32, d + 2) to (B, 16)."""

    def __init__(self, d=DIM, dim=64, layers=3, rng=None):
        config = models.TransformerConfig(
            vocab=1, dim=dim, layers=layers, heads=4, positions="none", causal=False
        )
        self.read = nn.Linear(d + 2, dim, rng=rng)
        self.blocks = nn.ModuleList(Block(config, None, rng) for _ in range(layers))
        self.norm, self.out = nn.LayerNorm(dim), nn.Linear(dim, 1, rng=rng)

    def forward(self, tokens):
        x, mask = self.read(tokens), tensor(sight()[None, None])
        for block in self.blocks:
            x = block(x, mask)
        return self.out(self.norm(x))[:, PAIRS:, 0]


def squared(model, tokens, y):
    """The mean squared error of the 16 queries of each task."""
    return ops.mse_loss(model(tokens), y)


def batches(rng):
    """Endless batches of fresh tasks."""
    while True:
        yield draw(rng)


@cache
def tasks(split):
    """Held-out tasks: tokens and targets."""
    return draw(np.random.default_rng({"valid": 101, "test": 102}[split]), TASKS)


def errors(model, split="test"):
    """Mean squared error of the query after k pairs, (16,) for k = 0..15."""
    tokens, y = tasks(split)
    with no_grad():
        return ((model(tensor(tokens)).numpy() - y) ** 2).mean(axis=0)


def by_rule(rule, split="test"):
    """The same of rule(X (k, d), y (k,)) -> w (d,), one task after the other."""
    tokens, y = tasks(split)
    X, Y, Q = tokens[:, :PAIRS, :DIM], tokens[:, :PAIRS, DIM], tokens[:, PAIRS:, :DIM]
    found = np.array(
        [
            [Q[i, k] @ rule(X[i, :k], Y[i, :k]) for k in range(PAIRS)]
            for i in range(TASKS)
        ]
    )
    return ((found - y) ** 2).mean(axis=0)


def ridge(X, y):
    """Bayes' answer: λ = σ², because w has variance 1."""
    return np.linalg.solve(X.T @ X + NOISE**2 * np.eye(X.shape[1]), X.T @ y)


def by_hand(count, task=0):
    """Rows (k, pair k, w, question k, prediction, y) of the first queries of a task."""
    told, y = tasks("test")
    X, Y, Q = (
        told[task, :PAIRS, :DIM],
        told[task, :PAIRS, DIM],
        told[task, PAIRS:, :DIM],
    )
    rows = []
    for k in range(count):
        w = ridge(X[:k], Y[:k])
        pair = (
            ", ".join(f"{v:.2f}" for v in X[k - 1]) + f"; {Y[k - 1]:.2f}" if k else ""
        )
        shown = ", ".join(f"{v:.2f}" for v in w)
        asked = ", ".join(f"{v:.2f}" for v in Q[k])
        rows.append([k, pair, shown, asked, f"{Q[k] @ w:.2f}", f"{y[task, k]:.2f}"])
    return rows


def one_step():
    """(error, rate) of one gradient step from w = 0 on ½ mean (w·x − y)², (16,) each.

    The step is w = rate Xᵀy/k. Each k has its own best rate, by least squares on valid.
    """
    (b, y), (b_test, y_test) = _steps("valid"), _steps("test")
    rate = (b * y).sum(axis=0) / np.maximum((b * b).sum(axis=0), 1e-12)
    return ((rate * b_test - y_test) ** 2).mean(axis=0), rate


def few_steps(count=3, rates=None):
    """The same error after `count` gradient steps from w = 0, (16,).

    Each k has the best of `rates` on valid, the same for all its steps.
    """
    rates = np.geomspace(0.1, 2.0, 24) if rates is None else rates
    found = {s: [_after(count, r, s) for r in rates] for s in ("valid", "test")}
    valid, test = (np.array(found[s]) for s in ("valid", "test"))
    return test[valid.argmin(axis=0), np.arange(PAIRS)]


def _after(count, rate, split):
    tokens, y = (a.astype("f8") for a in tasks(split))
    X, Y, Q = tokens[:, :PAIRS, :DIM], tokens[:, :PAIRS, DIM], tokens[:, PAIRS:, :DIM]
    found = np.empty(PAIRS)
    for k in range(PAIRS):
        A, b, w = X[:, :k], Y[:, :k], np.zeros((len(X), DIM))
        for _ in range(count if k else 0):
            left = np.einsum("tkd,td->tk", A, w) - b
            w = w - rate / k * np.einsum("tk,tkd->td", left, A)
        found[k] = ((np.einsum("td,td->t", Q[:, k], w) - y[:, k]) ** 2).mean()
    return found


def _steps(split):
    """(predictions after a step of rate 1, targets), (TASKS, 16) each."""
    tokens, y = (a.astype("f8") for a in tasks(split))
    X, Y, Q = tokens[:, :PAIRS, :DIM], tokens[:, :PAIRS, DIM], tokens[:, PAIRS:, :DIM]
    sums = np.cumsum(X * Y[..., None], axis=1) / np.arange(1, PAIRS + 1)[:, None]
    before = np.concatenate([np.zeros_like(sums[:, :1]), sums[:, :-1]], axis=1)
    return (Q * before).sum(axis=-1), y


# --- tinyft study 23 -------------------------------------------------------------------


def plan():
    """Three rates for two seeds."""
    return [{"lr": lr, "seed": seed} for seed in CHOOSING for lr in RATES]


def run(lr, seed):
    """Train on fresh tasks; {"valid": mean error, "0" .. "15": error after k pairs}."""
    model = InContext(rng=np.random.default_rng(seed))
    losses = train(model, batches, lr, STEPS, seed, squared)
    curve = {str(k): float(e) for k, e in enumerate(errors(model))}
    return {
        "valid": float(errors(model, "valid").mean()),
        "train": losses[-10:].mean(),
    } | curve
