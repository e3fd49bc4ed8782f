"""What the starts read from the base: the R of the inputs' QR, and the mean gradient."""

import contextlib

from tinyft import backend, nn
from tinyft.autograd import no_grad
from tinyft.nn.packed_weights import refuse_packed
from tinyft.nn.watch import beside, watching
from tinyft.peft.acting import disabled


def inputs(adapter, batches):
    """{path: R}, X = Q R of all rows x that each Linear reads; R has <= in rows."""
    sites = {path: delta.site for path, delta in adapter.deltas.items()}
    other = [path for path, site in sites.items() if not isinstance(site, nn.Linear)]
    if other:
        raise ValueError(
            f"start_from: {other[0]!r} is not a Linear layer, the only kind whose inputs "
            "'eva' and 'corda' read; 'lora_ga' takes every layer"
        )
    found = {}
    with _base(adapter.model) as model, no_grad():
        for batch in batches:
            with watching(
                sites, lambda x, y: x.data.reshape((-1, x.shape[-1]))
            ) as seen:
                model(beside(model, batch[0]))
            for path, rows in seen.items():
                for X in rows:
                    found[path] = _append(found.get(path), X)
    _refuse_unread(sites, found)
    return found


def _append(R, X):
    """The R of the QR of [X₁; X₂; …] from that of the rows before."""
    xp = backend.xp_of(X)
    stacked = X if R is None else xp.concatenate([R, X])
    return backend.linalg_of("start_from", X).qr(stacked, mode="r")


def gradients(adapter, batches, loss_fn):
    """{path: Σ ∂L/∂W over the batches, a matrix (out, in)}; a start has no scale."""
    deltas = adapter.deltas
    packed = (f"{p}.weight" for p, d in deltas.items() if d.site.packed_size)
    refuse_packed("start_from: 'lora_ga' reads ∂L/∂W", packed)
    weights = {p: d.site.parameter("weight") for p, d in deltas.items()}
    before = {p: (w.requires_grad, w.grad) for p, w in weights.items()}
    with _base(adapter.model) as model:
        try:
            for w in weights.values():
                w.grad = None
                w.requires_grad_(True)
            for batch in batches:
                loss_fn(model, *batch).backward()
            total = {p: w.grad.data for p, w in weights.items() if w.grad is not None}
        finally:
            for p, w in weights.items():
                w.requires_grad_(before[p][0])
                w.grad = before[p][1]
    _refuse_unread(weights, total)
    return {p: deltas[p].layout.matrix(g) for p, g in total.items()}


@contextlib.contextmanager
def _base(model):
    """The base in evaluation mode, every adapter off; then all is as it was."""
    with model.evaluating(), disabled(model):
        yield model


def _refuse_unread(sites, found):
    lost = [path for path in sites if path not in found]
    if lost:
        raise ValueError(
            f"start_from: no batch, a tuple (x, ...), ever reached {lost[0]!r}"
        )
