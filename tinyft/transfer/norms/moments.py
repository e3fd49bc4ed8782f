"""Moments of what a layer reads: exact over batches, wherever the layer sits.

    N = Σ n_k,  mean = Σ (n_k/N) m_k,  var = Σ (n_k/N) [v_k + (m_k − mean)²]        (1)

the mean of the batch variances (within) plus the variance of the batch means (between).
An average of batch means is right for equal sizes only, and an average of batch variances
loses the second part. Source: Chan, Golub and LeVeque 1983.
"""

import contextlib

from tinyft import backend
from tinyft.autograd import no_grad
from tinyft.ops.blocked.channels import as_rows
from tinyft.transfer.norms.watch import beside, watching


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


def watch(model, layers, batches):
    """{path: (count, mean, biased variance)} of the inputs of `layers`, in call order."""
    with watching(layers, _moments) as seen:
        for batch in batches:
            model(
                beside(model, batch[0] if isinstance(batch, (tuple, list)) else batch)
            )
    return {
        path: (sum(count for count, _, _ in parts), *pool(*zip(*parts)))
        for path, parts in seen.items()
        if parts
    }


def _moments(x, y):
    rows = as_rows(x.data).astype(backend.float64)
    return len(rows), rows.mean(axis=0), rows.var(axis=0)
