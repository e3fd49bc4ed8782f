"""Task 3 of 4: the order test without drawing.  (28.8) of the notebook."""

import numpy as np


def exact_order(table, alpha):
    """The exact p-value of a file's order, and the exact size of the test.

    A file of S shards; table[s, j] is the log-likelihood of shard s with its items in
    order j of J, and j = 0 is the order of the file. Each shard can stand in any order,
    independently of the others, so the file could have been any of J^S files, whose
    log-likelihood is the sum over its shards.

    p    = #{files whose sum is at least the file's own} / J^S                (28.8)
    size = the share of the J^S files that would have had p <= alpha, had they been the
           file

    (28.8) with all files listed: the file itself is one of them, so there is no + 1. Sums
    that differ by less than 1e-9 are equal; p <= alpha likewise with 1e-9 to spare.

    table (S, J), J^S at most some thousands; alpha in (0, 1). Returns (p, size).

    With table = [[2, 0], [0, 1]] the sums are 2 + 0 (the file), 2 + 1, 0 + 0, 0 + 1: two
    are at least 2, p = 0.5. The four p-values are 0.5, 0.25, 1, 0.75, so for alpha = 0.6
    the size is 0.5. With table = [[1, 1], [1, 0]] the sums are 2, 1, 2, 1: p = 0.5.
    """
    # YOUR CODE: (28.8)
    sums = np.zeros(1)
    for row in table:
        sums = (sums[:, None] + row).ravel()
    p = (sums >= sums[:, None] - 1e-9).mean(axis=1)
    return p[0], np.mean(p <= alpha + 1e-9)
    # END YOUR CODE
