"""PCGrad: a task gives up the part of its gradient that works against another.

    for each task i, for the others j in random order:
        if g_i · g_j < 0:   g_i ← g_i − (g_i · g_j / |g_j|²) g_j                      (1)
    step along Σ_i g_i

The g_j on the right are the *original* gradients; only g_i changes. With two tasks of
cosine c < 0 both projected gradients together have (Σ g') · g_1 = |g_1|²(1 − c²): to first
order no loss rises, and at c = −1 nothing moves. With three or more the result depends on
the order, and conflicts with tasks projected earlier may remain. A projection needs the
gradients apart: after one joint backward pass there is nothing left to project.
Source: Yu et al. 2020 (arXiv:2001.06782), algorithm 1.
"""

from tinyft import backend
from tinyft.autograd import Tensor
from tinyft.transfer.multitask.gradients import (
    checked_rows,
    each_gradient,
    flatten,
    unit_rows,
)


def pcgrad(gradients, rng):
    """The projected gradients of (1), (T, P); their sum over axis 0 is the step's.

    gradients   T arrays of one shape, or (T, P); they stay as they are
    rng         numpy.random.Generator: draws the order of the others for every task

    A zero gradient projects nothing and stays zero. Raises ValueError for one gradient,
    or gradients of different shapes.
    """
    G = checked_rows("pcgrad", gradients)
    U, out = unit_rows(G), G.copy()
    xp = backend.xp_of(G)
    for i in range(len(G)):
        for j in rng.permutation(len(G)):
            if j != i:
                against = xp.minimum(out[i] @ U[j], 0)  # 0 where they agree
                out[i] -= against * U[j]
    return out


class PCGrad:
    """Backward passes by (1): `.grad` gets Σ g' for shared parameters.

    parameters   those of the model. Shared are those that two or more of the losses use;
                 a parameter of one task alone gets its own gradient, unchanged
    rng          numpy.random.Generator or a seed; a new order is drawn at every step

        project = PCGrad(model.parameters(), rng=0)
        project.backward({"class": ..., "parity": ...});  step.step();  step.zero_grad()
    """

    def __init__(self, parameters, rng):
        self.parameters, self.rng = list(parameters), backend.rng(rng)

    def backward(self, losses):
        """Add the projected gradients of {task: scalar Tensor} to `.grad`.

        A backward pass per task. Raises ValueError for a sum or a single loss, a loss
        that is no scalar, or one that shares no parameter with the others.
        """
        params, shared, found = each_gradient("PCGrad", losses, self.parameters)
        total = pcgrad(flatten(found, shared), self.rng).sum(axis=0)
        start = 0
        for k in shared:
            p = params[k]
            part = total[start : start + p.size].reshape(p.shape)
            p.accumulate_grad(Tensor(part.astype(p.dtype)))
            start += p.size
        for k in set(range(len(params))) - set(shared):
            for g in (gs[k] for gs in found if gs[k] is not None):
                params[k].accumulate_grad(Tensor(g))
