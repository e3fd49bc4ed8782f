"""Task 2 of 5: attention with a prefix in front.  (18.4) of notebooks/18_prefix.ipynb."""

import numpy as np


def prefix_attention(q, k, v, P_k, P_v):
    """o = softmax(q [P_k; K]ᵀ / √d) [P_v; V], causal over the text               (18.4)

    Query i sees all l rows of the prefix and the text's keys 0..i. Grouped queries: query
    head h uses key head h // (H // G), so neighbours share one.

    q (H, T, d), k (G, T, d), v (G, T, e), P_k (G, l, d), P_v (G, l, e), H a multiple of
    G; l may be 0. Returns (H, T, e), float64. Finite for any finite scores, also for
    ±2000. Do not change the inputs.

    With q = [[[1], [2]], [[0], [-1]]], k = [[[1], [0]]], v = [[[4], [8]]], P_k = [[[0]]],
    P_v = [[[-2]]] it is [[[2.3864], [3.7870]], [[1], [3.1554]]].
    """
    # YOUR CODE: equation (18.4)
    raise NotImplementedError("not implemented yet: prefix_attention, equation (18.4)")
