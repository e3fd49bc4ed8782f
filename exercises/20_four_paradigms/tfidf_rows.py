"""Task 2 of 4: TF-IDF of texts that come later.  (20.2) of 20_four_paradigms.ipynb."""

import numpy as np


def tfidf_rows(fitted, new, smooth, sublinear):
    """Weigh the words of new texts by what the fitted texts say about them.      (20.2)

    weight = tf · idf, then every row is divided by its Euclidean length.
    tf    the count; if `sublinear`, 1 + ln(count) where the count is not 0
    idf   smooth:     ln((1 + N)/(1 + df)) + 1
          otherwise:  ln(N/df), the textbook's
    N is the number of fitted texts and df (V,) says how many of them hold each word: new
    texts are never counted. A word that no fitted text holds gets weight 0 in both forms;
    a row of zeros stays a row of zeros.

    fitted (N, V) and new (m, V) counts, column v is word v; smooth, sublinear booleans.
    Returns (m, V).

    By hand, N = 3 and V = 4: fitted = [[2, 1, 0, 0], [0, 1, 0, 0], [0, 3, 1, 0]] has
    df = [1, 3, 1, 0]. For new = [[2, 1, 0, 4], [0, 0, 0, 1]], smooth = True and
    sublinear = False: idf = [ln 2 + 1, 1, ln 2 + 1, –], the first row is
    [2·1.693, 1, 0, 0] before its length 3.531, and the answer
    [[0.959, 0.283, 0, 0], [0, 0, 0, 0]]. With smooth = False the second word, in
    every fitted text, weighs ln 1 = 0, and the first row is [1, 0, 0, 0].
    """
    # YOUR CODE: (20.2)
    raise NotImplementedError("not implemented yet: tfidf_rows, (20.2)")
