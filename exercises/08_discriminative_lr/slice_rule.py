"""Task 2 of 4: fastai's slice.  (8.2) of notebooks/08_discriminative_lr.ipynb."""

import numpy as np


def slice_rule(lo, hi, count):
    """The rates of slice(lo, hi) for the groups 1, …, L from the input to the top.

    They grow from lo by one common factor and end at hi                          (8.2)
    lo None, which is slice(hi): hi/10 in each group, and hi in the top one
    one group: hi, whatever lo is

    lo a float > 0 or None, hi a float > 0, count L >= 1; returns (L,), float64.

    Example: slice_rule(0.1, 0.9, 3) is [0.1, 0.3, 0.9], slice_rule(None, 0.9, 3) is
    [0.09, 0.09, 0.9].
    """
    # YOUR CODE: equation (8.2)
    raise NotImplementedError("not implemented yet: slice_rule, equation (8.2)")
