"""Multinomial naive Bayes: a text is drawn word by word from the words of its class.

    ln p(c | x) = ln π_c + Σ_v x_v ln θ_cv − ln Σ_c'(same)                            (1)
    θ_cv = (N_cv + α)/(N_c + αV),      π_c = n_c/n                                    (2)

x_v: the count of word v, or its TF-IDF weight: (2) then has fractional counts, no model
of texts, but it works. N_cv sums x_v over the texts of class c, N_c = Σ_v N_cv. α is
Lidstone's (Laplace's at 1): (2) is the posterior mean under a Dirichlet(α) prior.
"Naive": words are taken as independent once the class is known, so probabilities are far
too sure of themselves; their order is what to use.
Sources: McCallum, Nigam 1998; Manning, Raghavan, Schütze 2008, chapter 13.
"""

import math

from tinyft import backend
from tinyft.models.classic.given import labels_of, weights_of


class NaiveBayes:
    """Fit on rows of counts or weights, then classify.

    alpha > 0. prior: None for the shares of the fitted labels, or K shares > 0 with
    sum 1, ("uniform" for equal ones). After `fit`: log_prior (K,), log_word (K, V) = ln θ.
    Raises ValueError for alpha = 0, which would let one unseen word rule a class out.
    """

    def __init__(self, alpha=1.0, prior=None):
        if not 0 < alpha < math.inf:
            raise ValueError(
                f"NaiveBayes: alpha={alpha} should be above 0: at 0 a word that a class "
                "has not shown has probability 0, and no other word can make up for it; "
                "take a small one, 0.01"
            )
        self.alpha, self.prior, self.log_word = alpha, prior, None

    def fit(self, x, labels, classes=2):
        """x (n, V) counts or weights >= 0; labels (n,) integers 0 .. classes - 1, each
        at least once. Returns self. Raises ValueError, with what came, for others."""
        x = weights_of("NaiveBayes.fit", x)
        onehot = labels_of("NaiveBayes.fit", labels, x, classes)  # (n, K)
        xp, N = backend.xp_of(x), onehot.T @ x + self.alpha
        self.log_prior = xp.log(self._prior(xp, onehot.mean(axis=0)))
        self.log_word = xp.log(N / N.sum(axis=1, keepdims=True))
        return self

    def _prior(self, xp, shares):
        if self.prior is None:
            return shares
        even = isinstance(self.prior, str) and self.prior == "uniform"
        given = xp.asarray([1 / len(shares)] * len(shares) if even else self.prior)
        fits = given.shape == shares.shape and given.dtype.kind == "f"
        if not fits or not given.min() > 0 or not abs(given.sum() - 1) < 1e-6:
            raise ValueError(
                f"NaiveBayes: prior={self.prior!r} should be {len(shares)} shares > 0 with "
                'sum 1, "uniform", or None'
            )
        return given

    def log_posterior(self, x):
        """ln p(c | x): (n, K) for x (n, V). A row of zeros gives the prior."""
        x = weights_of("NaiveBayes", x, self._fitted())
        xp, score = backend.xp_of(x), x @ self.log_word.T + self.log_prior
        score = score - score.max(axis=1, keepdims=True)
        return score - xp.log(xp.exp(score).sum(axis=1, keepdims=True))

    def predict(self, x):
        """The class (n,) of the largest posterior; a tie goes to the lower class."""
        return self.log_posterior(x).argmax(axis=1)

    def log_odds(self, one=1, other=0):
        """ln θ_one,v − ln θ_other,v (V,): what one more word v adds to the score."""
        word = self._fitted()
        return word[one] - word[other]

    def _fitted(self):
        if self.log_word is None:
            raise ValueError("NaiveBayes: call fit(x, labels) first")
        return self.log_word
