"""Task 2 of 4: the weighted penalty.  (11.3), (11.4) of the notebook."""

import numpy as np


def kl_penalty(mean, sd, mean0, sd0, scores, strength):
    """λ · mean over examples of Σ_k (1 − s_k) KL(now ‖ start), all Gaussian.   (11.4)

    KL(N(m, v²) ‖ N(m0, v0²)) = ½ [ln(v0²/v²) + (v² + (m − m0)²)/v0² − 1]       (11.3)

    Sum over features, mean over examples. A score that was estimated may lie slightly
    outside [0, 1]: cut it to [0, 1] first (the library refuses it instead).

    mean, sd, mean0, sd0 (n, d): means and standard deviations of feature k of example i,
    now and at the start; scores (d,), strength λ a float >= 0. Returns a float.

    Example: mean [[2, 1], [0, 1]], mean0 all 0, all widths 1, scores [0.5, 0], λ = 3: the
    KLs are [[2, 0.5], [0, 0.5]], the weighted sums 1.5 and 0.5, the penalty 3 · 1 = 3.
    """
    # YOUR CODE: (11.3) and (11.4)
    raise NotImplementedError("not implemented yet: kl_penalty, (11.3) and (11.4)")
