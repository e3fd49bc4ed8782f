"""Chapter 29: what a real fine-tuning changed, by matrix and by sentence."""

from functools import cache

import numpy as np

from tinyft import models, no_grad
from tinyft.course.lessons.real.ch29_reviews import encoded, minilm

TEXTS = (
    "mean time to recover",
    "MTTR",
    "the disk of the database server is full",
    "a database has run out of storage",
    "restart the service after the deployment",
    "roll back the last release",
    "latency of requests at the 99th percentile",
    "slow responses for a few users",
    "an alert fired at night",
    "the engineer on call was woken up",
    "the cat sleeps on the sofa",
    "she plays the violin beautifully",
    "the film is too long by half",
    "a moving story about two brothers",
    "rain is expected tomorrow",
    "the soup needs more salt",
)
PAIRS = ((0, 1), (2, 3), (4, 5), (2, 9), (10, 14))
# three of one meaning, then two of different meanings: on the task's subject, and off it
MATRICES = ("attn.q", "attn.k", "attn.v", "attn.o", "mlp.up", "mlp.down")


def pair():
    """(base, fine-tuned): {name: array} of the two models."""
    found = [minilm(name) for name in ("minilm", "minilm-finetuned")]
    states = [{n: p.numpy().copy() for n, p in m.named_parameters()} for m in found]
    if all(np.array_equal(states[0][n], states[1][n]) for n in states[0]):
        states[1] = _stand_in(states[0])  # not fetched: random values stand in
    return states


def _stand_in(state):
    """A change of rank 2 in each matrix, and rows that only decay."""
    rng, new = np.random.default_rng(1), {n: v.copy() for n, v in state.items()}
    for name in changed(state):
        a, b = (rng.normal(size=(n, 2)) for n in new[name].shape)
        new[name] += (0.02 * a @ b.T).astype("f4")
    new["embed.weight"] *= np.float32(1 - 1e-4)
    return new


def changed(state):
    """The names of the encoder's 36 matrices."""
    return [n for n in state if n.endswith(tuple(f"{m}.weight" for m in MATRICES))]


def decompose(base, new):
    """{name: (U, s, Vt) of its ΔW}."""
    return {
        n: np.linalg.svd((new[n] - base[n]).astype("f8"), full_matrices=False)
        for n in changed(base)
    }


@cache
def _encoder():
    return minilm()


def embeddings(state, texts=TEXTS):
    """Unit vectors (n, C) of texts by an encoder with these weights."""
    model = _encoder()
    model.load_state_dict(model.state_dict() | state)
    with no_grad(), model.evaluating():
        return models.sentence_embedding(model, *encoded(texts)).numpy()


def distance(a, b):
    """Root mean square of the distances between two sets of embeddings."""
    return float(np.sqrt(np.mean(np.sum((a - b) ** 2, axis=1))))


def left(base, new, parts, r, *ends):
    """The share of the distance between both models' embeddings that is left when each
    ΔW keeps r directions; norms, biases and embeddings are the base's. ends: both."""
    cut = {
        n: base[n] + ((U[:, :r] * s[:r]) @ Vt[:r]).astype("f4")
        for n, (U, s, Vt) in parts.items()
    }
    return distance(embeddings(base | cut), ends[1]) / distance(*ends)


def only(base, new, parts, r, names, *ends):
    """A table's row: r directions of the matrices with these names, of no others."""
    some = {n: svd for n, svd in parts.items() if n.split(".")[-2] in names}
    kept = sum(np.sum(s[:r] ** 2) / np.sum(s**2) for _, s, _ in some.values())
    rest = left(base, new, some, r, *ends)
    title = f"{r}, {' and '.join(names)} only ({len(some)} matrices)"
    return [title, f"{kept / len(parts):.2f}", f"{rest:.2f}"]


def cosines(base, new, ts):
    """{pair of texts: its cosine at base + t (new − base) for each t}."""
    found = {f"{TEXTS[i]} / {TEXTS[j]}": [] for i, j in PAIRS}
    for t in ts:
        E = embeddings(along(base, new, t))
        for values, (i, j) in zip(found.values(), PAIRS):
            values.append(float(E[i] @ E[j]))
    return found


def along(base, new, t):
    """base + t (new − base), all of it."""
    return {n: base[n] + np.float32(t) * (new[n] - base[n]) for n in base}


def factors(base, new):
    """c of each row of the embedding with new = c · base, and the relative error."""
    old, now = (s["embed.weight"].astype("f8") for s in (base, new))
    square = np.sum(old * old, axis=1)
    c = np.sum(now * old, axis=1) / square
    error = np.sqrt(np.sum((now - c[:, None] * old) ** 2, axis=1) / square)
    return c, error


def decay_words(c, error, rounding, limit=2e-5):
    """How many rows are one factor times the base's, and how sharply they stand apart.

    rounding: {number of steps: the error that float32 alone leaves}.
    """
    same = error < limit
    others = f"; the next row misses by {error[~same].min():.0e}" if any(~same) else ""
    alone = ", ".join(f"{value:.0e} in {steps}" for steps, value in rounding.items())
    return (
        f"{same.sum():,} of {len(c):,} rows are the base's times one factor, 1 − c = "
        f"{1 - np.median(c[same]):.3g}, to within {error[same].max():.1e} of their length"
        f"{others}. Rounding to float32 alone leaves {alone} small steps: their "
        f"{error[same].max():.1e} ({error[same].max() / (1 - np.median(c[same])):.0%} of "
        "1 − c) is no more than rounding can leave."
    )


def rounding(base, steps, decay=9.45e-5, count=2000):
    """What `factors` calls the error of rows that float32 has decayed in small steps."""
    old = base["embed.weight"][:count]
    now, factor = old.copy(), np.float32(1 - decay / steps)
    for _ in range(steps):
        now *= factor
    return float(np.median(factors({"embed.weight": old}, {"embed.weight": now})[1]))
