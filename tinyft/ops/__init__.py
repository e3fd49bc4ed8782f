"""L2: functions on Tensors, with PyTorch's names for neural ones and NumPy's for arrays."""

import sys

from tinyft.autograd.tensor import use_ops
from tinyft.ops.activation import (
    elu,
    leaky_relu,
    log_softmax,
    logsigmoid,
    relu,
    silu,
    softmax,
    softplus,
)
from tinyft.ops.attention import attention, attention_weights
from tinyft.ops.batchnorm import batch_norm
from tinyft.ops.choose import clip, masked_fill, maximum, minimum, remainder, where
from tinyft.ops.compare import (
    all,
    any,
    argmax,
    argmin,
    argsort,
    ceil,
    equal,
    floor,
    floor_divide,
    greater,
    greater_equal,
    isfinite,
    isinf,
    isnan,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    not_equal,
    one_hot,
    round,
    sign,
    sort,
)
from tinyft.ops.conv import conv1d, conv2d, conv_transpose2d
from tinyft.ops.create import (
    arange,
    eye,
    full,
    full_like,
    ones,
    ones_like,
    zeros,
    zeros_like,
)
from tinyft.ops.cross_entropy import cross_entropy, nll_loss
from tinyft.ops.einsum import einsum
from tinyft.ops.elementwise import (
    add,
    div,
    lerp,
    mul,
    neg,
    pow,
    reciprocal,
    square,
    sub,
)
from tinyft.ops.gelu import gelu
from tinyft.ops.im2col import im2col
from tinyft.ops.index import embedding, gather, index, take_along_axis
from tinyft.ops.join import (
    astype,
    clone,
    concatenate,
    detach,
    pad,
    split,
    stack,
    to_device,
)
from tinyft.ops.linalg import dot, matmul, outer
from tinyft.ops.linear import linear
from tinyft.ops.loss import (
    bce_with_logits,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    smooth_l1_loss,
)
from tinyft.ops.norm import group_norm, layer_norm, rms_norm
from tinyft.ops.pool import adaptive_avg_pool2d, avg_pool2d, max_pool2d
from tinyft.ops.random import dropout
from tinyft.ops.reduce import amax, amin, cumsum, max, mean, min, prod, sum
from tinyft.ops.shape import (
    broadcast_to,
    expand_dims,
    flatten,
    flip,
    moveaxis,
    repeat,
    reshape,
    roll,
    squeeze,
    swapaxes,
    tile,
    transpose,
    tril,
    triu,
)
from tinyft.ops.stats import logsumexp, norm, std, var
from tinyft.ops.trig import arccos, arcsin, arctan, cos, cosh, sin, sinh, tan, tanh
from tinyft.ops.unary import (
    abs,
    erf,
    exp,
    expm1,
    log,
    log1p,
    log2,
    log10,
    rsqrt,
    sigmoid,
    sqrt,
)

use_ops(sys.modules[__name__])
