"""Task 3 of 4: which rows a batch is made of, when the share is no whole number.  (21.3)"""

import numpy as np


def replay_rows(a, b, batch, steps, new, old):
    """The rows of every batch: a share a/b of all rows comes from the old text.    (21.3)

    a/b times `batch` need not be whole. So the share holds for the run: after t batches,
    exactly floor(t · batch · a / b) rows have been old, whatever t. Integers only: in
    floats, 0.1 · 30 is more than 3.

    The new text has `new` rows, numbered 0 .. new − 1, and the old one `old` rows. Each is
    read in order, from where the batch before stopped, and from its start again after
    its last row.
    a, b, batch, steps, new, old: ints, 0 <= a <= b, b, new, old > 0.
    Returns an int array (steps, batch): in each batch first the new rows by their
    numbers, then the old rows, row i of the old text written as −1 − i.

    Example: a/b = 3/8, batch = 4, steps = 3, new = 5, old = 2. After 1, 2 and 3 batches 1,
    3 and 4 rows were old:  [[0, 1, 2, −1], [3, 4, −2, −1], [0, 1, 2, −2]].
    """
    # YOUR CODE: (21.3)
    raise NotImplementedError("not implemented yet: replay_rows, (21.3)")
