"""Task 4 of 4: LoftQ, and which of its rounds to keep.  (17.11) of the notebook."""

import numpy as np


def loftq_rounds(W, levels, block, r, rounds):
    """The best round of LoftQ: a rounded base Q and the low-rank repair L beside it.

    Q_t = rounded(W − L_{t−1}),   L_0 = 0                                       (17.11)
    L_t = [W − Q_t]_r,  the r largest terms of its singular value decomposition

    rounded() cuts a matrix in row-major order into blocks, and replaces each w by
    m · (the nearest of `levels` to w/m), m = max |w| of the block, computed again in each
    round. All rounds 1, ..., `rounds` are made, and the one with the smallest
    ‖W − Q_t − L_t‖ (Frobenius) is returned: a later round can be worse than an earlier.

    W (out, in), out·in a multiple of block, no block of zeros; levels (16,) ascending
    from −1 to 1; 1 <= r < min(out, in); rounds >= 1. Returns (Q, L, errors): two matrices
    of W's shape, and the errors ‖W − Q_t − L_t‖ of all rounds, (rounds,).

    Example: W = [[−0.6, −0.9, 1.0], [−1.6, 0.4, 0.2]], levels = np.linspace(-1, 1, 16),
    block 3, r = 1, rounds = 3: the errors are [0.0249, 0.0104, 0.0108], so the second
    round is returned, with Q = [[−0.61, −0.8811, 1.0166], [−1.6, 0.32, 0.1067]].
    """
    # YOUR CODE: (17.11)
    raise NotImplementedError("not implemented yet: loftq_rounds, (17.11)")
