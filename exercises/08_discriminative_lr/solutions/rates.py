"""Task 1 of 4: a rate for each parameter.  (8.1) of
notebooks/08_discriminative_lr.ipynb."""

import numpy as np


def rates(lr, decay, groups):
    """η_l = η0 α^(L−l) for the groups l = 1, …, L, from the input to the top.   (8.1)

    lr η0, a float; decay α in (0, 1]; groups a list of L >= 1 lists of names. A tied
    weight stands in two of them: it has one rate, its lowest group's. Returns (number
    of different names,), float64, in the order in which the names first appear.

    Example: rates(0.8, 0.5, [["embed"], ["w", "b"], ["norm", "embed"]]) is
    [0.2, 0.4, 0.4, 0.8], for embed, w, b and norm.
    """
    # YOUR CODE: equation (8.1)
    count = len(groups)
    layer = np.arange(1, count + 1)
    of_group = lr * decay ** (count - layer)
    found = {}
    for names, rate in zip(groups, of_group):
        for name in names:
            found.setdefault(name, rate)
    return np.array(list(found.values()))
    # END YOUR CODE
