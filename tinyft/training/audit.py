"""Is the joint gradient the right one? Before a long run, on one batch.

    difference = ‖g − g₁‖ / ‖g₁‖,  factor = g·g₁ / g₁·g₁      g joint, g₁ one process's

A wrong denominator still trains, and Adam hides a constant factor: gradients tell, losses
do not.
"""

from tinyft import backend
from tinyft.training.across import buffer, world
from tinyft.training.metrics import counted, on_device


def compared(ranks, loss_fn, batch):
    """(difference, factor) of a DataParallel's join; `DataParallel.audit` has the rest."""
    part = world.rows(batch, ranks.rank, ranks.size)
    mine = tuple(x[part] if backend.is_array(x) and x.ndim else x for x in batch)
    with ranks.model.evaluating():
        exact = _sums(ranks.model, ranks.params, loss_fn, batch)
        joint = _sums(ranks.model, ranks.params, loss_fn, mine)
    total = backend.HOST.empty_like(joint)
    ranks.comm.Allreduce(joint, total)
    return buffer.compare(total, exact, sum(p.size for p in ranks.params))


def _sums(model, params, loss_fn, batch):
    """The buffer of a batch on this rank alone; leaves no gradients."""
    for p in params:
        p.grad = None
    count, loss = counted(batch[-1]), 0.0
    if count:
        total = loss_fn(model, *on_device(model, batch)) * count
        total.backward()
        loss = total.item()
    found = buffer.pack(params, loss, count)
    for p in params:
        p.grad = None
    return found
