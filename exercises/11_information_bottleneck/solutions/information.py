"""Task 1 of 4: how much does a feature tell?  (11.1), (11.2) of the notebook."""

import numpy as np


def information(counts):
    """Mutual information of a table of counts, corrected, and the relevance.

    I = Σ p(b,c) ln [p(b,c) / (p(b) p(c))] with p = counts / n; a cell with count 0 adds
    nothing. The estimate is too large by about (m_bc − m_b − m_c + 1) / 2n, where m_bc,
    m_b and m_c count the cells, rows and columns that are not empty: subtract it. (11.2)
    The relevance is s = I / H(Y), cut to [0, 1], H(Y) the entropy of the columns. (11.1)

    counts (bins, classes) of integers >= 0: how many examples lie in each bin and class;
    rows or columns may be empty; at least two columns are not.
    Returns (I, s), two floats: I in nats, corrected, perhaps below 0.

    Example: [[2, 0], [0, 2]] has ln 2 before the correction, which is
    (2 − 2 − 2 + 1)/8 = −1/8; so I = 0.8181 and s = 1.
    """
    # YOUR CODE: (11.1) and (11.2)
    n = counts.sum()
    joint = counts / n
    rows, columns = joint.sum(axis=1), joint.sum(axis=0)
    full = joint > 0
    free = np.outer(rows, columns)
    plain = np.sum(joint[full] * np.log(joint[full] / free[full]))
    cells = full.sum() - np.sum(rows > 0) - np.sum(columns > 0) + 1
    info = plain - cells / (2 * n)
    p = columns[columns > 0]
    entropy = -np.sum(p * np.log(p))
    return float(info), float(np.clip(info / entropy, 0, 1))
    # END YOUR CODE
