"""Moments of what a layer reads: exact over batches, wherever the layer sits.

    N = Σ n_k,  mean = Σ (n_k/N) m_k,  var = Σ (n_k/N) [v_k + (m_k − mean)²]        (1)

the mean of the batch variances (within) plus the variance of the batch means (between).
An average of batch means is right for equal sizes only, and an average of batch variances
loses the second part. Source: Chan, Golub and LeVeque 1983.
"""

import contextlib

from tinyft import backend
from tinyft.autograd import Tensor, no_grad
from tinyft.nn import Module
from tinyft.ops.blocked.channels import as_rows


def pool(counts, means, variances):
    """(mean, biased variance) of the union of batches, (C,) each, in float64.

    counts: entries a channel; means, variances: lists of (C,), the variances biased.
    """
    total = sum(counts)
    mean = sum(n / total * m for n, m in zip(counts, means))
    parts = zip(counts, means, variances)
    return mean, sum(n / total * (v + (m - mean) ** 2) for n, m, v in parts)


@contextlib.contextmanager
def using(model, layers, statistics="frozen"):
    """These statistics serve in `layers`, dropout is off; then all is as it was."""
    every = [*model.modules(), *(m for one in layers.values() for m in one.modules())]
    before = [(m, m.training) for m in every]
    modes = [(layer, layer.statistics) for layer in layers.values()]
    for m in every:
        m.training = False
    for layer in layers.values():
        layer.statistics = statistics
    try:
        with no_grad():
            yield
    finally:
        for m, training in before:
            m.training = training
        for layer, own in modes:
            layer.statistics = own


class _Watch(Module):
    """Sits on the output seam of a layer and pools the moments of its input."""

    active, changes, additive = True, (), True

    def __init__(self):
        self.parts = []

    def output(self, x, y):
        rows = as_rows(x.data).astype(backend.float64)
        self.parts.append((len(rows), rows.mean(axis=0), rows.var(axis=0)))
        return y


def watch(model, layers, batches):
    """{path: (count, mean, biased variance)} of the inputs of `layers`, in call order."""
    watches = {path: _Watch() for path in layers}
    before = {path: layer._deltas for path, layer in layers.items()}
    for path, layer in layers.items():
        layer.__dict__["_deltas"] = (*before[path], watches[path])
    try:
        for batch in batches:
            x = batch[0] if isinstance(batch, (tuple, list)) else batch
            model(x if isinstance(x, Tensor) else _beside(model, x))
    finally:
        for path, layer in layers.items():
            layer.__dict__["_deltas"] = before[path]
    found = {path: one.parts for path, one in watches.items() if one.parts}
    return {
        path: (sum(p[0] for p in parts), *pool(*zip(*parts)))
        for path, parts in found.items()
    }


def _beside(model, x):
    first = next(model.parameters(), None)
    return Tensor(x if first is None else backend.to(x, first.device))
