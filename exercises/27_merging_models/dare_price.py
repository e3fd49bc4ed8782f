"""Task 4 of 4: what dropping costs, and how much may be dropped.  (27.8)–(27.10)."""

import numpy as np


def dare_price(H, taus, scales, ps):
    """The expected loss of a sum of dropped vectors, minus the loss of the sum itself.

    On a quadratic loss L with the Hessian H, θ = θ0 + Σ_t λ_t τ̃_t, where every vector
    went through DARE on its own (27.8): independent masks, dropped share p_t. Return

        E L(θ) − L(θ0 + Σ_t λ_t τ_t)

    H (d, d) symmetric; taus (T, d); scales λ (T,), of either sign; ps (T,) in [0, 1).
    A float.

    Example, d = 2: H = [[2, 1], [1, 3]], one vector [1, 2] with λ = 2 and p = 0.5: the
    variances of λτ̃ are 4 · 1 · [1, 4], so the price is ½ (2 · 4 + 3 · 16) = 28.
    """
    # YOUR CODE: (27.9) and (27.10)
    raise NotImplementedError("not implemented yet: dare_price, (27.9) and (27.10)")


def largest_drop(H, taus, scales, budget):
    """The largest p, the same for all vectors, whose price is not above `budget`.

    budget > 0; H has a positive diagonal. A float in [0, 1).

    Example: with the H, vector and λ from above and budget 7 it is p = 0.2: the
    price is p/(1 − p) · 28.
    """
    # YOUR CODE: (27.10) solved for p
    raise NotImplementedError("not implemented yet: largest_drop, (27.10) solved for p")
