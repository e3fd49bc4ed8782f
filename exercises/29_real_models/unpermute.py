"""Task 3 of 4: rows of q and k of a GGUF file.  (29.1) of the notebook."""

import numpy as np


def unpermute(Wq, Wk, X, heads, kv_heads, base):
    """The query and key matrices of a Llama's GGUF file for positions that turn halves.

    llama.cpp turns the neighbours (0, 1), (2, 3), ... of a head, and our model turns row
    j together with row j + w/2 (w rows per head, j = 0, ..., w/2 − 1), both by the angle
    t · base^(−2j/w) at position t = 0, 1, 2, ...:

        a' = a cos − b sin,  b' = a sin + b cos        a, b: the pair, the lower row first

    For that its files hold the rows of each head in another order: row 2j of the file is
    our row j, and row 2j + 1 is our row j + w/2                                 (29.1)

    Query head h looks at key head ⌊h · kv_heads / heads⌋, and
    S[h, t, u] = (turned query of head h at t) · (turned key at u) / √w, without a mask.

    Wq (heads·w, C) and Wk (kv_heads·w, C) as in the file, w even; X (T, C); base > 1.
    Returns (our Wq, our Wk, S): two matrices of the shapes given, and (heads, T, T).

    Example: heads = kv_heads = 1, Wq = [[1], [2], [3], [4], [5], [6]] gives our
    Wq = [[1], [3], [5], [2], [4], [6]]. With Wk = Wq, X = [[1], [1]] and base = 100,
    S[0] = [[37.151, 35.949], [35.949, 37.151]].
    """
    # YOUR CODE: (29.1), and the scores
    raise NotImplementedError("not implemented yet: unpermute, (29.1), and the scores")
