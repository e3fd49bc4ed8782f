"""Task 4 of 5: the largest stable rate.  (5.4); then, after chapter 15, (5.10)."""

import numpy as np


def largest_rate(X):
    """The edge of stability of full fine-tuning on ‖XWᵀ − Y‖²/(2n).

    2 / h_max,   h_max the largest eigenvalue of Σ = XᵀX/n                     (5.4)

    Example: X = [[2, 0], [0, 1]] has Σ = diag(2, ½): the edge is 2/2 = 1.

    X (n, in). Returns a float: gradient descent converges below it, diverges above.
    """
    # YOUR CODE: (5.4)
    raise NotImplementedError("not implemented yet: largest_rate, (5.4)")


def largest_rate_lora(X, A, alpha, rslora):
    """The same for W' = W + s B A when B alone trains (A is frozen).

    2 / (s² λmax(A Σ Aᵀ)),   s = alpha/r, or alpha/√r if rslora                  (5.10)

    Example: X as above, A = [[1, 1], [1, 0]] (r = 2), alpha = 3: λmax(A Σ Aᵀ) = 4.2656,
    s = 1.5 and the edge is 2/(2.25 · 4.2656) = 0.2084; with rslora s² = 4.5: 0.1042.

    X (n, in), A (r, in), alpha > 0 a float, rslora a bool. Returns a float.
    """
    # YOUR CODE: (5.10)
    raise NotImplementedError("not implemented yet: largest_rate_lora, (5.10)")
