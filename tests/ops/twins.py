"""Composed twins: each fused operation once more, from primitive operations.

They are the specification: readable, differentiable to any order, slow. The tests
demand that a fused operation equals its twin in value and in gradient.
"""

import math

import numpy as np

from tinyft import grad, ops, tensor


def linear(x, weight, bias=None):
    y = x @ weight.T
    return y if bias is None else y + bias


def gelu(x, approximate="none"):
    if approximate == "none":
        return 0.5 * x * (1 + ops.erf(x / math.sqrt(2)))
    u = math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)
    return 0.5 * x * (1 + ops.tanh(u))


def layer_norm(x, weight=None, bias=None, eps=1e-5):
    d = x - x.mean(axis=-1, keepdims=True)
    y = d * ops.rsqrt((d * d).mean(axis=-1, keepdims=True) + eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def rms_norm(x, weight=None, eps=1e-6):
    y = x * ops.rsqrt((x * x).mean(axis=-1, keepdims=True) + eps)
    return y if weight is None else y * weight


def group_norm(x, groups, weight=None, bias=None, eps=1e-5):
    y = layer_norm(x.reshape(x.shape[0], groups, -1), eps=eps).reshape(x.shape)
    per_channel = (-1, *[1] * (x.ndim - 2))
    y = y if weight is None else y * weight.reshape(per_channel)
    return y if bias is None else y + bias.reshape(per_channel)


def softmax(x):
    """Along the last axis; a row of -inf gives zeros."""
    top = np.maximum(x.numpy().max(axis=-1, keepdims=True), np.finfo(x.dtype).min)
    e = ops.exp(x - tensor(top))
    return e / ops.maximum(e.sum(axis=-1, keepdims=True), 1e-30)  # other sums are >= 1


def log_softmax(x):
    return x - ops.logsumexp(x, axis=-1, keepdims=True)


def attention_weights(q, k, mask=None, causal=False, scale=None):
    _, H, T, d = q.shape
    S, R = k.shape[2], H // k.shape[1]
    k = ops.repeat(k, R, 1)  # head h reads key head h // R
    scores = (q @ k.swapaxes(-1, -2)) * (1 / math.sqrt(d) if scale is None else scale)
    if causal:
        visible = np.arange(S) <= np.arange(T)[:, None] + S - T
        scores = ops.where(visible, scores, -math.inf)
    if mask is not None and mask.dtype == bool:
        scores = ops.where(mask, scores, -math.inf)
    elif mask is not None:
        scores = scores + mask
    return softmax(scores)


def attention(q, k, v, mask=None, causal=False, scale=None):
    P = attention_weights(q, k, mask, causal, scale)
    return P @ ops.repeat(v, q.shape[1] // v.shape[1], 1)


def cross_entropy(logits, targets, weight=None, ignore_index=-100, label_smoothing=0.0,
                  reduction="mean"):  # fmt: skip
    """For class indices: -(t · log softmax), t the smoothed, weighted one-hot rows."""
    C = logits.shape[1]
    x = ops.moveaxis(logits, 1, -1)  # (N, d..., C)
    y = targets.numpy() if hasattr(targets, "numpy") else np.asarray(targets)
    keep = y != ignore_index
    w = np.ones(C) if weight is None else weight.numpy()
    hot = np.eye(C)[np.where(keep, y, 0)]
    t = ((1 - label_smoothing) * hot + label_smoothing / C) * w * keep[..., None]
    if label_smoothing == 0:
        t = hot * w * keep[..., None]
    losses = -(tensor(t.astype(x.dtype)) * log_softmax(x)).sum(axis=-1)
    if reduction == "mean":
        return losses.sum() / float((hot @ w * keep).sum())
    return losses.sum() if reduction == "sum" else losses


def compare(fused, twin, *arrays, rtol=1e-12, dtype="float64", **options):
    """Assert that the two agree in value and in the gradient of every array.

    1e-12 in float64: a few hundred roundings of 1e-16 at values of order 1, with slack.
    """
    results = []
    for fn in (fused, twin):
        xs = [tensor(a.astype(dtype), requires_grad=True) for a in arrays]
        y = fn(*xs, **options)
        gy = np.cos(np.arange(y.size)).reshape(y.shape).astype(dtype)
        results.append([y, *grad([y], xs, [tensor(gy)])])
    for got, want in zip(*results):
        assert got.dtype == want.dtype == dtype and got.shape == want.shape
        scale = max(1.0, np.abs(want.numpy()).max(initial=0))
        np.testing.assert_allclose(
            got.numpy(), want.numpy(), rtol=rtol, atol=rtol * scale
        )
    return results[0]
