"""What classified texts before Transformers: weighted counts, and one vector per word."""

from tinyft.models.classic.naive_bayes import NaiveBayes
from tinyft.models.classic.recurrent import LSTMClassifier
from tinyft.models.classic.sampling import negatives, noise
from tinyft.models.classic.skipgram import SkipGram
from tinyft.models.classic.tfidf import Tfidf
from tinyft.models.classic.vocabulary import Vocabulary
from tinyft.models.classic.windows import keep_probability, pairs, thinned

__all__ = [
    "LSTMClassifier",
    "NaiveBayes",
    "SkipGram",
    "Tfidf",
    "Vocabulary",
    "keep_probability",
    "negatives",
    "noise",
    "pairs",
    "thinned",
]
