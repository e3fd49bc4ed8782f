"""The gradient of each task, and how far two of them agree.

    G_t = ∇L_t over the shared parameters, as one row
    cos(s, t) = G_s · G_t / (|G_s| |G_t|);   < 0: the tasks are in conflict          (1)

Each task needs a backward pass of its own: from the gradient of the sum the parts cannot
be recovered. A parameter is shared if two or more losses use it; a head of one task meets
no other gradient, and would only change |G_t|. Source: Yu et al. 2020 (arXiv:2001.06782).
"""

from tinyft import backend
from tinyft.autograd import Tensor, grad
from tinyft.transfer.multitask.losses import checked_losses


def task_gradients(losses, parameters):
    """G (T, P): a row per task of `losses`, its gradient by the shared parameters.

    losses {task: scalar Tensor}, parameters: those of the model; the columns are the
    shared ones among them, each flattened, in their order. float32 at least. The graphs
    of the losses are freed; `.grad` is untouched.
    """
    _, shared, found = each_gradient("task_gradients", losses, parameters)
    return flatten(found, shared)


def cosines(gradients):
    """cos(s, t) of (1), (T, T): an array of the gradients' dtype, float32 at least.

    gradients: T arrays of one shape, or (T, P). Raises ValueError for one gradient, other
    shapes, and a gradient that is zero or not finite, which has no direction.
    """
    G = checked_rows("cosines", gradients)
    U = unit_rows(G)
    lengths = backend.asnumpy((U * U).sum(axis=1))
    for t, square in enumerate(lengths):
        if not 0.5 < square < 2:
            kind = "zero" if square == 0 else "not finite"
            raise ValueError(
                f"cosines: gradient {t} is {kind}, so it has no direction. Has the task "
                "been learnt, is its weight 0, or is its loss cut off from the parameters?"
            )
    return U @ U.T


def each_gradient(caller, losses, parameters):
    """(parameters that train, which are shared, a list of arrays or None per task)."""
    losses = checked_losses(caller, losses)
    params = [p for p in parameters if p.requires_grad]
    *_, last = losses
    found = [
        grad(loss, params, retain_graph=task != last, allow_unused=True)
        if loss.requires_grad
        else [None] * len(params)
        for task, loss in losses.items()
    ]
    arrays = [[None if g is None else g.data for g in gs] for gs in found]
    users = [sum(g is not None for g in column) for column in zip(*arrays)]
    shared = [k for k, count in enumerate(users) if count > 1]
    for task, gs in zip(losses, arrays):
        if all(gs[k] is None for k in shared):
            raise ValueError(
                f"{caller}: the loss of {task!r} uses none of the parameters that other "
                "losses use; pass the trunk's parameters, and check that it is not frozen "
                "or detached"
            )
    return params, shared, _filled(arrays, shared)


def _filled(arrays, shared):
    """Zeros where a task does not use a shared parameter."""
    for k in shared:
        like = next(gs[k] for gs in arrays if gs[k] is not None)
        for gs in arrays:
            gs[k] = 0 * like if gs[k] is None else gs[k]
    return arrays


def flatten(arrays, shared):
    """(T, P) of the arrays [task][parameter] of the shared parameters."""
    xp = backend.xp_of(arrays[0][shared[0]])
    rows = [xp.concatenate([gs[k].ravel() for k in shared]) for gs in arrays]
    return checked_rows("task_gradients", rows)


def checked_rows(caller, gradients):
    """T arrays of one shape as rows (T, P), float32 at least; a copy."""
    gs = [g.data if isinstance(g, Tensor) else g for g in gradients]
    gs = [g if backend.is_array(g) else backend.create(g) for g in gs]
    if len(gs) < 2 or len({g.shape for g in gs}) > 1 or gs[0].size == 0:
        raise ValueError(
            f"{caller}: expected the gradients of two tasks or more, all of one shape, "
            f"got {len(gs)} of shapes {', '.join(str(g.shape) for g in gs)}; flatten each "
            "over the same shared parameters, as task_gradients does"
        )
    xp = backend.xp_of(gs[0])
    dtype = xp.result_type(*(g.dtype for g in gs), "float32")
    return xp.stack([g.ravel().astype(dtype) for g in gs])


def unit_rows(G):
    """Rows of G divided by their lengths; a zero row stays zero. No square underflows."""
    largest = abs(G).max(axis=1, keepdims=True)
    G = G / (largest + (largest == 0))
    length = (G * G).sum(axis=1, keepdims=True) ** 0.5
    return G / (length + (length == 0))
