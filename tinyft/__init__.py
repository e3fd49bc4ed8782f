"""tinyft: every fine-tuning method, small enough to read, proved in closed form."""

from tinyft import backend, later, ops
from tinyft.autograd import (
    Function,
    Tensor,
    enable_grad,
    grad,
    is_grad_enabled,
    no_grad,
    tensor,
)
from tinyft.autograd import hints as hints
from tinyft.backend import device

__version__ = "0.1.0"

backend.keep_freed_memory()

# Imported at their first use, so that `import tinyft` takes hardly longer than NumPy.
__getattr__, __dir__ = later.names(
    "tinyft",
    {
        "tinyft.autograd.anomaly": "detect_anomaly",
        "tinyft.autograd.check": "gradcheck",
        "tinyft.nn.init": "manual_seed",
    },
    "nn optim models peft transfer objectives evaluation efficiency training data "
    "io pretrained".split(),
    missing=hints.missing_from("tinyft", "FUNCTIONS"),
)
