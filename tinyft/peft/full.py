"""Full: a module trained whole, as a copy: W' = W₁, with W₁ = W at the start.

    y' = copy(x)

The copy has all that the module has: parameters, and for BatchNorm the running statistics,
which follow the data while the base's stay. So switching it off gives the base back bit for
bit, BatchNorm buffers too (frozen statistics that drift: huggingface/peft#1732, #1734; a
head that was trained but not saved: #310). `attach(..., also="fc|^bn1")` puts it beside
another method, as Hugging Face's `modules_to_save`.

Two copies on one module do not add: the last enabled copy wins.
"""

import copy

from tinyft.nn.module import Parameter
from tinyft.peft.delta import Delta


class Full(Delta, kind="FULL"):
    """A trained copy of a module's own parameters and buffers, or of those in `only`."""

    composes = False
    formula = "W' = W₁, trained, W₁ = W at the start"
    where = "any module with parameters"
    counts, chapter = "all of the module", "10_batchnorm"

    def __init__(self, only=None):
        """only: names of parameters, ("bias",); None for the whole module."""

    def fits(self, module):
        names = [n for n, p in module._parameters.items() if p is not None]
        whole = bool(names) and not module._modules
        whole = whole and not (module.packed_size and not self.only)  # it cannot train
        return whole and set(self.only or names) <= {*names}

    @property
    def factored(self):
        return not self.only  # a copy of some parameters cannot be called

    def build(self, module, rng):
        for name in self.only or ():
            W = getattr(module, name).data  # with what acts already
            setattr(self, f"new_{name}", Parameter(W.copy(), dtype=W.dtype))
        self.changes = tuple(self.only or ())
        if not self.only:
            self.copy = _copied(module).requires_grad_(True)
            self.changes = tuple(dict(self.copy.named_parameters()))
            for name, p in self.copy.named_parameters():
                p.data = getattr(module, name).data.copy()  # with what acts already
            self.buffers_too = tuple(name for name, _ in self.copy.named_buffers())

    def change(self, name, value):
        return self.slots()[f"new_{name}" if self.only else f"copy.{name}"]

    def output(self, x, y):
        return self.copy(x)


def _copied(module):
    """A copy of a module without what is attached to it."""
    fields = module.__dict__
    deltas, fields["_deltas"] = fields["_deltas"], ()
    try:
        return copy.deepcopy(module)
    finally:
        fields["_deltas"] = deltas
