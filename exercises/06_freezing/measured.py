"""Task 4 of 4: bias and variance from repeated runs.  (6.4) of the notebook."""

import numpy as np


def measured(outputs, truth):
    """Unbiased estimates of bias² and variance, from several training sets.

    outputs[k, i] is what the model of training set k says at test point i. At each point
        variance = Σ_k (outputs_k − mean)² / (K − 1)
        bias²    = (mean − truth)² − variance / K                                (6.4)
    The correction is there because the mean of K runs still varies by variance/K, which
    would count as bias. Both are then averaged over the points. bias² may come out
    slightly below 0.

    Example: outputs = [[1, 4], [3, 8]], truth = [1, 5]. Means 2 and 6, variances 2 and 8,
    bias² = 1 − 2/2 = 0 and 1 − 8/2 = −3. Averaged over the two points: (−1.5, 5).

    outputs (K, points) with K >= 2, truth (points,). Returns (bias², variance), floats.
    """
    # YOUR CODE: (6.4)
    raise NotImplementedError("not implemented yet: measured, (6.4)")


def runs_needed(variance, half):
    """The smallest K for which the mean of K runs is known to ± half.

    ± half is twice the standard error: 2 √(variance/K) <= half. For planning: K runs of a
    model cost K times as much.
    Example: variance = 4, half = 1: K = 16.

    variance, half floats > 0. Returns an int >= 1.
    """
    # YOUR CODE: (6.4)
    raise NotImplementedError("not implemented yet: runs_needed, (6.4)")
