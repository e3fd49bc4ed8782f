"""report: what trains, where it sits, and what it costs to store."""

import html

from tinyft.peft.acting import attached

HEAD = ("adapter", "method", "site", "parameters", "bytes", "acts")


class Report:
    """Rows (adapter, method, site, parameters, bytes, acts) and totals, as a table.

    acts: "on", "off", or "merged" into the weights. `bytes` is what `save` writes,
    `model_bytes` what base and adapters hold in memory, weights in 4 bits as stored.
    """

    def __init__(self, rows, trainable, total, model_bytes):
        self.rows, self.trainable, self.total = rows, trainable, total
        self.model_bytes = model_bytes
        self.bytes = sum(row[4] for row in rows)

    def _table(self):
        rows = self.rows
        return [HEAD, *((*r[:3], f"{r[3]:,}", f"{r[4]:,}", r[5]) for r in rows)]

    def __str__(self):
        table = self._table()
        widths = [max(len(row[i]) for row in table) for i in range(6)]
        lines = [
            "  ".join(
                cell.rjust(w) if i in (3, 4) else cell.ljust(w)
                for i, (cell, w) in enumerate(zip(row, widths))
            ).rstrip()
            for row in table
        ]
        return "\n".join([*lines, self.summary()])

    __repr__ = __str__

    def summary(self):
        """One line: trainable of total, and the bytes to store."""
        share = 100 * self.trainable / max(1, self.total)
        return (
            f"trainable {self.trainable:,} of {self.total:,} ({share:.2f} %), "
            f"{self.bytes:,} bytes to store"
        )

    def _repr_html_(self):
        head, *rows = self._table()
        cells = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
            for row in rows
        )
        head = "<tr>" + "".join(f"<th>{cell}</th>" for cell in head) + "</tr>"
        return f"<table>{head}{cells}</table><p>{html.escape(self.summary())}</p>"


def report(model):
    """What is attached to `model`: a Report of every site, with the totals.

    `total` counts the base and the deltas; `trainable` those that take a gradient. What
    several sites share counts at the first. Bytes count the tensors that `save`
    writes: with buffers, and without an encoder that was folded into what it makes.
    """
    rows, parameters, seen = [], {}, {}
    for name, adapter in attached(model).items():
        for path, delta in adapter.deltas.items():
            own = [p for p in delta.parameters() if id(p) not in parameters]
            stored = [a for a in delta.stored() if id(a) not in seen]
            parameters |= {id(p): p for p in own}
            seen |= {id(a): a for a in stored}  # kept, so that no number comes twice
            if delta.slots():
                size = sum(p.size for p in own)
                bytes_ = sum(a.nbytes for a in stored)
                acts = _acts(delta)
                rows.append((name, type(delta).__name__, path, size, bytes_, acts))
    return Report(rows, model.count(trainable=True), model.count(), model.nbytes())


def _acts(delta):
    return "merged" if delta.merged else "on" if delta.enabled else "off"
