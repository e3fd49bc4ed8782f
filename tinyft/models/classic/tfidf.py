"""TF-IDF: words weigh more the more often they occur here and the fewer texts have them.

    weight = tf(count) · idf(df),       then each row divided by its length (l2, l1)

    idf  "textbook"    ln(N/df)                       0 for a word of every text
         "plus_one"    ln(N/df) + 1                   scikit-learn with smooth_idf=False
         "smooth"      ln((1 + N)/(1 + df)) + 1       scikit-learn's default, and ours
         "none"        1
    tf   count, or 1 + ln(count) if `sublinear` (0 stays 0)

N texts were fitted, df of them hold the word. Sources: Sparck Jones 1972; Salton, Buckley
1988; the forms with + 1 as scikit-learn documents them (TfidfTransformer).
"""

from tinyft import backend
from tinyft.models.classic.vocabulary import Vocabulary

IDF = ("textbook", "plus_one", "smooth", "none")
NORMS = ("l2", "l1", None)


class Tfidf:
    """Weights (n, V) for texts, after `fit` on the texts that may be known beforehand.

    idf, sublinear, norm: see the head of this file; least: a word must occur so often in
    the fitted texts. Raises ValueError for another name.
    """

    def __init__(self, idf="smooth", sublinear=False, norm="l2", least=1):
        if idf not in IDF or norm not in NORMS:
            raise ValueError(
                f"Tfidf: idf={idf!r}, norm={norm!r} is not known; idf is one of {IDF}, "
                f"norm one of {NORMS}"
            )
        self.kind, self.sublinear, self.norm, self.least = idf, sublinear, norm, least
        self.vocabulary = None

    def fit(self, texts):
        """Take the words and the idf (V,) from `texts`, a list of str. Returns self.

        Fit on the labelled training texts alone: words and idf of a test text are
        knowledge about the test. Raises ValueError for a text without a word.
        """
        self.vocabulary = Vocabulary(texts, self.least)
        counts = self.vocabulary.counts(texts)
        self.idf = idf((counts > 0).sum(axis=0), len(counts), self.kind)
        return self

    def transform(self, texts):
        """Weights (n, V) float64. A word that was not fitted adds nothing; a text of such
        words alone becomes a row of zeros. Raises ValueError before `fit`, and for a text
        without a word."""
        if self.vocabulary is None:
            raise ValueError(
                "Tfidf.transform: call fit(texts) first, on training texts"
            )
        return weights(
            self.vocabulary.counts(texts), self.idf, self.sublinear, self.norm
        )


def idf(df, N, kind="smooth"):
    """The factor (V,) of words that stand in `df` (V,) of N fitted texts, 1 <= df <= N."""
    xp = backend.xp_of(df)
    if kind == "smooth":
        return xp.log((1 + N) / (1 + df)) + 1
    if kind == "none":
        return xp.ones(df.shape)
    return xp.log(N / df) + (kind == "plus_one")


def weights(counts, idf, sublinear=False, norm="l2"):
    """tf · idf of counts (n, V), each row divided by its length; zero rows stay zero."""
    xp = backend.xp_of(counts)
    tf = xp.where(counts > 0, 1 + xp.log(xp.maximum(counts, 1)), 0.0)
    x = (tf if sublinear else counts) * idf
    if norm is None:
        return x
    length = abs(x).sum(1) if norm == "l1" else xp.sqrt((x * x).sum(1))
    return x / xp.where(length > 0, length, 1.0)[:, None]
