"""Task 3 of 4: a KL in the loss that pulls the right way.  (24b.8), (24b.10)."""

import numpy as np


def kl_weights(logp, old, ref, mask):
    """The loss L = Σ ρ k3 / n of sampled tokens, and ∂L/∂logp.

    ℓ = logp − ref, k3 = e^−ℓ − 1 + ℓ, ρ = exp(logp − old). The answers were sampled from
    the policy of `old`; both ρ and k3 depend on logp. Only tokens with mask 1 count, and
    n is the number of answers.

    Some policies are within 1e-8 of the reference. L must be right to four digits there,
    where e^−ℓ − 1 + ℓ as it is written has none.

    Example: two answers of one token each, logp = log [[0.5], [0.2]], old = log [[0.4],
    [0.2]], ref = log [[0.25], [0.4]]. ℓ = log 2 and −log 2, ρ = 1.25 and 1,
    k3 = 0.5 − 1 + 0.693 = 0.193 and 2 − 1 − 0.693 = 0.307:
    L = (1.25 · 0.193 + 0.307)/2 = 0.274.

    logp, old, ref, mask (n, T). Returns (value, weights): a float and (n, T).
    """
    # YOUR CODE: (24b.8), (24b.10)
    ratio, gap = np.exp(logp - old), (logp - ref) * mask
    k3 = np.expm1(-gap) + gap
    return (ratio * k3).sum() / len(logp), ratio * gap / len(logp)
    # END YOUR CODE
