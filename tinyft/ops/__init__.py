"""L2: functions on Tensors, with PyTorch's names for neural ones and NumPy's for arrays.

The table says which file has which function; a file is imported when one of its
functions is first used.
"""

import sys

from tinyft import later
from tinyft.autograd import hints
from tinyft.autograd.tensor import use_ops

__getattr__, __dir__ = later.names(
    "tinyft.ops",
    {
        "tinyft.ops.array.choose": "clip masked_fill maximum minimum remainder where",
        "tinyft.ops.array.compare": (
            "all any argmax argmin ceil equal floor floor_divide greater "
            "greater_equal isfinite isinf isnan less less_equal logical_and "
            "logical_not logical_or not_equal one_hot round sign"
        ),
        "tinyft.ops.array.create": (
            "arange eye full full_like ones ones_like zeros zeros_like"
        ),
        "tinyft.ops.array.einsum": "einsum",
        "tinyft.ops.array.elementwise": (
            "add div lerp mul neg pow reciprocal square sub"
        ),
        "tinyft.ops.array.index": "embedding gather index take_along_axis",
        "tinyft.ops.array.join": (
            "astype clone concatenate detach pad split stack to_device"
        ),
        "tinyft.ops.array.linalg": "dot matmul outer solve",
        "tinyft.ops.array.reduce": "amax amin cumsum max mean min prod sum",
        "tinyft.ops.array.shape": (
            "broadcast_to expand_dims flatten flip moveaxis repeat reshape roll "
            "squeeze swapaxes tile transpose tril triu"
        ),
        "tinyft.ops.array.sort": "argsort sort",
        "tinyft.ops.array.stats": "logsumexp norm std var",
        "tinyft.ops.array.trig": "arccos arcsin arctan cos cosh sin sinh tan tanh",
        "tinyft.ops.array.unary": (
            "abs erf exp expm1 log log1p log2 log10 rsqrt sigmoid sqrt"
        ),
        "tinyft.ops.blocked.im2col": "im2col",
        "tinyft.ops.neural.activation": (
            "elu leaky_relu log_softmax logsigmoid relu silu softmax softplus"
        ),
        "tinyft.ops.neural.attention": "attention attention_weights",
        "tinyft.ops.neural.batchnorm": "batch_norm",
        "tinyft.ops.neural.conv": "conv1d conv2d conv_transpose2d",
        "tinyft.ops.neural.cross_entropy": "cross_entropy nll_loss",
        "tinyft.ops.neural.dropout": "dropout",
        "tinyft.ops.neural.gelu": "gelu",
        "tinyft.ops.neural.linear": "linear",
        "tinyft.ops.neural.loss": (
            "bce_with_logits huber_loss kl_div l1_loss mse_loss smooth_l1_loss"
        ),
        "tinyft.ops.neural.groupnorm": "group_norm",
        "tinyft.ops.neural.norm": "layer_norm rms_norm",
        "tinyft.ops.recurrent.lstm": "lstm",
        "tinyft.ops.neural.pool": "adaptive_avg_pool2d avg_pool2d max_pool2d",
    },
    parts="array blocked composed neural recurrent".split(),
    each=hints.hinted,
    missing=hints.missing_from("tinyft.ops", "FUNCTIONS"),
)
use_ops(sys.modules[__name__])
