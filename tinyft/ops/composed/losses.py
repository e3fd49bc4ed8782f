"""Losses (see composed/__init__.py); each ends with none, the mean or the sum."""

import math

from tinyft.ops.array.choose import clip, where
from tinyft.ops.array.compare import logical_and, one_hot
from tinyft.ops.array.index import take_along_axis
from tinyft.ops.array.shape import moveaxis
from tinyft.ops.array.unary import abs, exp, log
from tinyft.ops.composed.activations import log_softmax, softplus
from tinyft.ops.operands import wrapped


def cross_entropy(
    logits,
    targets,
    weight=None,
    ignore_index=-100,
    label_smoothing=0.0,
    reduction="mean",
):
    """L_i = -Σ_c t_ic log p_ic, with p = softmax(logits) along the classes.

    For a class y and smoothing e: t_c = w_c ((1 - e) [c = y] + e / C); for probabilities
    q: t_c = w_c ((1 - e) q_c + e / C). The mean divides by Σ_i w_y(i) over the targets
    that count, for probabilities by their number.
    """
    logits, targets, weight = wrapped(logits, targets, weight)
    log_p = log_softmax(_classes_last(logits))
    C, hard = log_p.shape[-1], targets.dtype.kind != "f"
    if hard:
        counts = (targets != ignore_index).astype(log_p.dtype)
        classes = where(targets == ignore_index, 0, targets)
        q = one_hot(classes, C, log_p.dtype) * counts.reshape(*counts.shape, 1)
    else:
        q = _classes_last(targets)
    even = label_smoothing / C * (q.sum(axis=-1, keepdims=True) if hard else 1.0)
    t, w = q * (1 - label_smoothing) + even, 1.0 if weight is None else weight
    log_p = where(logical_and(t == 0, log_p == -math.inf), 0.0, log_p)  # 0 log 0 = 0
    terms = -(t * w * log_p).sum(axis=-1)
    total = (q * w).sum() if hard else math.prod(terms.shape)
    return terms.sum() / total if reduction == "mean" else _reduced(terms, reduction)


def nll_loss(log_probs, targets, weight=None, ignore_index=-100, reduction="mean"):
    """L_i = -w_y log p_iy at the class y of each sample."""
    log_p, targets, weight = wrapped(log_probs, targets, weight)
    log_p, counts = _classes_last(log_p), targets != ignore_index
    classes = where(counts, targets, 0).astype("int64")
    chosen = take_along_axis(log_p, classes.reshape(*classes.shape, 1), -1)
    w = counts.astype(log_p.dtype) * (1.0 if weight is None else weight[classes])
    terms = -where(counts, chosen.reshape(classes.shape), 0.0) * w
    return terms.sum() / w.sum() if reduction == "mean" else _reduced(terms, reduction)


def mse_loss(x, y, reduction="mean"):
    """(x - y)²."""
    d = x - y
    return _reduced(d * d, reduction)


def l1_loss(x, y, reduction="mean"):
    """|x - y|."""
    return _reduced(abs(x - y), reduction)


def huber_loss(x, y, delta=1.0, reduction="mean"):
    """d²/2 where |d| <= δ, else δ (|d| - δ/2), with d = x - y: c (d - c/2), c = d cut."""
    d = x - y
    c = clip(d, -delta, delta)
    return _reduced(c * (d - 0.5 * c), reduction)


def smooth_l1_loss(x, y, beta=1.0, reduction="mean"):
    """huber_loss / β, which is |x - y| at β = 0."""
    if beta == 0:
        return l1_loss(x, y, reduction)
    return huber_loss(x, y, beta, reduction) / beta


def bce_with_logits(logits, targets, weight=None, pos_weight=None, reduction="mean"):
    """-w (p y log σ(x) + (1 - y) log(1 - σ(x))), with -log σ(x) = log(1 + e^-x)."""
    x, y = wrapped(logits, targets)
    p = 1.0 if pos_weight is None else pos_weight
    terms = p * y * softplus(-x) + (1 - y) * softplus(x)
    return _reduced(terms if weight is None else terms * weight, reduction)


def kl_div(log_input, target, reduction="mean", log_target=False):
    """q (log q - log p), with q the target and log p the input; 0 log 0 = 0."""
    log_p, q = wrapped(log_input, target)
    if log_target:
        terms = exp(q) * (q - log_p)
    else:
        terms = q * (log(where(q == 0, 1.0, q)) - log_p)
    if reduction == "batchmean":
        return terms.sum() / terms.shape[0]
    return _reduced(terms, reduction)


def _classes_last(x):
    """(C), (N, C) or (N, C, d1, ...) with the classes on the last axis."""
    return x if x.ndim < 2 else moveaxis(x, 1, -1)


def _reduced(terms, reduction):
    return terms if reduction == "none" else getattr(terms, reduction)()
