"""L4: turning gradients into steps: SGD, Adam, AdamW, clipping and schedules."""

from tinyft.autograd import hints
from tinyft.optim import schedule
from tinyft.optim.adam import Adam
from tinyft.optim.adamw import AdamW
from tinyft.optim.clip import clip_grad_norm, clip_grad_value
from tinyft.optim.optimizer import Optimizer
from tinyft.optim.schedule import Schedule
from tinyft.optim.sgd import SGD

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Optimizer",
    "Schedule",
    "clip_grad_norm",
    "clip_grad_value",
    "schedule",
]

__getattr__ = hints.names_of("tinyft.optim", "OPTIM")
