"""Task 2 of 4: BatchNorm after averaging, layer by layer.  Section 5 of the notebook."""

import numpy as np


def repaired_statistics(W1, W2, shares, x, eps):
    """Running statistics of the averaged network, for both of its BatchNorm layers.

    Each of K networks is x → W1 → BatchNorm → ReLU → W2 → BatchNorm, with γ = 1, β = 0
    and no biases. The average has W1 = Σ_k w_k W1_k and W2 = Σ_k w_k W2_k (27.5).

    Return (mean1, var1, mean2, var2) such that each layer stores the mean and the
    unbiased variance (ddof=1) of what really arrives there when the averaged network
    runs in evaluation mode with these statistics: (h − mean)/√(var + eps), with the
    stored, unbiased variance.

    W1 (K, m, d) and W2 (K, c, m): the weights of the K networks; shares (K,) with sum
    1; x (n, d) inputs. Returns arrays (m,), (m,), (c,), (c,).

    Example, d = m = c = 1, eps next to 0, shares [0.5, 0.5], W1 = 1 and 3, W2 = 2 and 4,
    x = [0, 1, 2]: the averaged W1 is 2 and gives 0, 2, 4: mean1 = 2, var1 = 4. Normalised
    −1, 0, 1, after the ReLU 0, 0, 1, times the averaged W2: 0, 0, 3: mean2 = 1, var2 = 3.
    """
    # YOUR CODE: section 5
    raise NotImplementedError("not implemented yet: repaired_statistics, section 5")
