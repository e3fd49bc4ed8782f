"""Task 3 of 4: TIES for tasks of unequal weight.  (27.7) of the notebook."""

import numpy as np


def weighted_ties(vectors, weights, density):
    """TIES in which task t counts with the weight w_t, in the election and in the mean.

    1. trim    of each task keep the ⌊density · N⌋ entries that are largest in size, over
               all N entries of its tensors together; the others become 0: τ̂_t
    2. elect   s_i = sign(Σ_t w_t τ̂_t,i), + where the sum is 0
    3. merge   τ_i = Σ w_t τ̂_t,i / Σ w_t, both over the tasks whose τ̂_t,i is not 0 and
               has the sign s_i; 0 if there is none

    vectors: one list per task, of that task's tensors (arrays of any shapes, the same for
    every task); weights (T,) > 0; density in (0, 1]. No two entries of a task are of the
    same size. Returns a list of arrays with the tensors' shapes. Change no input.

    Example, two tasks with two tensors, density 0.5 (of N = 4 entries keep 2):
    [[3, 1], [[0.5, −2]]] and [[−4, 0.1], [[1.5, −1]]] become [[3, 0], [[0, −2]]] and
    [[−4, 0], [[1.5, 0]]]. With weights [2, 1] the first sum is 6 − 4 > 0, so the first
    entry is 3; merged: [[3, 0], [[1.5, −2]]].
    """
    # YOUR CODE: (27.7)
    raise NotImplementedError("not implemented yet: weighted_ties, (27.7)")
