"""One bias per class that makes predictions as frequent as they should be.

    find b with  Σ_i weight_i softmax(s_i + b) = π,   Σ_i weight_i = 1                 (1)

Three calibrations of a prompt are (1), with other rows and another π:

    trained bias       labelled texts, their class shares: where its cross-entropy ends
    unlabelled scores  texts without labels, the shares that one assumes
    content-free       prompts such as "N/A", equal shares; of one prompt b = −log p + c

and to divide p by p_content-free is to add b. Several content-free prompts are usually
averaged first, b = −log Σ_i p_i (Zhao et al.); that is not (1), but near it.
Sources: Zhao, Wallace, Feng, Klein, Singh 2021 (arXiv:2102.09690); Saerens et al. 2002.
"""

from tinyft import backend
from tinyft.evaluation.given import shares as checked_shares
from tinyft.evaluation.given import table_of

SWEEPS = 30


def recentring_bias(scores, shares=None, steps=200):
    """b (K,) of (1), float64 with mean 0; scores (n, K), each row with equal weight.

    shares (K,): π, positive with sum 1, by default equal. Newton's method on the convex
    mean log Σ exp(s_i + b) − π·b. Raises ValueError for NaN, other shapes, and shares
    that are not so.
    """
    s = table_of("recentring_bias", "scores", scores)
    xp, K = backend.xp_of(s), s.shape[1]
    pi = xp.full(K, 1 / K) if shares is None else shares
    pi = table_of("recentring_bias", "shares", pi, ndim=1)
    checked_shares("recentring_bias", "shares", pi[None])
    if len(pi) != K or not pi.min() > 0:
        raise ValueError(
            f"recentring_bias: shares should be {K} positive numbers with sum 1, one per "
            f"class, got {len(pi)} of which the least is {float(pi.min()):g}"
        )
    b = xp.zeros(K)
    for step in range(steps):
        logp = log_probabilities(s + b)
        p = xp.exp(logp)
        gap = p.mean(axis=0) - pi
        if float(abs(gap).max()) < 1e-12:
            return b - b.mean()
        if step < SWEEPS:  # near enough for Newton, whatever the size of the scores
            b = b + xp.log(pi) - log_mean(logp)
        else:
            b = _descended(b, _newton(p, gap), s, pi, gap)
    raise ValueError(
        f"recentring_bias: no bias found in {steps} steps, off by "
        f"{float(abs(gap).max()):.1g}; are scores as large as {float(abs(s).max()):.3g} "
        "meant? Divide them by a temperature first"
    )


def content_free_bias(scores):
    """b (K,) = −log of the mean probability of content-free prompts, float64, mean 0.

    scores (m, K): the class scores of m prompts without content.
    """
    b = -log_mean(log_probabilities(table_of("content_free_bias", "scores", scores)))
    return b - b.mean()


def log_probabilities(scores):
    """log softmax of the rows of scores (n, K), an array."""
    xp, z = backend.xp_of(scores), scores - scores.max(axis=1, keepdims=True)
    return z - xp.log(xp.exp(z).sum(axis=1, keepdims=True))


def log_mean(logp):
    """log of the mean over rows of exp(logp), (n, K) to (K,)."""
    xp, top = backend.xp_of(logp), logp.max(axis=0)
    return top + xp.log(xp.exp(logp - top).mean(axis=0))


def _newton(p, gap):
    """The step of Newton's method; a constant in b is free, 1/K holds it."""
    xp, (n, K) = backend.xp_of(p), p.shape
    curvature = xp.diag(p.mean(axis=0)) - p.T @ p / n
    ridge = 1e-12 * xp.eye(K)
    return backend.linalg_of("recentring_bias", p).solve(curvature + 1 / K + ridge, gap)


def _descended(b, step, s, pi, gap):
    """b a Newton step on, halved until the objective falls by a share of its promise."""

    def objective(b):
        logp = log_probabilities(s + b)
        return float((s[:, 0] + b[0] - logp[:, 0]).mean() - pi @ b)

    if float(abs(gap).max()) < 1e-6:  # rounding would decide, and Newton needs no help
        return b - step
    before, promise, rate = objective(b), float(gap @ step), 1.0
    while rate > 1e-6 and objective(b - rate * step) > before - 1e-4 * rate * promise:
        rate /= 2
    return b - rate * step
