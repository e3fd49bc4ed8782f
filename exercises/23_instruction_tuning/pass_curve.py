"""Task 4 of 4, after 23b_more_tokens: how many samples a benchmark needs.  (23.9)."""

import numpy as np


def pass_curve(n, c, most):
    """The mean of unbiased pass@k over questions, for k = 1, 2, ..., most.

    Question i has n_i samples that could be run, c_i of them right. Of k of them, drawn
    without putting back, one or more are right with the chance

        pass@k = 1 − C(n_i − c_i, k)/C(n_i, k)                                  (23.9)

    From n_i samples nothing is known about k > n_i, so for such k the question is left
    out of the mean.
    n goes up to 5000: C(5000, 2500) is larger than any float. Where a question drops out,
    the mean may fall; where fewer than k samples are wrong, pass@k is 1.

    Example: n = [2, 4], c = [1, 1], most = 3: pass@1 = (1/2 + 1/4)/2 = 0.375; pass@2 =
    (1 + 1/2)/2 = 0.75, since any two of the first question's samples hold its right one;
    pass@3 = 3/4, of the second question alone: [0.375, 0.75, 0.75].

    n, c (P,) integers, 0 <= c <= n, some n_i >= most. Returns (most,).
    """
    # YOUR CODE: (23.9)
    raise NotImplementedError("not implemented yet: pass_curve, (23.9)")


def samples_needed(curve, goal):
    """The smallest k with pass@k >= goal, or 0 where the curve never gets there.

    Example: curve = [0.375, 0.75, 0.75]: goal 0.75 needs 2 samples, goal 0.8 gives 0.

    curve (most,): pass@1, pass@2, ...; goal a float. Returns an int.
    """
    # YOUR CODE: the first k
    raise NotImplementedError("not implemented yet: samples_needed, the first k")
