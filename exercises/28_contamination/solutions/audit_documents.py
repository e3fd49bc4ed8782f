"""Task 1 of 4: an audit of documents in pieces.  (28.1) to (28.4) of the notebook."""

import numpy as np


def audit_documents(suspect, clean, counts, document, test, t):
    """Difference in differences when a document was cut into pieces.

    The document is the unit: pieces of one document are not independent. For document d
    ℓ_d = Σ losses of its pieces / Σ their tokens                             (28.1)
    D_d = ℓ_d of the suspect − ℓ_d of the clean model                         (28.2)
    DiD = mean of D_d over the test documents − mean over the shadow's        (28.3)
    s.e.² = s²_test/n_test + s²_shadow/n_shadow, n documents, ddof = 1        (28.4)

    suspect, clean (N,): total loss of each piece, in nats; counts (N,): its tokens, >= 1;
    document (N,): the number of its document, any integers; test (N,) bool, the same for
    all pieces of a document. At least two documents of each kind. Returns (DiD, s.e.,
    alarm): alarm is True if the upper end, DiD + t · s.e., lies below 0.

    Five pieces of four documents: suspect = [6, 5, 9, 6, 8], clean = [8, 7, 12, 8, 8],
    counts = [2, 4, 4, 2, 4], document = [7, 7, 3, 5, 9], test = [T, T, T, F, F], t = 2:
    ℓ of document 7 is 11/6 and 15/6. D = −0.6667 (7), −0.75 (3); −1 (5), 0 (9).
    DiD = −0.7083 + 0.5 = −0.2083, s.e. = 0.5017, alarm False.
    """
    # YOUR CODE: (28.1) to (28.4)
    which = np.unique(document, return_inverse=True)[1]
    tokens = np.bincount(which, weights=counts)
    D = np.bincount(which, weights=suspect - clean) / tokens
    tested = np.bincount(which, weights=test) > 0
    groups = D[tested], D[~tested]
    value = groups[0].mean() - groups[1].mean()
    error = np.sqrt(sum(d.var(ddof=1) / len(d) for d in groups))
    return value, error, bool(value + t * error < 0)
    # END YOUR CODE
