"""Task 3 of 4: one step of cached decoding.  (2.18) of notebooks/02_transformer.ipynb."""

import numpy as np


def kv_cache_step(x, weights, cache, heads):
    """Causal multi-head attention of one new token to the t before it and to itself:

    K' = [K; k],  V' = [V; v],  y = Wo concat_h(softmax(q_h K'_hᵀ / √d) V'_h)     (2.18)

    x (C,) the new token's state; weights {"q", "k", "v", "o"}, each (C, C) and out × in
    as in PyTorch (q = Wq x), no biases; head h owns features h·d .. h·d + d − 1,
    d = C / heads. cache = (K, V), each (heads, t, d), oldest token first, t may be 0.
    Returns y (C,), finite for any finite scores, and the longer cache (K', V'), each
    (heads, t + 1, d). Leave the inputs unchanged.

    Example: C = heads = 1, all four weights [[1.]], x [1.], cache K [[[0.]]], V [[[5.]]]:
    K' = [[[0.], [1.]]], V' = [[[5.], [1.]]], weights [0.2689, 0.7311], y = [2.0758].
    """
    # YOUR CODE: equation (2.18)
    K, V = cache
    q, k, v = ((weights[n] @ x).reshape(heads, -1) for n in "qkv")  # (H, d)
    K = np.concatenate([K, k[:, None]], axis=1)
    V = np.concatenate([V, v[:, None]], axis=1)
    scores = np.einsum("hd,hsd->hs", q, K) / np.sqrt(K.shape[-1])
    P = np.exp(scores - scores.max(axis=1, keepdims=True))
    P = P / P.sum(axis=1, keepdims=True)
    seen = np.einsum("hs,hsd->hd", P, V)
    return weights["o"] @ seen.reshape(-1), (K, V)
    # END YOUR CODE
