"""Task 4 of 4: warm-up, then a cosine.  (1.17) of notebooks/01_optimisers.ipynb."""

import math


def warmup_cosine(t, warmup, total, floor):
    """What the learning rate is multiplied by at step t = 0, 1, 2, ...           (1.17)

    t < W        a straight line: 1/W at t = 0, 1 at t = W − 1
    W ≤ t ≤ T    half a cosine: 1 at t = W, the floor r at t = T
    t > T        r

    warmup = W >= 0 and total = T > W are integers, 0 <= floor = r < 1. Returns a float.
    """
    # YOUR CODE: equation (1.17)
    if t < warmup:
        return (t + 1) / warmup
    share = min((t - warmup) / (total - warmup), 1.0)
    return floor + (1 - floor) * (1 + math.cos(math.pi * share)) / 2
    # END YOUR CODE
