"""Task 1 of 4: what naive Bayes believes.  (20.1) of 20_four_paradigms.ipynb."""

import numpy as np


def naive_bayes_posterior(counts, labels, alpha, new):
    """The logarithms of the posteriors of new texts.                             (20.1)

    ln p(c | x) = ln π_c + Σ_v x_v ln θ_cv, less the logarithm of what makes the
    posteriors of a text sum to 1.  θ_cv = (N_cv + α)/(N_c + αV):  N_cv says how often word
    v stands in all texts of class c, N_c = Σ_v N_cv.  π_c is the share of the labelled
    texts that are of class c.

    A word that no labelled text holds (a column of zeros) is unknown: it is not among
    the V words, and new texts are read without it. Texts may be long: exp of a score of
    −2000 is 0, so subtract the largest score of a text before exp.

    counts (n, V') of the labelled texts, labels (n,) their classes 0 ... K − 1, alpha > 0,
    new (m, V') counts of other texts, in the same columns. Returns (m, K).

    By hand, n = 3, K = 2, α = 1: counts = [[2, 1, 0, 0], [1, 0, 0, 0], [0, 1, 2, 0]] with
    labels = [0, 0, 1]. The fourth word is unknown, V = 3. N_0 = [3, 1, 0], so
    θ_0 = [4, 2, 1]/7, and N_1 = [0, 1, 2], θ_1 = [1, 2, 3]/6; π = [⅔, ⅓]. For
    new = [[1, 0, 1, 5], [0, 0, 0, 1]] the first text has ⅔·(4/7)(1/7) = 0.0544 and
    ⅓·(1/6)(3/6) = 0.0278, the posteriors [0.662, 0.338]; the second keeps π. The answer is
    [[−0.412, −1.085], [−0.405, −1.099]].
    """
    # YOUR CODE: (20.1)
    raise NotImplementedError("not implemented yet: naive_bayes_posterior, (20.1)")
