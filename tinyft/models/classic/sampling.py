"""Negatives of skip-gram: words drawn from a noise distribution.

    q(c) ∝ #(c)^power        ¾ in word2vec, 1 is the words' own frequency, 0 is uniform

A negative that equals the positive pulls against it. "keep" leaves it in, as the
objective is written; "skip" leaves it out, as word2vec.c does; "redraw" draws again.
The three have different optima (shifted_pmi.py).
Source: Mikolov et al. 2013 (arXiv:1310.4546), section 2.2; word2vec.c.
"""

from tinyft import backend

HOST = backend.host()
EQUAL = ("keep", "skip", "redraw")


def noise(frequencies, power=0.75):
    """q (V,) ∝ frequencies^power, sum 1; 0 where the frequency is 0.

    Raises ValueError for negative frequencies, none above 0, or another shape.
    """
    f = HOST.asarray(frequencies, "float64")
    if f.ndim != 1 or not f.size or f.min() < 0 or not 0 < f.sum() < float("inf"):
        raise ValueError(
            f"noise: frequencies should be (V,), >= 0 and not all 0, got shape {f.shape}"
        )
    q = HOST.where(f > 0, HOST.maximum(f, 1e-300) ** power, 0)
    return q / q.sum()


def negatives(rng, contexts, k, q, equal="skip"):
    """k words from q (V,) for each context (B,): ids (B, k), −1 where one was left out.

    equal: what becomes of a negative that is the context itself. Raises ValueError for
    another name, for k below 1, and for "redraw" if nothing else can be drawn.
    """
    if equal not in EQUAL or k < 1:
        raise ValueError(
            f"negatives: equal={equal!r}, k={k}; equal is one of {EQUAL}, k 1 or more"
        )
    if equal == "redraw" and (q > 0).sum() < 2:
        raise ValueError("negatives: one word alone leaves nothing else to draw")
    found, contexts = _draw(rng, q, (len(contexts), k)), contexts[:, None]
    if equal == "skip":
        return HOST.where(found == contexts, -1, found)
    while equal == "redraw" and (found == contexts).any():
        again = found == contexts
        found[again] = _draw(rng, q, int(again.sum()))
    return found


def _draw(rng, q, shape):
    """Ids from q, by where a uniform number falls on the ladder of sums."""
    ladder = q.cumsum()
    return HOST.searchsorted(ladder / ladder[-1], rng.random(shape), "right")
