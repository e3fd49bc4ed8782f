"""Task 5 of 5: how far to trust a few images.  (10.13), (10.14) of the notebook."""

import numpy as np


def mixing_weights(mean_s, var_s, mean_t, var_t, n):
    """The best weights of a small sample's mean and variance, for each channel.

    A layer holds the source's mean_s, var_s. The target has mean_t, var_t. From n target
    entries one computes the sample's mean m and its biased variance s² (divided by n).
    Return (α, β), each (C,), that make these mean squared errors least:

    E (μ − mean_t)²,  μ = (1 − α) mean_s + α m                                  (10.13)
    E (v − var_t)²,   v = (1 − β) var_s + β s²                                  (10.14)

    where E m = mean_t and Var m = var_t/n; for Gaussian entries E s² = var_t (n − 1)/n
    and Var s² = 2 var_t² (n − 1)/n².

    mean_s, var_s, mean_t, var_t (C,); n an int >= 2.
    Example, one channel: mean_s = 0, var_s = 1, mean_t = 1, var_t = 2, n = 4.
    A source mean off by 1, a sample mean with variance 2/4: α = 1/(1 + 0.5) = 0.667.
    The source's variance is off by a = −1, s² by −0.5 with variance 2·4·3/16 = 1.5:
    β = (−1)(−0.5)/((−0.5)² + 1.5) = 0.286.
    """
    # YOUR CODE: (10.13) and (10.14)
    away = (mean_t - mean_s) ** 2
    alpha = away / (away + var_t / n)
    a, b = var_s - var_t, -var_t / n
    noise = 2 * var_t**2 * (n - 1) / n**2
    beta = a * (a - b) / ((a - b) ** 2 + noise)
    return alpha, beta
    # END YOUR CODE
