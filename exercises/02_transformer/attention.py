"""Task 1 of 4: scaled dot-product attention.  (2.1), (2.2) of
notebooks/02_transformer.ipynb."""

import numpy as np


def attention(q, k, v, causal=False):
    """O = P v  with  P = softmax(q kᵀ / √d), a distribution over the keys         (2.1)

    causal: query t of T stands at position t + S − T, so that the last query stands at
    the last key, and it looks at no key after its position                        (2.2)

    q (H, T, d), k (H, S, d), v (H, S, e), T <= S; returns O (H, T, e), float64. Finite
    for any finite scores, also for scores of ±1000. Leave the inputs unchanged.

    Example: q [[[2.]]], k [[[0.], [1.]]], v [[[10.], [20.]]], one head, one query and
    two keys: scores [0, 2], weights [0.1192, 0.8808], O = [[[18.808]]], causal or not.
    """
    # YOUR CODE: equations (2.1), (2.2)
    raise NotImplementedError("not implemented yet: attention, equations (2.1), (2.2)")
