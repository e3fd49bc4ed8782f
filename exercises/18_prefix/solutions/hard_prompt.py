"""Task 1 of 5: words for a prompt.  (18.1), (18.3) of notebooks/18_prefix.ipynb."""

import numpy as np


def best_swap(G, weight, ids, E, allowed):
    """The swap of one word that promises the lowest loss, to first order.      (18.1)

    One prompt stands in front of B texts. The loss is the weighted mean of theirs, text b
    counting weight[b] times (>= 0, not all 0). G (B, T, C): the gradient of each text's
    loss by the prompt's T vectors; ids (T,): its words; E (V, C): the embeddings; allowed
    (V,) booleans: the words that may come in. A word is never swapped for itself.

    Returns (t, v, change): position, new word, and the change of the loss it promises.
    With G = [[[1, 0], [0, 1]], [[3, 0], [0, 1]]], weight = [1, 1], ids = [0, 1],
    E = [[0, 0], [2, 0], [-1, 1]] and all words allowed, it is (0, 2, -2.0).
    """
    # YOUR CODE: equation (18.1)
    g = np.tensordot(weight / np.sum(weight), G, axes=1)
    change = g @ E.T - np.sum(g * E[ids], axis=1)[:, None]
    change[:, ~allowed] = np.inf
    change[np.arange(len(ids)), ids] = np.inf
    t, v = np.unravel_index(np.argmin(change), change.shape)
    return t, v, change[t, v]
    # END YOUR CODE


def nearest_words(P, E):
    """The word nearest to each vector, each coordinate measured in its own spread.

    distance(p, e)² = Σ_c ((p_c − e_c)/s_c)², s_c the standard deviation of column c of E
    over the V words (divide by V), so that no coordinate counts for its scale: (18.3) in
    scaled coordinates.

    P (T, C), E (V, C). Returns (ids (T,), distances (T,)).
    With P = [[0, 8]], E = [[0, 0], [2, 0], [0, 20]] it is ([0], [0.8485]): the second
    coordinate spreads ten times as far as the first.
    """
    # YOUR CODE: equation (18.3)
    scale = np.std(E, axis=0)
    apart = np.sum(((P[:, None] - E) / scale) ** 2, axis=2)
    ids = np.argmin(apart, axis=1)
    return ids, np.sqrt(apart[np.arange(len(P)), ids])
    # END YOUR CODE
