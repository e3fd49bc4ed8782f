"""Task 4 of 4: learning rates from relative gradients.  (7.7), in Reference."""

import numpy as np


def auto_rgn(groups, lr, least):
    """One learning rate per group: lr × RGN / the largest RGN, 0 below `least`.   (7.7)

    RGN of a group is ‖∇‖ / ‖θ‖, each norm over all numbers of all its arrays together.
    A group without any gradient (all its gradients are None) is frozen: rate 0. A single
    None inside another group counts as a gradient of zeros. A group whose RGN is smaller
    than `least` times the largest is not trained: rate 0. (It would hardly move, and a
    frozen group needs no gradient and no optimiser state.)

    groups: a list of groups, each a list of pairs (parameter, gradient or None), arrays
    of one shape; no group is all zeros. lr and least floats, 0 <= least <= 1.
    Returns the rates, an array (number of groups,). If no gradient is above 0, all rates
    are 0.

    Example: [[([3.0, 4.0], [0.0, 1.0])], [([1.0], [0.1])]], lr 0.01, least 0.2: the RGN
    are 0.2 and 0.1, the rates 0.01 and 0.005.
    """
    # YOUR CODE: equation (7.7)
    ratios = []
    for group in groups:
        size = sum(np.sum(p**2) for p, _ in group)
        slope = sum(np.sum(g**2) for _, g in group if g is not None)
        ratios.append(np.sqrt(slope / size))
    ratios = np.array(ratios)
    if not ratios.max() > 0:
        return np.zeros(len(groups))
    share = ratios / ratios.max()
    return lr * np.where(share < least, 0.0, share)
    # END YOUR CODE
