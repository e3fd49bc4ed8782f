"""Task 2 of 4: five numbers that are called the Fisher, the F of (26.4)."""

import numpy as np


def five_fishers(X, y, W, u, batch):
    """Five diagonals for softmax regression, p = softmax(X Wᵀ).

    g_i(c) = ∂ log p(c|x_i)/∂W, an array (K, d); squares are entry by entry, and every
    mean is over all n examples (or all batches):

    true       mean_i Σ_c p_ic g_i(c)²
    sampled    mean_i g_i(c_i)²,    c_i the first class whose cumulated p exceeds u_i
    empirical  mean_i g_i(y_i)²
    argmax     mean_i g_i(likeliest class of x_i)²
    batch      mean over batches of (mean of g_i(y_i) in the batch)²

    Batches are rows 0 ... batch−1, batch ... 2·batch−1, and so on; the last one may be
    shorter and counts as much as the others.

    X (n, d), y (n,) labels, W (K, d), u (n,) in [0, 1), batch an int. Returns the five
    arrays (K, d), in this order.

    X = [[1], [2]], y = [0, 1], W = [[0], [1]], u = [0.5, 0.05], batch = 2: p =
    [[0.2689, 0.7311], [0.1192, 0.8808]], g_1(0) = [0.7311, −0.7311]ᵀ,
    g_1(1) = [−0.2689, 0.2689]ᵀ, g_2(0) = [1.7616, −1.7616]ᵀ, g_2(1) = [−0.2384, 0.2384]ᵀ.
    Both rows of each result are equal here, for two classes mirror each other:
    true 0.3083, sampled (classes 1 and 0) 1.5877, empirical (0 and 1) 0.2957,
    argmax (1 and 1) 0.0646, batch 0.0607.
    """
    # YOUR CODE: the F of (26.4)
    raise NotImplementedError("not implemented yet: five_fishers, the F of (26.4)")
