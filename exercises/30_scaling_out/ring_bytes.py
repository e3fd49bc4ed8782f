"""Task 2 of 4: what a ring sends, to the byte.  (30.2) of the notebook."""

import numpy as np


def ring_bytes(N, p, itemsize):
    """Bytes that each rank of a ring all-reduce sends, where p need not divide N.

    N numbers of `itemsize` bytes are cut into p chunks, as `np.array_split` does it: the
    first N mod p chunks hold one number more than the others. With t = 0, ..., p − 2:

        first half    rank r sends chunk (r − t) mod p to rank r + 1, which adds it
        second half   rank r sends chunk (r + 1 − t) mod p to rank r + 1, which keeps it

    All p messages of a round travel at once, so a round takes as long as its largest.
    p >= 2, N >= 0.

    Returns (sent (p,) integers: bytes that rank r sends in all;  longest: the sum over
    the 2 (p − 1) rounds of the largest message, in bytes).

    N = 7, p = 3, itemsize = 4: chunks of 3, 2 and 2 numbers. Rank 0 sends chunks 0 and 2,
    then 1 and 0: 3 + 2 + 2 + 3 = 10 numbers. Rank 1 sends 1, 0, then 2, 1: 9 numbers, and
    rank 2 sends 2, 1, then 0, 2: 9 numbers. So sent = [40, 36, 36]. In every round one
    rank sends chunk 0, the largest: longest = 4 · 3 · 4 = 48.
    """
    # YOUR CODE: (30.2)
    raise NotImplementedError("not implemented yet: ring_bytes, (30.2)")
