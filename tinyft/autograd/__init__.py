"""L1: the tape of Functions, the Tensor, and the check that gradients are right."""

from tinyft import later
from tinyft.autograd.function import Function
from tinyft.autograd.mode import enable_grad, is_grad_enabled, no_grad
from tinyft.autograd.tensor import Tensor, tensor
from tinyft.autograd.walk import grad

__all__ = [
    "Function",
    "Tensor",
    "enable_grad",
    "grad",
    "is_grad_enabled",
    "no_grad",
    "tensor",
]

__getattr__, __dir__ = later.names(
    "tinyft.autograd",
    {
        "tinyft.autograd.anomaly": "detect_anomaly",
        "tinyft.autograd.check": "GradcheckError gradcheck",
    },
)
