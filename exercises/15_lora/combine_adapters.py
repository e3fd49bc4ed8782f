"""Task 3 of 5: several adapters as one.  (15.12) of notebooks/15b_lora_variants.ipynb."""

import numpy as np


def combine_adapters(adapters, weights):
    """One pair (A, B) with  B A = Σ w_i s_i B_i A_i,  exactly.                (15.12)

    adapters  a list of (A_i, B_i, alpha_i): A_i (r_i, in), B_i (out, r_i), and
              s_i = alpha_i / r_i with r_i the adapter's own rank
    weights   as many floats, of any sign

    Returns A (Σ r_i, in) and B (out, Σ r_i); all weights and scales are inside them.
    Do not change the inputs.
    """
    # YOUR CODE: equation (15.12)
    raise NotImplementedError("not implemented yet: combine_adapters, equation (15.12)")
