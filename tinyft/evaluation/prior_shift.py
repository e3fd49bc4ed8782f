"""The class frequencies π_t of a target from examples without labels.

In a prior shift p(x|y) stays and π_s(y) becomes π_t(y). Two estimates, from a source
classifier and n target inputs:

    EM     q_ik ∝ p_s(k|x_i) π(k)/π_s(k)      then      π(k) = Σ_i q_ik / n         (1)
    BBSE   C w = μ      C_ij = p_s(ŷ = i, y = j),  μ_i = p_t(ŷ = i),  w = π_t/π_s   (2)

EM needs p_s(k|x) itself: posteriors calibrated class by class (`bcts`). BBSE needs none,
any classifier will do, but C must be invertible, and noise in μ grows by 1/σ_min(C). The
new posterior is then softmax(log p_s + log π_t/π_s).
Sources: Saerens, Latinne, Decaestecker 2002 (1); Lipton, Wang, Smola 2018 (2).
"""

from tinyft import backend
from tinyft.evaluation.given import class_labels, shares, table_of


def em_prior(posteriors, prior, sweeps=1000):
    """π_t (K,) by expectation maximisation (1), float64; a class may end near 0.

    posteriors (n, K): calibrated p_s(k|x) of the target's inputs, rows with sum 1.
    prior (K,): π_s, positive, with sum 1. It is the maximum of the likelihood of the
    inputs, which is concave in π. Raises ValueError for what is not so.
    """
    p = shares(
        "em_prior",
        "each row of posteriors",
        table_of("em_prior", "posteriors", posteriors),
    )
    source = _prior("em_prior", prior, p)
    if not (isinstance(sweeps, int) and sweeps >= 1):
        raise ValueError(f"em_prior: sweeps={sweeps!r} should be an integer >= 1")
    pi, ratio = source, p / source
    for _ in range(sweeps):
        q = ratio * pi
        pi = (q / q.sum(axis=1, keepdims=True)).mean(axis=0)
    return pi


def confusion(predictions, labels):
    """C (K, K) of (2), C_ij = the share of examples predicted i whose class is j.

    predictions (n, K): probabilities, or 0 and 1 for hard predictions; labels (n,) of
    held-out source examples, every class among them. All entries sum to 1.
    """
    p = shares(
        "confusion",
        "each row of predictions",
        table_of("confusion", "predictions", predictions),
    )
    return p.T @ class_labels("confusion", labels, p) / len(p)


def bbse(C, predicted):
    """π_t (K,) by black-box shift estimation (2), float64.

    C (K, K): `confusion` of held-out source examples. predicted (K,): μ, how often the
    same classifier predicts each class on the target, with sum 1. Negative shares, which
    noise can lead to, become 0. Raises ValueError for a C that is not a joint
    distribution, or that is singular: then several π_t explain the same predictions.
    """
    C = table_of("bbse", "C", C)
    xp, (K, columns) = backend.xp_of(C), C.shape
    if K != columns:
        raise ValueError(f"bbse: C should be (K, K), classes by classes, got {C.shape}")
    shares("bbse", "C", xp.reshape(C, (1, -1)))
    mu = shares(
        "bbse", "predicted", table_of("bbse", "predicted", predicted, ndim=1)[None]
    )[0]
    if len(mu) != K:
        raise ValueError(
            f"bbse: C has {K} classes and predicted has {len(mu)} frequencies; pass one "
            "for each class, in the order of C's rows"
        )
    _check_invertible(C)
    found = backend.linalg_of("bbse", C).solve(C, mu) * C.sum(axis=0)  # w π_s
    found = xp.maximum(found, 0.0)
    return found / found.sum()


def _check_invertible(C):
    """ValueError when C is singular to rounding."""
    scales = backend.linalg_of("bbse", C).svd(C, compute_uv=False)
    rank = int((scales > 1e-10 * scales[0]).sum())
    if rank < len(C):
        raise ValueError(
            f"bbse: the confusion matrix has rank {rank} for {len(C)} classes, so several "
            "class frequencies lead to the same predictions; some classes are never seen "
            "or never told apart: merge them, or take the probabilities, not the argmax"
        )


def _prior(what, prior, p):
    prior = shares(what, "prior", table_of(what, "prior", prior, ndim=1)[None])[0]
    if len(prior) != p.shape[1] or not prior.min() > 0:
        raise ValueError(
            f"{what}: prior should be {p.shape[1]} positive numbers with sum 1, one per "
            f"column of posteriors, got {len(prior)} of which the least is "
            f"{float(prior.min()):g}; a class that the source never had cannot be found"
        )
    return prior
