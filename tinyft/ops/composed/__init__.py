"""READ FIRST: what every fused operation computes, in a few lines under its formula.

Each function here has the name, the arguments and the result of one in tinyft.ops. The
one there is fused: forward and backward are written by hand, in blocks and in place, and
keep little memory. The one here is made of primitive operations (products, sums, powers,
exponentials, choices, indexing), whose derivatives the tape knows. So this is

    the definition    what the operation means, to be read before its fast form
    the reference     the tests demand equal values and equal gradients of the two
    the way out       it can be differentiated to any order; a fused operation that
                      cannot be differentiated twice names its form here

    layers.py         linear, embedding, dropout, layer, RMS, group and batch norm
    activations.py    relu, gelu and their kin, softmax, log-sum-exp
    attention.py      attention and its weights
    images.py         convolution and pooling
    recurrent.py      the LSTM
    losses.py         cross-entropy and the losses between two tensors

They are slower, keep all intermediate results, and leave the checks of shapes to the
fused forms.
"""

from tinyft.ops.composed.activations import (
    elu,
    gelu,
    leaky_relu,
    log_softmax,
    logsigmoid,
    logsumexp,
    relu,
    silu,
    softmax,
    softplus,
)
from tinyft.ops.composed.attention import attention, attention_weights
from tinyft.ops.composed.images import (
    adaptive_avg_pool2d,
    avg_pool2d,
    conv1d,
    conv2d,
    conv_transpose2d,
    max_pool2d,
)
from tinyft.ops.composed.layers import (
    batch_norm,
    dropout,
    embedding,
    group_norm,
    layer_norm,
    linear,
    rms_norm,
)
from tinyft.ops.composed.losses import (
    bce_with_logits,
    cross_entropy,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    nll_loss,
    smooth_l1_loss,
)
from tinyft.ops.composed.recurrent import lstm

__all__ = [
    "adaptive_avg_pool2d",
    "attention",
    "attention_weights",
    "avg_pool2d",
    "batch_norm",
    "bce_with_logits",
    "conv1d",
    "conv2d",
    "conv_transpose2d",
    "cross_entropy",
    "dropout",
    "elu",
    "embedding",
    "gelu",
    "group_norm",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsigmoid",
    "logsumexp",
    "lstm",
    "max_pool2d",
    "mse_loss",
    "nll_loss",
    "relu",
    "rms_norm",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "softplus",
]
