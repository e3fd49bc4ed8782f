"""Task 3 of 4: bias and variance of a choice.  (6.2), (6.3) of the notebook."""

import numpy as np


def risk(Phi, M, delta, tuned, sigma):
    """The two parts of the excess risk when the columns `tuned` are fitted.

    y = Phi (θ0 + delta) + noise of standard deviation sigma. The columns F that are not
    tuned keep θ0; the columns T are fitted by least squares. With P = Phi_T⁺, the errors
    of the mean fit are
        b_F = −delta_F,   b_T = P Phi_F delta_F − (I − P Phi_T) delta_T          (6.2)
        bias² = bᵀ M b,   variance = sigma² tr(M_TT P Pᵀ)                        (6.3)

    Phi_T⁺ is the pseudo-inverse, (Phi_TᵀPhi_T)⁻¹Phi_Tᵀ for independent columns.

    Example: Phi = [[1, 1], [1, 0]], M = [[1, ½], [½, 2]], delta = [1, 2], sigma = 2, and
    the first column is tuned: P = [[½, ½]], b = [1, −2], bias² = 1 − 2 + 8 = 7 and
    variance = 4 · ½ = 2. Nothing tuned: b = [−1, −2], bias² = 1 + 2 + 8 = 11, variance 0.

    Phi (n, p), M (p, p) the mean of φφᵀ over test points, delta (p,), tuned (p,) bools,
    sigma a float. Returns (bias², variance), floats.
    """
    # YOUR CODE: (6.2), (6.3)
    raise NotImplementedError("not implemented yet: risk, (6.2), (6.3)")


def best_choice(Phi, M, delta, groups, sigma):
    """The set of groups to tune that has the smallest bias² + variance.

    groups: (p,) ints, the group of each column. Returns a sorted list of group numbers;
    it can be empty.
    Example: Phi, M, delta, sigma as above and groups = [0, 1]: 11 for none, 9 for [0],
    10 for [1], 16 for both, so [0].
    """
    # YOUR CODE: try them all
    raise NotImplementedError("not implemented yet: best_choice, try them all")
