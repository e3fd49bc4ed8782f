"""L4: what a comparison of two models, or of two ways to train them, has shown.

And what a classifier's probabilities are worth on data with other class frequencies.
"""

from tinyft.evaluation.calibration import Calibration, bcts
from tinyft.evaluation.decision import Decision, decide, student
from tinyft.evaluation.prior_shift import bbse, confusion, em_prior
from tinyft.evaluation.recentring import content_free_bias, recentring_bias
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
    "confusion",
    "content_free_bias",
    "decide",
    "em_prior",
    "mcnemar",
    "paired",
    "paired_bootstrap",
    "recentring_bias",
    "rejection",
    "rejection_overall",
    "student",
]
