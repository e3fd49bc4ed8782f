"""report: what trains, where it sits, and what it costs to store."""

import html

from tinyft.peft.attach import attached

HEAD = ("adapter", "method", "site", "parameters", "bytes")


class Report:
    """Rows (adapter, method, site, parameters, bytes) and totals; prints as a table."""

    def __init__(self, rows, trainable, total):
        self.rows, self.trainable, self.total = rows, trainable, total
        self.bytes = sum(row[4] for row in rows)

    def _table(self):
        return [HEAD, *((*row[:3], f"{row[3]:,}", f"{row[4]:,}") for row in self.rows)]

    def __str__(self):
        table = self._table()
        widths = [max(len(row[i]) for row in table) for i in range(5)]
        lines = [
            "  ".join(
                cell.ljust(w) if i < 3 else cell.rjust(w)
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
    several sites share counts at the first. Bytes are those of the tensors that `save`
    writes: with buffers, and without an encoder that was folded into what it makes.
    """
    rows, parameters, seen = [], {}, {}
    for name, adapter in attached(model).items():
        for path, delta in adapter.deltas.items():
            own = [p for p in delta.parameters() if id(p) not in parameters]
            stored = [a for a in delta.file_arrays() if id(a) not in seen]
            parameters |= {id(p): p for p in own}
            seen |= {id(a): a for a in stored}  # kept, so that no number comes twice
            if delta.slots():
                size, bytes_ = sum(p.size for p in own), sum(a.nbytes for a in stored)
                rows.append((name, type(delta).__name__, path, size, bytes_))
    return Report(rows, model.count(trainable=True), model.count())
