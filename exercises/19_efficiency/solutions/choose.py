"""Task 3 of 4: one number for each method, and the front.  (19.4) of the notebook."""

import numpy as np


def scores(gain, parameters, flops, most_parameters, most_flops):
    """M = gain/√(p c) of every method that may be chosen; 0 for the others.

    p = parameters/most_parameters and c = flops/most_flops are shares of a budget. A
    method that uses exactly the budget keeps to it. Those beyond it, and those that do
    not gain, get 0.

    Example: gain = [8, 6, −1, 9], parameters = [4, 1, 1, 8], flops = [9, 4, 4, 9],
    budget 4 and 9: [8, 6/√(1/4 · 4/9), 0, 0] = [8, 18, 0, 0].

    gain, parameters, flops (k,), the last two positive; two floats. Returns (k,).
    """
    # YOUR CODE: (19.4)
    p, c = parameters / most_parameters, flops / most_flops
    allowed = (p <= 1) & (c <= 1) & (gain > 0)
    return np.where(allowed, gain / np.sqrt(p * c), 0.0)
    # END YOUR CODE


def front(gain, cost):
    """Which methods are on the Pareto front, a bool for each.

    A method is on it unless some other is at least as good in gain (higher is better)
    and in every cost (lower is better), and better in at least one of them. Methods that
    are equal in everything are on it together, or none is.

    Example: gain = [5, 5, 3, 5], cost = [[2, 7], [2, 7], [1, 9], [2, 8]]: the first two
    are equal and both on it, so is the third (cheapest in the first cost); the fourth
    is not: [True, True, True, False].

    gain (k,), cost (k, m): m kinds of cost. Returns (k,) of bool.
    """
    # YOUR CODE: the front
    values = np.concatenate([gain[:, None], -cost], axis=1)
    better = (values[:, None] > values[None]).any(-1)
    no_worse = (values[:, None] >= values[None]).all(-1)
    return ~(better & no_worse).any(0)
    # END YOUR CODE
