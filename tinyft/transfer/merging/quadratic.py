"""Soups on a quadratic loss: three losses give the parabola, n(n+1)/2 the best weights.

    L(α) = (1 − α) L_0 + α L_1 − ½ q α(1 − α),   q = 4 (L_0 + L_1 − 2 L_½) = δᵀHδ      (1)
    α* = ½ + (L_0 − L_1)/q                                                          (2)
    L(Σ w_i θ_i) = Σ w_i L_i − ¼ Σ_ij w_i w_j d_ij,   d_ij = (θ_i − θ_j)ᵀH(θ_i − θ_j)   (3)
    its minimum with Σ w = 1:   ½ D w + μ 1 = L,   1ᵀw = 1                          (4)

d_ij is q of models i and j. On the data that θ_1 minimises α* = 1: interpolation helps on
other data only. Near a common minimum a network's loss is about a quadratic; the cells
of chapter 27 say how far. Sources: Wortsman et al. 2022 (arXiv 2203.05482), section 4.
"""

import math

from tinyft import backend


def curvature(first, middle, last):
    """q of (1) from the losses at α = 0, ½ and 1; below 0 where the middle is a bump."""
    return 4 * (first + last - 2 * middle)


def best_share(first, middle, last):
    """α* of (2), the lowest point of the parabola through the three losses, clipped to
    [0, 1]; where it has none (q <= 0), the better end."""
    q = curvature(first, middle, last)
    if q <= 0:
        return float(last < first)
    return min(max(0.5 + (first - last) / q, 0.0), 1.0)


def soup_loss(losses, D, weights):
    """(3), a float: losses (n,), D (n, n) of the d_ij, weights (n,) with sum 1."""
    return float(weights @ losses - weights @ D @ weights / 4)


def soup_weights(losses, D):
    """w (n,) of (4), an array: the weights of least loss; some may be below 0.

    losses (n,), D (n, n) symmetric with zero diagonal, floats on one device. Raises
    ValueError for other shapes, and where several w are best: more models than
    directions between them, or two that are equal.
    """
    n = len(losses)
    if D.shape != (n, n) or not math.isfinite(float(abs(D).sum() + abs(losses).sum())):
        raise ValueError(
            f"soup_weights: expected {n} finite losses and D ({n}, {n}), got {D.shape}"
        )
    xp = backend.xp_of(losses)
    linalg = backend.linalg_of("soup_weights", losses)
    A = xp.ones((n + 1, n + 1), dtype=losses.dtype)
    A[:n, :n], A[n, n] = D / 2, 0
    if int(linalg.matrix_rank(A)) <= n:
        raise ValueError(
            f"soup_weights: {n} models do not give one best soup: two are alike, or they "
            "lie in fewer than n − 1 directions; leave one out"
        )
    return linalg.solve(A, xp.concatenate([losses, xp.ones(1, losses.dtype)]))[:n]
