"""L4: transfer without new parameters: what to hold, where, and how hard."""

from tinyft.transfer.batchnorm import (
    batchnorm,
    ema_batches,
    shift_score,
    shift_scores,
)
from tinyft.transfer.discriminative_lr import (
    discriminative_groups,
    gradual_unfreeze,
    layer_groups,
    layer_rates,
    slice_rule,
)
from tinyft.transfer.drift import FeatureDrift
from tinyft.transfer.fisher import fisher_diagonal
from tinyft.transfer.freeze import freeze, unfreeze
from tinyft.transfer.freezing import GradualUnfreezing, last, train_only
from tinyft.transfer.full_finetuning import distance, distances, snapshot
from tinyft.transfer.l2sp import L2SP
from tinyft.transfer.stochnorm import StochNorm2d, stochnorm

__all__ = [
    "L2SP",
    "FeatureDrift",
    "GradualUnfreezing",
    "StochNorm2d",
    "batchnorm",
    "discriminative_groups",
    "distance",
    "distances",
    "ema_batches",
    "fisher_diagonal",
    "freeze",
    "gradual_unfreeze",
    "last",
    "layer_groups",
    "layer_rates",
    "shift_score",
    "shift_scores",
    "slice_rule",
    "snapshot",
    "stochnorm",
    "train_only",
    "unfreeze",
]
