"""Words for vectors and vectors for words: what a prompt means, and which word to swap.

    nearest   word of p_t = argmin_v ‖p_t − e_v‖                                      (1)
    swap      loss(e_v at t) − loss ≈ g_t · (e_v − e_{w_t}),  g_t = ∂loss/∂(row t)    (2)

(2) is one gradient for all T · V swaps, to first order only: a search takes the most
promising and measures them. Sources: Ebrahimi, Rao, Lowd, Dou 2018 (HotFlip), (2); Shin,
Razeghi, Logan, Wallace, Singh 2020 (AutoPrompt); Lester, Al-Rfou, Constant 2021, (1).
"""

from tinyft import backend
from tinyft.ops.operands import wrap


def nearest_words(vectors, table):
    """(ids (T,) integers, distances (T,) float64) of the rows of `table` (V, C) that are
    nearest to `vectors` (T, C) in Euclidean distance (1); a tie goes to the lower id.

    Raises ValueError for other shapes, and for NaN, which has no nearest word.
    """
    P, E = _rows("nearest_words", vectors=vectors, table=table)
    xp = backend.xp_of(E)
    ids = xp.stack([((E - p) ** 2).sum(axis=1).argmin() for p in P])
    return ids, ((P - E[ids]) ** 2).sum(axis=1) ** 0.5


def swap_scores(gradient, ids, table):
    """How much the loss changes, to first order, if word ids[t] becomes v: (T, V) (2).

    gradient (T, C): of the loss by the embeddings of the words `ids` (T,); table (V, C)
    of the embedding. 0 where v is the word already. Raises ValueError as above, and for
    ids outside the table.
    """
    G, E = _rows("swap_scores", gradient=gradient, table=table)
    xp = backend.xp_of(E)
    at = xp.asarray(wrap(ids)._data)
    fits = at.shape == G.shape[:1] and at.dtype.kind in "iu"
    if not fits or at.min() < 0 or at.max() >= len(E):
        raise ValueError(
            f"swap_scores: ids should be {len(G)} integers 0..{len(E) - 1}, one per row "
            f"of the gradient, got {at.dtype} of shape {at.shape}"
        )
    return G @ E.T - (G * E[at]).sum(axis=1, keepdims=True)


def _rows(what, **given):
    """Both as float64 arrays of one width on one device."""
    (name, a), (_, table) = given.items()
    E = wrap(table)._data
    a = backend.xp_of(E).asarray(wrap(a)._data)
    if a.ndim != 2 or E.ndim != 2 or a.shape[1] != E.shape[1] or not len(a):
        raise ValueError(
            f"{what}: {name} should be (T, C) and table (V, C) of one width C, got "
            f"{a.shape} and {E.shape}"
        )
    if not abs(a).max() < float("inf"):
        raise ValueError(f"{what}: {name} has an entry that is NaN or infinite")
    return a.astype("float64"), E.astype("float64")
