"""Updates that stay out of a subspace: OSF, and gradient projection for old inputs.

    D ← (I − U Uᵀ) D (I − V Vᵀ),   D = W − W0                                         (1)

for orthonormal columns U (out, k) and V (in, k). Then D V = 0 and Uᵀ D = 0: for every
input x in span V the layer's output is what it was, and no output moves along span U.

    OSF  U, V the top k singular vectors of W0: what the weight does most is kept
    GPM  V spans a layer's INPUTS on old data, U empty: what it did to them is kept

"No forgetting" is a theorem for span V only. The top singular vectors of a weight need not
contain the old inputs; to protect data, take V from data, in every layer, and keep the
biases fixed. (1) projects the whole step. Projecting the gradient alone is enough for SGD,
with momentum too (sums of projected gradients stay), but not for Adam, whose division
entry by entry leaves the subspace, nor beside a decay of W. Sources: Nayak et al. 2025
(OSF, PEFT's `osf`); Saha et al. 2021 (GPM).
"""

from tinyft import backend
from tinyft.autograd import no_grad
from tinyft.nn import Linear
from tinyft.nn.watch import beside, watching
from tinyft.transfer.freeze import matching


class Complement:
    """Holds the weights of a model, as it is now, to (1).

        held = Complement(model, top_subspaces(model, 8))
        ... optimizer.step(); held.hold() ...

    spaces: {name of a weight (out, in): (U, V)}; either may be None: nothing on that
    side. Parameters that are not named are free, biases among them: `freeze` them.
    Raises ValueError for an unknown name or a shape that does not fit.
    """

    def __init__(self, model, spaces):
        named = dict(model.named_parameters())
        for name, (U, V) in spaces.items():
            _check(name, named.get(name), U, V)
        self.spaces = spaces
        self.weights = {name: named[name] for name in spaces}
        self.start = {name: p.data.copy() for name, p in self.weights.items()}

    def hold(self):
        """Project W − W0 by (1), after a step: right for every optimiser and decay."""
        for name, p in self.weights.items():
            W0 = self.start[name]
            p.data[...] = W0 + project(p.data - W0, *self.spaces[name])

    def project_gradients(self):
        """Project the gradients by (1), before a step: enough for SGD without decay."""
        for name, p in self.weights.items():
            if p.grad is not None:
                p.grad.data[...] = project(p.grad.data, *self.spaces[name])

    def leak(self):
        """max(|D V|, |Uᵀ D|) over all weights, a float: 0 while nothing has left."""
        worst = 0.0
        for name, p in self.weights.items():
            D, (U, V) = p.data - self.start[name], self.spaces[name]
            parts = [D @ V] if V is not None else []
            parts += [U.T @ D] if U is not None else []
            worst = max([worst, *(float(abs(part).max()) for part in parts)])
        return worst


def project(D, U=None, V=None):
    """(I − U Uᵀ) D (I − V Vᵀ), an array like D (out, in)."""
    D = D if U is None else D - U @ (U.T @ D)
    return D if V is None else D - (D @ V) @ V.T


def top_subspaces(model, k, target="weight"):
    """{name: (U (out, k), V (in, k))}: the top k singular vectors of the named weights.

    Weights with two axes only; k an integer, or a share of min(out, in) inside (0, 1).
    Raises ValueError where k is not between 1 and min(out, in) − 1: nothing kept, or
    nothing free.
    """
    found = {}
    for name, p in _matrices(model, target).items():
        W, least = p.data, min(p.shape)
        count = round(k * least) if isinstance(k, float) else k
        if not 1 <= count < least:
            raise ValueError(
                f"top_subspaces: k={k} keeps {count} of {least} directions of {name!r}; "
                "at least one should be kept and one left free"
            )
        U, _, Vt = backend.linalg_of("top_subspaces", W).svd(W, full_matrices=False)
        found[name] = U[:, :count], Vt[:count].T
    return found


def input_subspaces(model, x, share=0.95, spaces=None):
    """{name: (None, V)}: V spans `share` of the energy of each Linear layer's inputs on x.

    spaces: what is protected already; its V is kept and only what x adds to it is new.
    share 1 keeps every direction that x uses (singular values above rounding). Raises
    ValueError for no example or a share outside (0, 1].
    """
    if not 0 < share <= 1 or not len(x):
        raise ValueError(
            f"input_subspaces: share={share} should be in (0, 1], and x hold at least "
            f"one example of the old task, got {len(x)}"
        )
    layers = {n: m for n, m in model.named_modules() if isinstance(m, Linear)}
    with model.evaluating(), no_grad(), watching(layers, lambda x, y: x.data) as seen:
        model(beside(model, x))
    old, found = spaces or {}, {}
    for layer, inputs in seen.items():
        H = inputs[-1].reshape(-1, inputs[-1].shape[-1])
        name = f"{layer}.weight" if layer else "weight"
        found[name] = None, _span(H, share, old.get(name, (None, None))[1])
    return found


def _span(H, share, V):
    """Orthonormal columns: V, and the least that brings H (n, in) to `share`."""
    xp = backend.xp_of(H)
    total = float((H * H).sum())
    rest = H if V is None else H - (H @ V) @ V.T
    _, s, Vt = backend.linalg_of("input_subspaces", H).svd(rest, full_matrices=False)
    left = total * share - (total - float((rest * rest).sum()))
    rounding = total**0.5 * max(H.shape) * float(xp.finfo(H.dtype).eps)
    count, gained = 0, 0.0
    while count < len(s) and float(s[count]) > rounding:
        if share < 1 and gained >= left:
            break
        gained += float(s[count]) ** 2
        count += 1
    new = Vt[:count].T
    return new if V is None else xp.concatenate([V, new], axis=1)


def _matrices(model, target):
    named = matching(model, target, "top_subspaces")
    found = {name: p for name, p in named.items() if p.ndim == 2}
    if not found:
        raise ValueError(
            f"top_subspaces: {target!r} names {', '.join(named)}, and none of them is a "
            "matrix (out, in)"
        )
    return found


def _check(name, p, U, V):
    if p is None:
        raise ValueError(f"Complement: the model has no parameter {name!r}")
    for side, axis, B in (("U", 0, U), ("V", 1, V)):
        if B is not None and (B.ndim != 2 or B.shape[0] != p.shape[axis]):
            raise ValueError(
                f"Complement: {side} of {name!r} should have {p.shape[axis]} rows, one "
                f"column per direction, got shape {B.shape}"
            )
