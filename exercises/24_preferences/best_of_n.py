"""Task 2 of 4: the law of the best of n, ties included.  (24.4) of the notebook."""

import numpy as np


def best_of_n(p, scores, n):
    """n answers are drawn from p, the one with the highest score is kept.

    P(the best has a score of s or less) = P(one answer has)^n. Among drawn answers of
    equal score one is kept at random, so that within a score the shares stay those of p.

    p (K,) probabilities, some may be 0; scores (K,), some may be equal; n int >= 1.
    Returns (q (K,), kl): the law of the kept answer, and KL(q | p) = Σ q log(q/p) in nats
    (0 log 0 = 0).

    p = [0.5, 0.3, 0.2], scores = [1, 2, 2], n = 2: the best has score 1 with 0.5² = 0.25,
    else score 2; q = [0.25, 0.45, 0.3], kl = 0.1308. With scores = [1, 2, 3]: q = [0.25,
    0.39, 0.36], kl = 0.1406. (24.3) gives log 2 − 1/2 = 0.1931 for both.
    """
    # YOUR CODE: (24.4)
    raise NotImplementedError("not implemented yet: best_of_n, (24.4)")
