"""L4: what a comparison of two models, or of two ways to train them, has shown.

And what a classifier's probabilities are worth on data with other class frequencies, and
what several samples of one answer are worth. And whether a model has read its test set.
"""

from tinyft.evaluation.best_of_n import best_of_n_kl, best_of_n_law
from tinyft.evaluation.calibration import Calibration, bcts
from tinyft.evaluation.contamination import (
    Contrast,
    difference_in_differences,
    joint,
    log_perplexity,
    permutation_p,
    plant,
    token_losses,
)
from tinyft.evaluation.decision import Decision, decide, student
from tinyft.evaluation.membership import (
    auc,
    greedy_recall,
    min_k,
    order_test,
    standardised,
)
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
    "Contrast",
    "Decision",
    "Pairs",
    "auc",
    "bbse",
    "bcts",
    "best_of",
    "best_of_n_kl",
    "best_of_n_law",
    "confusion",
    "content_free_bias",
    "decide",
    "difference_in_differences",
    "em_prior",
    "greedy_recall",
    "joint",
    "log_perplexity",
    "mcnemar",
    "min_k",
    "order_test",
    "paired",
    "paired_bootstrap",
    "pass_at_k",
    "permutation_p",
    "plant",
    "recentring_bias",
    "rejection",
    "rejection_overall",
    "standardised",
    "student",
    "token_losses",
    "vote",
    "vote_accuracy",
]
