r"""TENT: adapt γ and β at test time, without labels, so that predictions get surer.

    H(p) = −Σ_k p_k log p_k,   ∂H/∂z_k = −p_k (log p_k + H),  p = softmax(z)           (1)
    loss = mean H(p) − diversity · H(mean p)                                           (2)

Every BatchNorm layer normalises with the statistics of the batch at hand, and γ and β
alone train. With diversity = 0 the loss has no minimum: scaling γ and β up drives H to
0, and so does β alone, into a single class. diversity = 1 maximises the mutual information
of image and prediction, which a single class makes 0.
Sources: Wang, Shelhamer, Liu, Olshausen and Darrell 2021, "Tent"; the second term:
Liang, Hu and Feng 2020 (SHOT).
"""

import math

from tinyft import ops
from tinyft.autograd import tensor
from tinyft.transfer.norms.batchnorm import norms


def entropy(logits):
    """Mean of H over the rows of logits (B, K), in nats: a scalar Tensor."""
    logp = ops.log_softmax(logits)
    return -(ops.exp(logp) * logp).sum(axis=-1).mean()


def marginal_entropy(logits):
    """H of the mean prediction of logits (B, K): log K where the classes are even."""
    log_mean = ops.logsumexp(ops.log_softmax(logits), axis=0) - math.log(len(logits))
    return -(ops.exp(log_mean) * log_mean).sum()


def tent(model, batches, lr, diversity=0.0, momentum=0.9):
    """Take one step of SGD on (2) per batch of `batches`; returns H before each step.

    model      its BatchNorm layers are left with statistics = "batch"; γ and β of these
               train, nothing else does. Predict on batches then, not image by image
    batches    arrays x (N, ...), or tuples that begin with x; labels are not looked at
    lr         the rate; momentum as in SGD
    diversity  >= 0, the weight of the second term of (2)

    Raises ValueError for a diversity below 0, a batch of one image, whose own statistics
    say nothing about the target, or a model without γ and β to train.
    """
    if diversity < 0:
        raise ValueError(f"tent: diversity={diversity} should be >= 0")
    scales = _only_affine(model, norms(model))
    speeds, found = [0 * p.data for p in scales], []
    for batch in batches:
        x = batch[0] if isinstance(batch, (tuple, list)) else batch
        _require_several(x)
        logits = model(tensor(x, device=scales[0].device))
        H = entropy(logits)
        (H - diversity * marginal_entropy(logits)).backward()
        speeds = [momentum * v + p.grad.data for v, p in zip(speeds, scales)]
        for p, v in zip(scales, speeds):
            p.data, p.grad = p.data - lr * v, None
        found.append(H.item())
    return found


def _only_affine(model, layers):
    """γ and β of `layers`, which train now and alone; the layers use their batch."""
    scales = [p for layer in layers.values() for p in layer.parameters()]
    if not scales:
        raise ValueError("tent: affine=False in every BatchNorm layer: no γ and β")
    model.requires_grad_(False)
    for p in scales:
        p.requires_grad_(True)
    for layer in layers.values():
        layer.statistics = "batch"
    return scales


def _require_several(x):
    if len(x) < 2:
        raise ValueError(
            f"tent: a batch of shape {tuple(x.shape)} came; expected two images or more, "
            "since each batch is normalised by its own mean and variance"
        )
