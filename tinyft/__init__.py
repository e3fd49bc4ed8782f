"""tinyft: every fine-tuning method, small enough to read, proved against its closed form."""

from tinyft import backend, ops
from tinyft.autograd import (
    Function,
    Tensor,
    detect_anomaly,
    enable_grad,
    grad,
    gradcheck,
    is_grad_enabled,
    no_grad,
    tensor,
)
from tinyft.backend import device

__version__ = "0.1.0"
