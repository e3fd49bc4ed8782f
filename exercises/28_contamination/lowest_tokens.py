"""Task 2 of 4: Min-K% and Min-K%++ of a padded batch.  (28.6), (28.7) of the notebook."""

import numpy as np


def log_softmax(Z):
    """Log-probabilities over the last axis of Z."""
    Z = Z - Z.max(axis=-1, keepdims=True)
    return Z - np.log(np.exp(Z).sum(axis=-1, keepdims=True))


def lowest_tokens(Z, y, lengths, share):
    """Both scores of texts of unequal length, from the model's logits.

    Text i has T = lengths[i] tokens to predict; what stands behind them is padding.
    Min-K%:    mean of the k lowest log p(y_t),  k = max(1, ⌊share · T⌋)      (28.6)
    Min-K%++:  mean of the k lowest z_t = (log p(y_t) − μ_t)/σ_t              (28.7)
    μ_t = Σ_w p(w) log p(w),  σ_t² = Σ_w p(w) (log p(w) − μ_t)², over the vocabulary; the
    k lowest z need not be the tokens of the k lowest log p.

    Z (n, T_max, V) logits, y (n, T_max) targets, lengths (n,) >= 1, share in (0, 1].
    Returns (min_k (n,), min_k_plus (n,)).

    Two texts, V = 2, share 0.5. Z[0] = [[0, 2], [0, 1]], y[0] = [0, 1], length 2: log p =
    [−2.1269, −0.3133], μ = [−0.3653, −0.5822], σ = [0.6481, 0.4434], z = [−2.7183,
    0.6065], k = 1. Z[1] = [[1, 0], [5, 0]], y[1] = [1, 1], length 1: the second is padding,
    log p = −1.3133, z = −1.6487. min_k = [−2.1269, −1.3133], plus = [−2.7183, −1.6487].
    """
    # YOUR CODE: (28.6), (28.7)
    raise NotImplementedError("not implemented yet: lowest_tokens, (28.6), (28.7)")
