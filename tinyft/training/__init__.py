"""L5: the loop, what it measures, when it stops, and how a killed run goes on."""

from tinyft.training.checkpoint import load_checkpoint, save_checkpoint
from tinyft.training.early import EarlyStopping
from tinyft.training.loop import fit
from tinyft.training.metrics import (
    accuracy,
    confusion_matrix,
    evaluate,
    mean_and_error,
    perplexity,
)
from tinyft.training.pretrained import load_pretrained
from tinyft.training.run import Checkpoint

__all__ = [
    "Checkpoint",
    "EarlyStopping",
    "accuracy",
    "confusion_matrix",
    "evaluate",
    "fit",
    "load_checkpoint",
    "load_pretrained",
    "mean_and_error",
    "perplexity",
    "save_checkpoint",
]
