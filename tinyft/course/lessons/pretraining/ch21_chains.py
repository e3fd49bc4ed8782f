"""Chapter 21: two small languages whose every transition is known, for replay.

A chain says p(next token b | present token a) = P[a, b]; π is how often each a occurs.
    best model of a mixture   P_w = ω P_old + (1 − ω) P_new,
                              ω_a = w π_old(a) / (w π_old(a) + (1 − w) π_new(a))
    forgetting                Σ π_old(a) KL(P_old(a) ‖ P_w(a))          nats per token
    gap on the new text       Σ π_new(a) KL(P_new(a) ‖ P_w(a))
"""

import numpy as np

from tinyft.course import plot
from tinyft.course.plot import COLOURS
from tinyft.data import mask_tokens
from tinyft.objectives.language import causal, replay

OLD = np.array([[0.8, 0.1, 0.1], [0.2, 0.6, 0.2], [0.3, 0.3, 0.4]])
NEW = np.array([[0.1, 0.5, 0.4], [0.1, 0.3, 0.6], [0.1, 0.1, 0.8]])


def often(P):
    """How often each token occurs in a long text (V,): π with π P = π."""
    pi = np.full(len(P), 1 / len(P))
    for _ in range(500):
        pi = pi @ P
    return pi


def walk(P, n, seed):
    """A text of n tokens."""
    rng, ids = np.random.default_rng(seed), [0]
    edges, u = P.cumsum(axis=1), rng.random(n)
    for i in range(n - 1):
        ids.append(int((u[i] > edges[ids[-1]]).sum()))
    return np.minimum(ids, len(P) - 1)


def mixture(w):
    """P_w, the best bigram model when a share w of the tokens is old."""
    a, b = w * often(OLD), (1 - w) * often(NEW)
    omega = (a / (a + b))[:, None]
    return omega * OLD + (1 - omega) * NEW


def excess(P, Q):
    """Σ π_P(a) KL(P(a) ‖ Q(a)), nats per token: what the model Q costs on P's text."""
    return float(often(P) @ np.sum(P * np.log(P / Q), axis=1))


def counted(w, batch=400, batches=10):
    """The share of each transition in the library's batches: the best bigram model."""
    old, new = (causal(walk(P, 60_000, s), 50) for s, P in enumerate((OLD, NEW)))
    counts = np.zeros(OLD.shape)
    for _, (x, y) in zip(
        range(batches), replay(new, old, w, batch)(np.random.default_rng(0))
    ):
        np.add.at(counts, (x, y), 1)
    return counts / counts.sum(axis=1, keepdims=True)


# --- hidden tokens: the best reader of a row of four ------------------------------------


def texts_of(P):
    """All rows of four tokens (V⁴, 4), and how likely each is."""
    rows = np.array(list(np.ndindex(*(len(P),) * 4)))
    return rows, often(P)[rows[:, 0]] * P[rows[:, :-1], rows[:, 1:]].prod(axis=1)


def emission(V, p, known):
    """p(what is read | the token), (V + 1, V); V is [MASK]. known: it was chosen."""
    chosen = np.vstack([0.1 * np.eye(V) + 0.1 / V, np.full(V, 0.8)])
    plain = np.vstack([np.eye(V), np.zeros(V)])
    return chosen if known else p * chosen + (1 - p) * plain


def joint(P, read, t, p):
    """p(row as read, token at t | t was chosen), (rows, V), by a sum over all texts."""
    texts, likely = texts_of(P)
    weight = np.tile(likely, (len(read), 1))
    for s in range(4):
        weight = weight * emission(len(P), p, s == t)[read[:, s]][:, texts[:, s]]
    values = [weight[:, texts[:, t] == v].sum(axis=1) for v in range(len(P))]
    return np.stack(values, axis=1)


def floors(P, p):
    """The least expected loss at each of four places, in nats: over all rows."""
    read, out = np.array(list(np.ndindex(*(len(P) + 1,) * 4))), []
    for t in range(4):
        both = joint(P, read, t, p)
        share = both / np.maximum(both.sum(axis=1, keepdims=True), 1e-300)
        out.append(float(-(both * np.log(np.maximum(share, 1e-300))).sum()))
    return out


def sampled(P, p, count):
    """The best reader's losses on `count` rows that the library has hidden, by place."""
    rng, (texts, likely) = np.random.default_rng(8), texts_of(P)
    rows = texts[rng.choice(len(texts), count, p=likely / likely.sum())]
    x, y = mask_tokens(rows, rng, len(P), len(P) + 1, p, never=(len(P),))
    losses = []
    for t in range(4):
        at = np.flatnonzero(y[:, t] >= 0)
        both = joint(P, x[at], t, p)
        q = both[np.arange(len(at)), y[at, t]] / both.sum(axis=1)
        losses.append(-np.log(q))
    return losses


def draw(points):
    """Figure 1: forgetting against gap; the exact curve, and {w: a counted model}."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(5.6, 3.8))
    shares = np.linspace(0.002, 0.998, 200)
    curve = [(excess(NEW, Q), excess(OLD, Q)) for Q in map(mixture, shares)]
    ax.plot(*np.transpose(curve), color=COLOURS["blue"], label="exact, every w")
    ends = [(0, excess(OLD, NEW)), (excess(NEW, OLD), 0)]
    ax.plot(*np.transpose(ends), "--s", color="0.5", label="straight, for comparison")
    for w, (x, y) in enumerate(ends):
        ax.annotate(f"w = {w}", (x, y), (8, 8), textcoords="offset points", fontsize=9)
    found = {w: (excess(NEW, Q), excess(OLD, Q)) for w, Q in points.items()}
    ax.plot(*np.transpose(list(found.values())), "o", color=COLOURS["vermilion"],
            label="counted in rows of language.replay")  # fmt: skip
    for w, (x, y) in found.items():
        ax.annotate(
            f"w = {w:g}", (x, y), (7, 4), textcoords="offset points", fontsize=9
        )
    ax.set(xlabel="gap on the new text (nats per token)",
           ylabel="forgetting, old text (nats per token)")  # fmt: skip
    ax.margins(x=0.08, y=0.1)
    ax.legend()
    text = "; ".join(
        f"w {w:g}: gap {x:.2f}, forgetting {y:.2f}" for w, (x, y) in found.items()
    )
    caption = (
        "Figure 1. Two chains of three tokens. The first tenth of replay removes much of "
        "the forgetting and costs little."
    )
    plot.show(fig, f"Forgetting against gap: {text}. {caption}", caption)
