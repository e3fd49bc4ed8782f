"""L4: transfer without new parameters: what to hold, where, and how hard."""

from tinyft.transfer import continual
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
from tinyft.transfer.frequency import (
    gain,
    relative_gradients,
    residual_correlation,
    sensitivity,
)
from tinyft.transfer.full_finetuning import distance, distances, snapshot
from tinyft.transfer.information import mutual_information, relevance
from tinyft.transfer.information_bottleneck import WeightedKL, gaussian_kl
from tinyft.transfer.l2sp import L2SP
from tinyft.transfer.linear_probe import (
    LinearProbe,
    features,
    head_only,
    linear_probe,
    spread,
)
from tinyft.transfer.merging.dare import dare, dare_variance
from tinyft.transfer.merging.quadratic import best_share, soup_loss, soup_weights
from tinyft.transfer.merging.soups import greedy_soup, interpolate, soup
from tinyft.transfer.merging.tangent import tangent
from tinyft.transfer.merging.task_vectors import add_vectors, similarity, task_vector
from tinyft.transfer.merging.ties import ties
from tinyft.transfer.multitask.gradients import cosines, task_gradients
from tinyft.transfer.multitask.linear import (
    break_even,
    joint_ridge,
    pooled_risk,
    separate_risk,
)
from tinyft.transfer.multitask.losses import weighted_sum
from tinyft.transfer.multitask.pcgrad import PCGrad, pcgrad
from tinyft.transfer.multitask.trunk import SharedTrunk
from tinyft.transfer.multitask.uncertainty import UncertaintyWeights, best_variance
from tinyft.transfer.negative_transfer import transfer_gap
from tinyft.transfer.norms.batchnorm import (
    batchnorm,
    ema_batches,
    shift_score,
    shift_scores,
)
from tinyft.transfer.norms.mixed import mean_weight, mix_statistics, variance_weight
from tinyft.transfer.norms.stochnorm import StochNorm2d, stochnorm
from tinyft.transfer.norms.tent import entropy, marginal_entropy, tent
from tinyft.transfer.transferability import leep, logme
from tinyft.transfer.vocabulary import change_vocabulary, new_rows, old_pieces

__all__ = [
    "L2SP",
    "FeatureDrift",
    "GradualUnfreezing",
    "LinearProbe",
    "PCGrad",
    "SharedTrunk",
    "StochNorm2d",
    "UncertaintyWeights",
    "WeightedKL",
    "add_vectors",
    "batchnorm",
    "best_share",
    "best_variance",
    "break_even",
    "change_vocabulary",
    "continual",
    "cosines",
    "dare",
    "dare_variance",
    "discriminative_groups",
    "distance",
    "distances",
    "ema_batches",
    "entropy",
    "features",
    "fisher_diagonal",
    "freeze",
    "gain",
    "gaussian_kl",
    "gradual_unfreeze",
    "greedy_soup",
    "head_only",
    "interpolate",
    "joint_ridge",
    "last",
    "layer_groups",
    "layer_rates",
    "leep",
    "linear_probe",
    "logme",
    "marginal_entropy",
    "mean_weight",
    "mix_statistics",
    "mutual_information",
    "new_rows",
    "old_pieces",
    "pcgrad",
    "pooled_risk",
    "relative_gradients",
    "relevance",
    "residual_correlation",
    "sensitivity",
    "separate_risk",
    "shift_score",
    "shift_scores",
    "similarity",
    "slice_rule",
    "snapshot",
    "soup",
    "soup_loss",
    "soup_weights",
    "spread",
    "stochnorm",
    "tangent",
    "task_gradients",
    "task_vector",
    "tent",
    "ties",
    "train_only",
    "transfer_gap",
    "unfreeze",
    "variance_weight",
    "weighted_sum",
]
