"""Task 3 of 4: is the head enough?  (7.8) of notebooks/07_which_layers.ipynb."""

import numpy as np


def probe_depths(train, y, valid, y_valid, share):
    """Probe every depth, and compare the best with the end.   (7.8)

    A depth's readout is fitted on its training features Z (n, d) and y alone:
    W = (Zᶜᵀ Zᶜ + 2nλ I)⁻¹ Zᶜᵀ Y, with Zᶜ = Z − z̄ and Y (n, K) one-hot, ȳ its mean.
    Its scores are (valid features − z̄) W + ȳ, the largest is the prediction. λ is
    `share` times the spread of Z: the mean over the rows of |z − z̄|².

    train, valid: lists of features, one (n, d) and one (m, d) per depth, from the input
    to the end; d differs from depth to depth. y (n,), y_valid (m,) classes 0 ... K − 1,
    each of them in y.
    Returns (accuracies, lost, margin): accuracies (depths,) on the validation images;
    lost, how much larger the best of them is than the last; margin, two standard errors
    of that difference, 2 s/√m, where d_i = (the best depth is right on image i) − (the
    end is), 1, 0 or −1, and s is their standard deviation with m − 1. Of equally good
    depths the first is the best. The head may be enough if lost <= margin.

    Example: two depths of one feature each, share 0.25. train [[[0], [0], [2]], [[1],
    [1], [1.5]]], y [0, 0, 1], valid [[[0.2], [1.9], [0.1]], [[1.5], [1.4], [1]]],
    y_valid [0, 1, 0]: accuracies [1, 2/3], d = [1, 0, 0], lost 1/3, margin 2/3: the head
    may be enough, since three images cannot tell.
    """
    # YOUR CODE: equation (7.8)
    right, Y = [], np.eye(y.max() + 1)[y]
    for Z, V in zip(train, valid):
        center = Z.mean(axis=0)
        A = Z - center
        spread = np.mean(np.sum(A**2, axis=1))
        C = A.T @ A + 2 * len(A) * share * spread * np.eye(A.shape[1])
        W = np.linalg.solve(C, A.T @ Y)
        scores = (V - center) @ W + Y.mean(axis=0)
        right.append(scores.argmax(axis=1) == y_valid)
    right = np.array(right, float)
    accuracies = right.mean(axis=1)
    d = right[accuracies.argmax()] - right[-1]
    return accuracies, d.mean(), 2 * d.std(ddof=1) / np.sqrt(len(d))
    # END YOUR CODE
