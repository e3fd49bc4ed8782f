"""Task 3 of 4: the largest stable rate.  (5.7), (5.8) of the notebook."""

import numpy as np


def largest_rate(X):
    """The edge of stability of full fine-tuning on ‖XWᵀ − Y‖²/(2n).

    2 / λmax(Σ),   Σ = XᵀX/n,   λmax the largest eigenvalue                     (5.7)

    Example: X = [[2, 0], [0, 1]] has Σ = diag(2, ½): the edge is 2/2 = 1.

    X (n, in). Returns a float: gradient descent converges below it, diverges above.
    """
    # YOUR CODE: (5.7)
    return 2 * len(X) / np.linalg.norm(X, 2) ** 2
    # END YOUR CODE


def largest_rate_lora(X, A, alpha, rslora):
    """The same for W' = W + s B A when B alone trains (A is frozen).

    2 / (s² λmax(A Σ Aᵀ)),   s = alpha/r, or alpha/√r if rslora                  (5.8)

    Example: X as above, A = [[1, 1]] (r = 1), alpha = 2: A Σ Aᵀ = 2.5, s = 2 and the edge
    is 2/(4 · 2.5) = 0.2.

    X (n, in), A (r, in), alpha > 0 a float, rslora a bool. Returns a float.
    """
    # YOUR CODE: (5.8)
    r = len(A)
    s = alpha / (np.sqrt(r) if rslora else r)
    return 2 * len(X) / (s * np.linalg.norm(X @ A.T, 2)) ** 2
    # END YOUR CODE
