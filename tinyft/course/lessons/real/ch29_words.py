"""Chapter 29: counts of words and naive Bayes, the score that a large model must beat.

    ln p(c | text) = ln π_c + Σ_w count(w) ln θ_cw + const,   θ_cw = (N_cw + α) / Σ_w(same)

N_cw: how often w occurs in the training texts of class c; α: the smoothing, chosen like a
rate. McCallum and Nigam 1998.
"""

import re
from functools import cache

import numpy as np

from tinyft.course.experiment import SEEDS
from tinyft.course.lessons.real import ch29_reviews as reviews

ALPHAS = (0.1, 0.3, 1.0, 3.0, 10.0)


class WordCounts:
    """Multinomial naive Bayes on the words of the training texts; others are left out.

    texts: n strings; labels: n integers from 0 to classes - 1.
    """

    def __init__(self, texts, labels, alpha=1.0, classes=2):
        words = sorted({word for text in texts for word in split(text)})
        self.places = {word: i for i, word in enumerate(words)}
        counts = np.full((classes, len(words)), float(alpha))
        for text, label in zip(texts, labels):
            np.add.at(counts[label], self.ids(text), 1)
        self.log_prior = np.log(np.bincount(labels, minlength=classes) + 1)
        self.log_word = np.log(counts / counts.sum(axis=1, keepdims=True))

    def ids(self, text):
        """The places of a text's words, those of unknown words left out."""
        found = (self.places.get(word) for word in split(text))
        return [i for i in found if i is not None]

    def logits(self, texts):
        """ln p(class, text), up to a constant: (n, classes)."""
        sums = [self.log_word[:, self.ids(text)].sum(axis=1) for text in texts]
        return np.stack(sums) + self.log_prior

    def accuracy(self, texts, labels):
        """The share of texts whose label has the larger logit."""
        return float(np.mean(self.logits(texts).argmax(axis=1) == np.asarray(labels)))


def split(text):
    """Lower-case words of a text."""
    return re.findall(r"\w+", text.lower())


@cache
def grid(train=2000, valid=500, test=1000):
    """{α: [(accuracy on valid, on test) per seed]} on the reviews of the study."""
    sizes, found = {"train": train, "valid": valid, "test": test}, {}
    for seed in SEEDS:
        parts = reviews.review_parts(seed, sizes)
        for alpha in ALPHAS:
            model = WordCounts(*parts["train"], alpha)
            pair = [model.accuracy(*parts[part]) for part in ("valid", "test")]
            found.setdefault(alpha, []).append(pair)
    return found


def best(found):
    """(α with the best mean accuracy on valid, [test accuracy per seed])."""
    alpha = max(found, key=lambda a: np.mean([valid for valid, _ in found[a]]))
    return alpha, [test for _, test in found[alpha]]
