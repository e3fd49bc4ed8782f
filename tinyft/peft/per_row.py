"""rows: one batch, another adapter for each row.

    y_i = f_{a(i)}(x)_i

The base runs once on the whole batch; then each adapter sees its own rows only. A change
of the weight that has no factored form runs its layer again on its rows.
"""

import contextlib

from tinyft import backend, ops
from tinyft.nn import Module
from tinyft.peft.acting import block, find, is_merged, restored


@contextlib.contextmanager
def rows(model, names):
    """Inside the block, row i of the batch is that of the adapter names[i] (None: base).

    Adapters act as named, whether they are on or off outside. Raises ValueError for an
    unknown name, a batch of another size, a merged model, or a method that changes the
    length of what it sits on (prefixes and prompts).
    """
    names = list(names)
    chosen = {
        name: find(model, name) for name in dict.fromkeys(names) if name is not None
    }
    _check(model, chosen)
    before = {m: m._deltas for m in model.modules() if m._deltas}
    with block(model, "rows(model, names)"), restored(model) as deltas:
        for delta in deltas:
            delta.enabled = True
        for module, held in before.items():
            module.__dict__["_deltas"] = (Rows(module, held, names, chosen),)
        try:
            yield model
        finally:
            for module, held in before.items():
                module.__dict__["_deltas"] = held


class Rows(Module):
    """The deltas of one site, each on its rows; in their place on the module's seam."""

    changes, enabled = (), True
    active = property(lambda self: self.enabled)

    def __init__(self, module, held, names, chosen):
        self.__dict__["site"] = module
        groups = {}
        for name in dict.fromkeys(names):
            own = chosen[name].deltas.values() if name is not None else ()
            mine = tuple(d for d in held if any(d is each for each in own))
            groups[name] = mine, [i for i, other in enumerate(names) if other == name]
        self.groups, self.size = list(groups.values()), len(names)
        order = [i for _, index in self.groups for i in index]
        self.back = sorted(range(len(order)), key=order.__getitem__)

    def output(self, x, y):
        if len(y) != self.size or len(x) != self.size:
            raise ValueError(
                f"rows: {self.size} names for a batch of {len(y)}; give one name, or "
                "None, for each row"
            )
        if not any(deltas for deltas, _ in self.groups):
            return y
        parts = [
            self.part(deltas, x[_index(i, x)], y[_index(i, y)])
            for deltas, i in self.groups
        ]
        return ops.concatenate(parts, axis=0)[_index(self.back, y)]

    def part(self, deltas, x, y):
        """The result of one adapter on its rows of x; y is the base's."""
        if all(d.output is not None and (d.factored or not d.changes) for d in deltas):
            for delta in sorted(deltas, key=lambda d: not d.changes):  # weights first
                y = delta.output(x, y)
            return y
        fields = self.site.__dict__
        before, fields["_deltas"] = fields["_deltas"], deltas
        try:
            return self.site(x)
        finally:
            fields["_deltas"] = before


def _check(model, chosen):
    if is_merged(model):
        raise ValueError("rows: the model is merged; call unmerge(model) first")
    for name, adapter in chosen.items():
        for path, delta in adapter.deltas.items():
            if not delta.rowwise:
                raise ValueError(
                    f"rows: {type(delta).__name__} of adapter {name!r} at {path!r} changes "
                    "the length of its rows, and they would not fit in one batch"
                )


def _index(numbers, like):
    """Row numbers where the rows are."""
    host = backend.host().asarray(numbers, dtype="int64")
    return backend.to(host, backend.device_of(like))
