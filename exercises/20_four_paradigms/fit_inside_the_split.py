"""Task 3 of 4: fit everything inside the split.  (20.3) of 20_four_paradigms.ipynb."""

import numpy as np


def fit_inside_the_split(counts, labels, fold, alphas, new):
    """Choose α by cross-validation, then classify texts that nothing was fitted to.

    The model is (20.2) followed by (20.1). Fitting it on some texts means: words that none
    of them holds are dropped; the smooth idf = ln((1 + N)/(1 + df)) + 1 comes from them;
    their weights count · idf, each row divided by its Euclidean length, are the "counts"
    of naive Bayes, θ_cv = (N_cv + α)/(N_c + αV), and their labels give the prior. Texts to
    be classified get the same idf, and the same division.

    For every α and every fold, the model is fitted on the texts outside the fold and
    classifies those inside: the class of the largest posterior. The accuracy of α is the
    share of right ones among all n texts. The best α has the highest accuracy; of equals,
    the largest. At the end the model is fitted once more, on all n texts, with the best α.
                                                                                  (20.3)
    counts (n, V') of the labelled texts; labels (n,) 0 ... K − 1, each class outside
    every fold; fold (n,) integers, which fold a text is in; alphas (p,), in any order;
    new (m, V') counts. Every text has a word that others outside its fold have.
    Returns (best, accuracies, held, scores): the α; the accuracies (p,); at the best α the
    log posteriors held (n, K) of the labelled texts, each by the model that was fitted
    without its fold, and scores (m, K) of the new texts. exp of a row sums to 1.

    By hand, n = 4, K = 2: counts = [[2, 1, 0], [0, 0, 1], [0, 1, 1], [0, 0, 1]],
    labels = [0, 1, 0, 1], fold = [0, 0, 1, 1], alphas = [0.2, 5]. Fold 0 is judged by
    texts 2 and 3, which lack the first word: V = 2, N = 2, df = [1, 2],
    idf = [ln(3/2) + 1, 1] = [1.405, 1]. Their rows are [1.405, 1]/1.725 = [0.815, 0.580]
    and [0, 1]. For α = 5, θ_0 = [5.815, 5.580]/11.39 and θ_1 = [5, 6]/11. Text 0 has lost
    its first word and is [1, 0]: ½·0.510 against ½·0.455, log posteriors
    [−0.637, −0.753], right. Text 1 is right too; of fold 1 text 3 is, text 2 is not. Both
    α have accuracy ¾, so the best is 5. With new = [[1, 0, 0], [0, 2, 1]] the model of all
    four texts gives [[−0.630, −0.760], [−0.665, −0.722]], and
    held = [[−0.637, −0.753], [−0.749, −0.641], [−0.743, −0.645], [−0.800, −0.597]].
    """
    # YOUR CODE: (20.3)
    raise NotImplementedError("not implemented yet: fit_inside_the_split, (20.3)")
