"""Task 2 of 4: a fair comparison of two code books.  (17.3), (17.4) of the notebook."""

import numpy as np


def spend_bits(w, levels, budget, constant):
    """Blocks and errors of an absmax code and of the affine code, at the same bits.

    absmax   ŵ = m · (the nearest of `levels` to w/m),  m = max |w| of the block (17.1)
    affine   ŵ = a + k · (b − a)/15,  a = min, b = max of the block, k = 0, ..., 15 the
             nearest                                                             (17.3)

    Each code takes the smallest block N of 16, 32, 64, ..., 4096 at which its bits per
    weight are at most `budget`. A weight takes 4 bits, and every constant of a block, m
    here, a and the step there, takes `constant` bits: (17.4) without double quantisation.

    w (n,) of floats, n a multiple of 4096, no block of equal weights; levels (16,)
    ascending from −1 to 1; budget a float large enough for both; constant 16 or 32.
    Returns (N of absmax, its error, N of affine, its error), two ints and two floats;
    the error is the mean of (w − ŵ)² over all n weights.

    Example: w = np.exp(np.sin(np.arange(4096.0))), levels = np.linspace(-1, 1, 16), budget
    4.5, constant 16 gives (32, 0.011997, 64, 0.001808): 4 + 16/32 = 4 + 2·16/64 = 4.5.
    """
    # YOUR CODE: (17.3) and (17.4)
    raise NotImplementedError("not implemented yet: spend_bits, (17.3) and (17.4)")
