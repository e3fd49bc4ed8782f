"""AdapterFusion: trained adapters mixed, token by token (Pfeiffer et al. 2021).

    a_n = what adapter n adds to y        q = Q y + b,   k_n = K a_n + c
    w = softmax_n(q·k_n)                  y' = y + Σ_n w_n V a_n

No 1/√d. V starts near I, and reg·‖V − I‖² keeps it there. With V = I the result is a
convex combination of the adapters' results; zero queries give their mean.
"""

from tinyft import nn, ops
from tinyft.nn import Parameter
from tinyft.nn.shape import steps
from tinyft.peft.acting import find
from tinyft.peft.delta import Delta
from tinyft.peft.methods.adapters import Bottleneck


class Fusion(Delta, kind="FUSION"):
    """Mix the Bottleneck adapters of these names, on the sites they share.

    adapters: names given to attach. They are switched off and frozen (fusion calls them
    itself); train Q, K, V only, and add `adapter.penalty()`, which is regularise·‖V − I‖²
    summed over sites, to the loss. `weights` keeps the last mixture (..., N) for plots.
    """

    mergeable, identity_at_start, sites = False, False, ".*"
    formula, where = "y' = y + Σ softmax(q·k_n) V a_n", "sites of Bottleneck adapters"
    counts, chapter = "3 d² + 2 d", "14_adapters"

    def __init__(self, adapters=(), regularise=0.01):
        if isinstance(adapters, str) or not adapters:
            raise ValueError(
                f"Fusion: expected the names of attached adapters, got {adapters!r}"
            )
        super().__init__(adapters=tuple(adapters))

    def fits(self, module):
        return any(isinstance(d, Bottleneck) for d in module._deltas)

    def prepare(self, model, sites, rng):
        known = [find(model, name) for name in self.adapters]
        parts = {path: [a.deltas.get(path) for a in known] for path in sites}
        for path, held in parts.items():
            if not all(isinstance(part, Bottleneck) for part in held):
                raise ValueError(f"Fusion: not all of {self.adapters} sit on {path!r}")
        return parts

    def build(self, module, rng):
        self.weights, up = None, self.parts[0].up.parameter("weight")
        if up.ndim != 2:
            raise ValueError(f"Fusion: {self.path!r} makes images, not features")
        C, dtype, eye = len(up), up.dtype, _eye(up)
        self.query = nn.Linear(C, C, rng=rng, dtype=dtype)
        self.key = nn.Linear(C, C, rng=rng, dtype=dtype)
        self.value = Parameter(eye + 1e-6 * (1 - eye), dtype=dtype)
        for part in self.parts:
            part.enabled = False
            part.requires_grad_(False)

    @property
    def parts(self):
        """The Bottlenecks that it mixes here."""
        return self.shared[self.path]

    def output(self, x, y):
        added = ops.stack([part.correction(x, y) for part in self.parts], axis=-2)
        scores = (self.key(added) * ops.expand_dims(self.query(y), -2)).sum(axis=-1)
        w = ops.softmax(scores, axis=-1)
        self.weights = w.detach()
        mixed = (ops.expand_dims(w, -1) * added).sum(axis=-2)  # V is linear: mix first
        return y + ops.linear(mixed, self.value)

    def penalty(self):
        """regularise·‖V − I‖² of this site."""
        return self.regularise * ((self.value - _eye(self.value)) ** 2).sum()


def _eye(like):
    i = steps(0, len(like), like)
    return (ops.expand_dims(i, 0) == ops.expand_dims(i, 1)).astype(like.dtype)
