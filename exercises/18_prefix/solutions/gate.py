"""Task 3 of 5: a prefix is a gated addition.  (18.5) of notebooks/18_prefix.ipynb."""

import numpy as np


def gate(q, k, P_k, seen, o_K, o_P):
    """λ = σ(LSE_P − LSE_K) and o = (1 − λ) o_K + λ o_P                           (18.5)

    LSE_K is the log of the sum of exp of the scores q kᵀ/√d over the text's keys that the
    query sees (causal: query i sees keys 0..i). LSE_P is that over the keys of the prefix
    that it may see, seen[i] (shorter prefixes in a batch are padded); a query that sees
    none has λ = 0. o_K and o_P are given: what each group of keys alone would give.

    q (T, d), k (T, d), P_k (l, d), seen (T, l) of bool, o_K (T, e), o_P (T, e); returns
    (λ (T,), o (T, e)), float64. Finite, without a warning, also for scores of ±2000.

    With q = [[1], [2]], k = [[1], [0]], P_k = [[0], [1]], seen = [[True, True], [False,
    True]], o_K = [[4], [8]], o_P = [[0], [2]] it is λ = [0.5777, 0.4683] and
    o = [[1.6893], [5.1901]].
    """
    # YOUR CODE: equation (18.5)
    T, d = q.shape
    text = np.where(np.tri(T), q @ k.T / np.sqrt(d), -np.inf)
    front = np.where(seen, q @ P_k.T / np.sqrt(d), -np.inf)
    difference = np.logaddexp.reduce(front, axis=1) - np.logaddexp.reduce(text, axis=1)
    lam = np.exp(-np.logaddexp(0.0, -difference))
    return lam, (1 - lam[:, None]) * o_K + lam[:, None] * o_P
    # END YOUR CODE
