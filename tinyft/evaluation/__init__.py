"""L4: what a comparison of two models, or of two ways to train them, has shown.

And what a classifier's probabilities are worth on data with other class frequencies, and
what several samples of one answer are worth.
"""

from tinyft.evaluation.best_of_n import best_of_n_kl, best_of_n_law
from tinyft.evaluation.calibration import Calibration, bcts
from tinyft.evaluation.decision import Decision, decide, student
from tinyft.evaluation.prior_shift import bbse, confusion, em_prior
from tinyft.evaluation.recentring import content_free_bias, recentring_bias
from tinyft.evaluation.sampling import best_of, pass_at_k, vote, vote_accuracy
from tinyft.evaluation.significance import (
    KINDS,
    Pairs,
    mcnemar,
    paired,
    paired_bootstrap,
    rejection,
    rejection_overall,
)

__all__ = [
    "KINDS",
    "Calibration",
    "Decision",
    "Pairs",
    "bbse",
    "bcts",
    "best_of",
    "best_of_n_kl",
    "best_of_n_law",
    "confusion",
    "content_free_bias",
    "decide",
    "em_prior",
    "mcnemar",
    "paired",
    "paired_bootstrap",
    "pass_at_k",
    "recentring_bias",
    "rejection",
    "rejection_overall",
    "student",
    "vote",
    "vote_accuracy",
]
