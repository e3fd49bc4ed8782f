"""L2: functions on Tensors, with PyTorch's names for neural ones and NumPy's for arrays."""

import sys

from tinyft.autograd.tensor import use_ops
from tinyft.ops.elementwise import add, div, mul, sub

use_ops(sys.modules[__name__])
