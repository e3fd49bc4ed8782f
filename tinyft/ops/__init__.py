"""L2: functions on Tensors, with PyTorch's names for neural ones and NumPy's for arrays."""

import sys

from tinyft.autograd.tensor import use_ops
from tinyft.ops import composed
from tinyft.ops.array.choose import (
    clip,
    masked_fill,
    maximum,
    minimum,
    remainder,
    where,
)
from tinyft.ops.array.compare import (
    all,
    any,
    argmax,
    argmin,
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
)
from tinyft.ops.array.create import (
    arange,
    eye,
    full,
    full_like,
    ones,
    ones_like,
    zeros,
    zeros_like,
)
from tinyft.ops.array.einsum import einsum
from tinyft.ops.array.elementwise import (
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
from tinyft.ops.array.index import embedding, gather, index, take_along_axis
from tinyft.ops.array.join import (
    astype,
    clone,
    concatenate,
    detach,
    pad,
    split,
    stack,
    to_device,
)
from tinyft.ops.array.linalg import dot, matmul, outer
from tinyft.ops.array.reduce import amax, amin, cumsum, max, mean, min, prod, sum
from tinyft.ops.array.shape import (
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
from tinyft.ops.array.sort import argsort, sort
from tinyft.ops.array.stats import logsumexp, norm, std, var
from tinyft.ops.array.trig import (
    arccos,
    arcsin,
    arctan,
    cos,
    cosh,
    sin,
    sinh,
    tan,
    tanh,
)
from tinyft.ops.array.unary import (
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
from tinyft.ops.blocked.im2col import im2col
from tinyft.ops.neural.activation import (
    elu,
    leaky_relu,
    log_softmax,
    logsigmoid,
    relu,
    silu,
    softmax,
    softplus,
)
from tinyft.ops.neural.attention import attention, attention_weights
from tinyft.ops.neural.batchnorm import batch_norm
from tinyft.ops.neural.conv import conv1d, conv2d, conv_transpose2d
from tinyft.ops.neural.cross_entropy import cross_entropy, nll_loss
from tinyft.ops.neural.dropout import dropout
from tinyft.ops.neural.gelu import gelu
from tinyft.ops.neural.linear import linear
from tinyft.ops.neural.loss import (
    bce_with_logits,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    smooth_l1_loss,
)
from tinyft.ops.neural.norm import group_norm, layer_norm, rms_norm
from tinyft.ops.neural.pool import adaptive_avg_pool2d, avg_pool2d, max_pool2d

use_ops(sys.modules[__name__])
