"""The best of n samples by a score: which law it follows, and its exact KL.

    q(level) = F^n − F₋^n      F = P(score ≤ level), F₋ = P(score < level)            (1)
    q(y) = q(level of y) p(y) / P(level of y)                ties: as likely as before (2)
    KL(q | p) = Σ_levels q log(q / P(level)) ≤ log n − (n − 1)/n,  ≤ −log P(best level) (3)

The bound of (3) is the value when scores are continuous, so that no two are equal; with
ties, or with few answers, the KL is less and cannot exceed −log P(best level). Sources:
Beirami et al. 2024 (arXiv:2401.01879); Stiennon et al. 2020.
"""

import math

from tinyft import backend


def best_of_n_law(p, scores, n):
    """(2): probabilities (K,) of the best of n samples of p (K,), float64.

    scores (K,): one per answer, finite; n: an integer of 1 or more. Among equal scores
    the first sample wins, or a random one: the same law.
    """
    xp = backend.host()
    p, scores = (xp.asarray(a, "float64") for a in (p, scores))
    _check("best_of_n_law", n)
    if p.shape != scores.shape or p.ndim != 1 or abs(p.sum() - 1) > 1e-9:
        raise ValueError(
            "best_of_n_law: probabilities (K,) that sum to 1 with one score each, got "
            f"{p.shape} and {scores.shape}, sum {p.sum():.6g}"
        )
    if (p < 0).any() or not xp.isfinite(scores).all():
        raise ValueError(
            "best_of_n_law: a probability is negative or a score not finite"
        )
    q = xp.zeros(len(p))
    for level in xp.unique(scores[p > 0]):
        same = scores == level
        upto, below = p[scores <= level].sum(), p[scores < level].sum()
        q[same] = (upto**n - below**n) * p[same] / p[same].sum()
    return q


def best_of_n_kl(n, p=None, scores=None):
    """(3) in nats: the exact KL for answers p (K,) with scores (K,), a float.

    Without p: log n − (n − 1)/n, its value for continuous scores.
    """
    _check("best_of_n_kl", n)
    if (p is None) != (scores is None):
        raise ValueError("best_of_n_kl: give both p and scores, or neither")
    if p is None:
        return math.log(n) - (n - 1) / n
    xp = backend.host()
    p, q = xp.asarray(p, "float64"), best_of_n_law(p, scores, n)
    some = q > 0
    return float((q[some] * xp.log(q[some] / p[some])).sum())


def _check(caller, n):
    if n < 1 or int(n) != n:
        raise ValueError(f"{caller}: n={n!r} should be an integer of 1 or more")
