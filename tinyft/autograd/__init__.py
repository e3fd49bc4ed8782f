"""L1: the tape of Functions, the Tensor, and the check that gradients are right."""

from tinyft.autograd.anomaly import detect_anomaly
from tinyft.autograd.check import GradcheckError, gradcheck
from tinyft.autograd.function import Function
from tinyft.autograd.mode import enable_grad, is_grad_enabled, no_grad
from tinyft.autograd.tensor import Tensor, tensor
from tinyft.autograd.walk import grad

__all__ = [
    "Function",
    "GradcheckError",
    "Tensor",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "gradcheck",
    "is_grad_enabled",
    "no_grad",
    "tensor",
]
