"""Linear maps, dropout and normalisation (see composed/__init__.py)."""

import math

from tinyft.ops.array.index import index
from tinyft.ops.array.stats import var
from tinyft.ops.array.unary import rsqrt
from tinyft.ops.neural.batchnorm import move
from tinyft.ops.neural.dropout import bernoulli
from tinyft.ops.operands import wrap, wrapped


def linear(x, weight, bias=None):
    """y = x Wᵀ + b."""
    return _plus(x @ weight.T, bias)


def embedding(ids, weight):
    """Row ids[i] of the weight, which is one-hot(ids) W."""
    return index(weight, wrap(ids))


def dropout(x, p=0.5, rng=None, training=True):
    """y = x m / (1 - p) with m ~ Bernoulli(1 - p), so that E[y] = x."""
    if not training or p == 0:
        return wrap(x)
    keep = bernoulli(rng, x.shape, 1 - p, x._data)
    return x * keep.astype(x.dtype) * (1 / (1 - p) if p < 1 else 0.0)


def layer_norm(x, weight=None, bias=None, eps=1e-5):
    """y = w (x - mean) / √(var + ε) + b over the last axis."""
    d = x - x.mean(axis=-1, keepdims=True)
    s = rsqrt((d * d).mean(axis=-1, keepdims=True) + eps)
    return _plus(_times(d * s, weight), bias)


def rms_norm(x, weight=None, eps=1e-6):
    """y = w x / √(mean(x²) + ε) over the last axis."""
    s = rsqrt((x * x).mean(axis=-1, keepdims=True) + eps)
    return _times(x * s, weight)


def group_norm(x, groups, weight=None, bias=None, eps=1e-5):
    """The layer norm of each group of channels of x (N, C, ...)."""
    width = math.prod(x.shape[1:]) // groups
    y = layer_norm(x.reshape(x.shape[0], groups, width), eps=eps).reshape(x.shape)
    return _plus(_times(y, _channels(weight, x)), _channels(bias, x))


def batch_norm(
    x,
    running_mean,
    running_var,
    weight=None,
    bias=None,
    training=False,
    momentum=0.1,
    eps=1e-5,
):
    """y = w (x - mean) / √(var + ε) + b for each channel of x (N, C, ...).

    mean and var are those of the batch in training (and without running ones), which
    then also move the running ones: r ← (1 - momentum) r + momentum batch, var unbiased.
    """
    mean, v = wrapped(running_mean, running_var)
    if training or mean is None:
        axes = (0, *range(2, x.ndim))
        running = () if mean is None else (mean._data, v._data)
        mean, v = x.mean(axes), var(x, axes)
        if training and running:
            move(*running, mean._data, v._data, x.size // x.shape[1], momentum)
    y = (x - _channels(mean, x)) * rsqrt(_channels(v, x) + eps)
    return _plus(_times(y, _channels(weight, x)), _channels(bias, x))


def _channels(a, x):
    """(C) so that it broadcasts to x (N, C, ...)."""
    return None if a is None else wrap(a).reshape(-1, *[1] * (x.ndim - 2))


def _times(y, weight):
    return y if weight is None else y * weight


def _plus(y, bias):
    return y if bias is None else y + bias
