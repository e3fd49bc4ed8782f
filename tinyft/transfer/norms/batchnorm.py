r"""BatchNorm under transfer: which statistics normalise, and whether γ and β train.

    frozen    y = γ (x − r_μ)/√(r_v + ε) + β       the source's running statistics, for ever
    updated   the batch's own while training; running r ← (1 − m) r + m b            (1)
    recomputed  r_μ, r_v = mean and unbiased variance of ALL data given, then frozen (2)

Statistics and γ, β are separate questions, so `batchnorm` takes two answers. A freeze is
stored in the layer (`statistics = "frozen"`), not in its mode, so `model.train()` does
not undo it. Batches pool exactly (Chan, Golub and LeVeque 1983): the mean weighs by
size, the variance is the mean within plus the variance between.

What freezing changes, in expectation over the target (μ_t, v_t), for a channel:

    A = E (y_frozen − y_updated)² = γ² [(a − b)² v_t + a² (μ_t − μ_s)²],
    a = (v_s + ε)^(−1/2),  b = (v_t + ε)^(−1/2)                                       (3)

Sources: Ioffe and Szegedy 2015; Li et al. 2016 (AdaBN: recompute on the target); Wu and
Johnson 2021, "Rethinking Batch in BatchNorm" (recomputation against moving averages).
"""

import math

from tinyft.nn import BatchNorm2d
from tinyft.transfer.norms.moments import using, watch

STATISTICS = {"freeze": "frozen", "update": "update", "recompute": "frozen"}


def batchnorm(model, statistics, batches=None, affine=None):
    """Set every BatchNorm layer of `model`; returns {path: layer} of those it set.

    statistics  "freeze", "update" or "recompute" (then frozen)
    batches     for "recompute" only: arrays x (N, ...), or tuples that begin with x. All
                are kept and walked once a layer, each layer after those before it: the
                result is what ONE training pass over all data as one batch, with
                momentum 1, would store
    affine      whether γ and β train; None leaves each as it is

    Under an adapter the base stays fixed: only trained copies (`attach(..., also="^bn1")`)
    are set. Raises ValueError for another word, batches missing or not asked for, no
    layer to set, or a layer that keeps no running statistics.
    """
    anew = statistics == "recompute"
    if statistics not in STATISTICS or anew != (batches is not None):
        raise ValueError(
            f"batchnorm({statistics!r}): expected 'freeze', 'update', or 'recompute' "
            "with batches of the target (and only that one with batches)"
        )
    layers = norms(model)
    if anew:
        recompute(model, batches)
    for layer in layers.values():
        layer.statistics = STATISTICS[statistics]
        for p in layer.parameters() if affine is not None else ():
            p.requires_grad_(bool(affine))
            p.grad = None
    return layers


def norms(model):
    """{path: layer} of the BatchNorm layers that may change: the model's own, or, with
    adapters attached, the copies that these train instead of some of them."""
    own = {p: m for p, m in model.named_modules() if isinstance(m, BatchNorm2d)}
    if not any(m._deltas for m in model.modules()):
        found = own
    else:
        found = {path: _copy(layer) for path, layer in own.items() if _copy(layer)}
    none = [path for path, layer in found.items() if layer.running_mean is None]
    if none:
        raise ValueError(
            f"batchnorm: {none[0]} has track_running_stats=False: no statistics to hold"
        )
    if not found:
        raise ValueError(
            f"batchnorm: {type(model).__name__} has {len(own)} BatchNorm layers and none "
            "to set; under an adapter the base stays fixed, so attach also='^bn1' (a "
            "pattern) to give it copies of its own"
        )
    return found


def _copy(layer):
    """The copy that acts in this layer's place, or None."""
    copies = [getattr(delta, "copy", None) for delta in layer.deltas()]
    return next((c for c in reversed(copies) if isinstance(c, BatchNorm2d)), None)


# --- exact statistics ----------------------------------------------------------------


def recompute(model, batches):
    """Store (2) in every layer of `norms(model)`, in the order of the forward pass.

    A single batch needs one pass; several need one per layer, as the inputs of a layer
    depend on what has just been stored in those before it.
    """
    batches, layers = list(batches), norms(model)
    with using(model, layers, "batch" if len(batches) == 1 else "frozen"):
        found = watch(model, layers, batches[:1])
    if len(found) < len(layers):
        raise ValueError(
            f"batchnorm('recompute'): {len(batches)} batches came, and the model called "
            f"{len(found)} of its {len(layers)} BatchNorm layers"
        )
    if len(batches) > 1:
        with using(model, layers):
            for path in found:
                found |= watch(model, {path: layers[path]}, batches)
                _store(layers[path], *found[path][1:])
    for path, (count, mean, var) in found.items():
        _store(layers[path], mean, count / max(1, count - 1) * var)
        tracked = layers[path].num_batches_tracked
        tracked.data = 0 * tracked.data + len(batches)


def _store(layer, mean, var):
    for slot, value in ((layer.running_mean, mean), (layer.running_var, var)):
        slot.data = value.astype(slot.dtype)


# --- closed forms --------------------------------------------------------------------


def shift_score(mean_s, var_s, mean_t, var_t, weight=1.0, eps=1e-5):
    """A, per channel: the mean squared change of a BatchNorm's output between
    the source's statistics and the target's. All (C,), the variances biased."""
    a, b = (var_s + eps) ** -0.5, (var_t + eps) ** -0.5
    return weight**2 * ((a - b) ** 2 * var_t + a**2 * (mean_t - mean_s) ** 2)


def shift_scores(model, batches):
    """{path: A (C,)} of (3) for each layer: its running statistics against the inputs
    that `batches` bring to it through the model as it stands, all layers frozen."""
    layers = norms(model)
    with using(model, layers):
        moments = watch(model, layers, list(batches))
    scores = {}
    for path, (_, mean, var) in moments.items():
        layer = layers[path]
        weight = 1.0 if layer.weight is None else layer.weight.data
        source = layer.running_mean.data, layer.running_var.data
        scores[path] = shift_score(*source, mean, var, weight, layer.eps)
    return scores


def ema(start, values, momentum=0.1):
    """r_T = (1 − m)^T r_0 + m Σ_k (1 − m)^(T−k) b_k: (1) after `values` b_1 ... b_T."""
    T, keep = len(values), 1 - momentum
    late = sum(keep ** (T - k) * b for k, b in enumerate(values, start=1))
    return keep**T * start + momentum * late


def ema_batches(delta, momentum=0.1):
    """The least t with (1 − m)^t <= δ: batches until the old statistics weigh δ or less.

    t = ⌈ln δ / ln(1 − m)⌉; 22 for δ = 0.1 and m = 0.1, 44 for 0.01. Raises ValueError
    unless 0 < δ < 1 and 0 < m <= 1.
    """
    if not (0 < delta < 1 and 0 < momentum <= 1):
        raise ValueError(
            f"ema_batches: expected 0 < delta < 1 and 0 < momentum <= 1, the weight of "
            f"the new batch; got delta={delta}, momentum={momentum}"
        )
    if momentum == 1:
        return 1
    return math.ceil(math.log(delta) / math.log1p(-momentum) - 1e-12)
