"""L4: what a comparison of two models, or of two ways to train them, has shown."""

from tinyft.evaluation.decision import Decision, decide, student
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
    "Decision",
    "Pairs",
    "decide",
    "mcnemar",
    "paired",
    "paired_bootstrap",
    "rejection",
    "rejection_overall",
    "student",
]
