"""AdapterFusion: trained adapters mixed, token by token (Pfeiffer et al. 2021).

    a_n = what adapter n adds to y        q = Q y + b,   k_n = K a_n + c
    w = softmax_n(q·k_n)                  y' = y + Σ_n w_n V a_n

No 1/√d. V starts near I, and reg·‖V − I‖² keeps it there. With V = I the result is a convex
combination of the adapters' results, with weights that depend on the token: zero queries
give their mean.
"""

from tinyft import nn, ops
from tinyft.nn.module import Parameter
from tinyft.nn.shape import steps
from tinyft.peft.delta import Delta
from tinyft.peft.methods.adapters import Bottleneck


class Fusion(Delta, kind="FUSION"):
    """Mix the Bottleneck adapters of these names, on the sites they share.

    adapters: names given to attach. They are switched off and frozen (fusion calls them
    itself, wherever they are enabled or not); train Q, K, V only, and add
    `adapter.penalty()`, that is regularise·‖V − I‖² summed over sites, to the loss.
    `weights` keeps the last mixture (..., N) for plots.
    """

    mergeable, identity_at_start, sites = False, False, ".*"
    formula, where = "y' = y + Σ softmax(q·k_n) V a_n", "sites of Bottleneck adapters"
    counts, chapter = "3 d² + 2 d", "14_adapters"

    def __init__(self, adapters=(), regularise=0.01):
        if isinstance(adapters, str) or not adapters:
            raise ValueError(
                f"Fusion(adapters): expected the names of attached adapters, such as "
                f"('a', 'b'), got {adapters!r}"
            )
        self.adapters = self.options["adapters"] = tuple(adapters)

    def fits(self, module):
        return any(isinstance(d, Bottleneck) for d in module._deltas)

    def prepare(self, model, sites, rng):
        known = model.__dict__.get("_adapters", {})
        missing = [name for name in self.adapters if name not in known]
        if missing:
            raise ValueError(
                f"Fusion: no adapter named {', '.join(map(repr, missing))} is attached; "
                f"there is {', '.join(map(repr, known)) or 'none'}"
            )
        parts = {}
        for path in sites:
            held = [known[name].deltas.get(path) for name in self.adapters]
            parts[path] = [d for d in held if isinstance(d, Bottleneck)]
            if len(parts[path]) < len(held):
                raise ValueError(f"Fusion: not all of {self.adapters} sit on {path!r}")
        return parts

    def build(self, module, rng):
        self.weights, d = None, self.parts[0].up.parameter("weight")
        if d.ndim != 2:
            raise ValueError(
                f"Fusion: {self.path!r} makes images; it mixes features only"
            )
        C, dtype = len(d), d.dtype
        self.query = nn.Linear(C, C, rng=rng, dtype=dtype)
        self.key = nn.Linear(C, C, rng=rng, dtype=dtype)
        eye = _eye(C, d)
        self.value = Parameter(eye + 1e-6 * (1 - eye), dtype=dtype)
        for part in self.parts:
            part.enabled = False
            part.requires_grad_(False)

    @property
    def parts(self):
        """The Bottlenecks that it mixes here."""
        return self.shared[self.path]

    def output(self, x, y):
        added = ops.stack(
            [d.correction(x, y) for d in self.parts], axis=-2
        )  # (..., N, C)
        scores = (self.key(added) * ops.expand_dims(self.query(y), -2)).sum(axis=-1)
        w = ops.softmax(scores, axis=-1)
        self.weights = w.detach()
        mixed = (ops.expand_dims(w, -1) * added).sum(axis=-2)  # V is linear: mix first
        return y + ops.linear(mixed, self.value)

    def penalty(self):
        """regularise·‖V − I‖² of this site."""
        off = self.value - _eye(len(self.value), self.value)
        return self.regularise * (off * off).sum()


def _eye(C, like):
    i = steps(0, C, like)
    return (ops.expand_dims(i, 0) == ops.expand_dims(i, 1)).astype(like.dtype)
