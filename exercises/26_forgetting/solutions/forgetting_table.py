"""Task 1 of 4: what a table of accuracies says.  (26.1), (26.2) of the notebook."""

import numpy as np


def forgetting_table(R, classes):
    """Forgetting, final accuracy and accuracy just after learning, by images.

    f_j = R[j, j] − R[T−1, j] for the old tasks j = 0 ... T−2             (26.1)

    A positive f_j is a drop. The tasks do not have equally many test images, so the
    means of (26.1) and (26.2) are taken over images: with n_j images of task j,

    forgetting = Σ_{j<T−1} n_j f_j / Σ_{j<T−1} n_j
    final      = Σ_j n_j R[T−1, j] / Σ_j n_j
    after      = Σ_j n_j R[j, j] / Σ_j n_j

    `peak` is an array (T−1,) like f, with the largest R[i, j], j <= i <= T−2, instead of
    R[j, j].

    R (T, T), T >= 2: row i after task i, column j the test of task j; entries above the
    diagonal are NaN. classes: T arrays with the labels of each task's test images; n_j
    is how many there are. Returns (f (T−1,), peak (T−1,), forgetting, final, after).

    R = [[0.9, nan, nan], [0.5, 0.8, nan], [0.6, 0.7, 0.4]] and test sets of 2, 1 and 1
    images: f = [0.3, 0.1], peak = [0.3, 0.1], forgetting = (2·0.3 + 0.1)/3 = 0.2333,
    final = (2·0.6 + 0.7 + 0.4)/4 = 0.575, after = (2·0.9 + 0.8 + 0.4)/4 = 0.75.
    With R[1, 0] = 0.95 peak[0] would be 0.35.
    """
    # YOUR CODE: (26.1), (26.2)
    R, n = np.asarray(R, float), np.array([len(c) for c in classes])
    T, old = len(R), n[:-1]
    learned = np.diagonal(R)
    f = learned[:-1] - R[-1, :-1]
    peak = np.array([R[j:-1, j].max() for j in range(T - 1)]) - R[-1, :-1]
    return f, peak, old @ f / old.sum(), n @ R[-1] / n.sum(), n @ learned / n.sum()
    # END YOUR CODE
