"""L4: tasks one after the other: what is forgotten, and what holds it."""

from tinyft.transfer.continual.complement import (
    Complement,
    input_subspaces,
    top_subspaces,
)
from tinyft.transfer.continual.distillation import LwF, divergence, on_policy_loss
from tinyft.transfer.continual.ewc import EWC
from tinyft.transfer.continual.forgetting import final_accuracy, forgetting, just_after
from tinyft.transfer.continual.rehearsal import Rehearsal

__all__ = [
    "EWC",
    "Complement",
    "LwF",
    "Rehearsal",
    "divergence",
    "final_accuracy",
    "forgetting",
    "input_subspaces",
    "just_after",
    "on_policy_loss",
    "top_subspaces",
]
