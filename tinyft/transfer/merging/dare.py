"""DARE: drop entries of a task vector at random, and rescale what is left.

    τ̃_i = m_i τ_i / (1 − p),   m_i ~ Bernoulli(1 − p)        E τ̃ = τ                 (1)
    Var τ̃_i = p/(1 − p) τ_i²,  entries independent                                   (2)
    E L(θ0 + τ̃) = L(θ0 + τ) + p/(2(1 − p)) Σ_i H_ii τ_i²     on a quadratic loss L   (3)

Without the factor 1/(1 − p) this is (1 − p) τ plus noise: a shorter step. Unbiased weights
are not unbiased predictions: (3) is the price, it grows with the size of τ, and at
p = 0.9 the variance is nine times τ². Vectors sparsified like this collide less often
when they are summed, or go on to TIES: ties([dare(v, p, rng) for v in vectors], 1.0).
Source: Yu et al. 2023 (arXiv 2311.03099).
"""

from tinyft import backend


def dare(vector, p, rng):
    """{name: array}: τ̃ of (1), drawn anew.

    vector: a task vector. p: in [0, 1), the share that is DROPPED (TIES' density is the
    share kept). rng: a numpy Generator; the masks are drawn on the host, in the order of
    the names. Raises ValueError for p outside [0, 1).
    """
    _check(p)
    return {name: _drawn(x, p, rng) for name, x in vector.items()}


def dare_variance(vector, p):
    """{name: array}: the variance (2) of each entry of `dare(vector, p, rng)`."""
    _check(p)
    return {name: p / (1 - p) * x**2 for name, x in vector.items()}


def _drawn(x, p, rng):
    kept = backend.uniform(rng, x.shape, x.dtype, x) >= p
    return x * kept / (1 - float(p))


def _check(p):
    if not 0 <= p < 1:
        raise ValueError(
            f"dare: p={p} should be in [0, 1), the share that is dropped; at 1 nothing is "
            "left to be rescaled"
        )
