"""Task 3 of 4: how much should a second task count?  (25.7), (25.8) of the notebook."""

import numpy as np


def helper_weight(w1, w2, n1, n2, noise):
    """The best weight of a second linear task, estimated from two separate fits.

    Task t has n_t rows and columns of length √n_t that are orthogonal (X_tᵀX_t = n_t I), so
    its own least-squares fit is w_t = truth_t + error, with variance noise/n_t per entry.
    Minimising |y_1 − X_1 w|² + a |y_2 − X_2 w|² gives w = (1 − m) w_1 + m w_2 with
    m = a n_2/(n_1 + a n_2), and on average

        |w − truth_1|² = noise d ((1 − m)²/n_1 + m²/n_2) + m² D,   D = |truth_2 − truth_1|²
                                                                                   (25.7)
    (in the notebook n_1 = n_2). D is not known. |w_2 − w_1|² is too large on average, by
    the noise of both fits; take that off, and if the result is negative take 0.

    w1, w2 (d,); n1, n2 int; noise > 0. Returns (D, the estimate, a float; a >= 0, the
    weight that minimises (25.7) with it, a float; w (d,), the fit with that weight).

    w1 = [1, 0], w2 = [0, 2], n1 = 4, n2 = 10, noise = 2: |w2 − w1|² = 5, the noise of both
    is 2·2·(1/4 + 1/10) = 1.4, so D = 3.6; a = 0.1, m = 0.2, w = [0.8, 0.4].
    """
    # YOUR CODE: (25.7), (25.8)
    raise NotImplementedError("not implemented yet: helper_weight, (25.7), (25.8)")
