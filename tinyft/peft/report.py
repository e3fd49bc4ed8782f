"""report: what trains, where it sits, and what it costs to store."""

import html

from tinyft.peft.attach import adapters


class Report:
    """Rows (adapter, method, site, parameters, bytes) and totals; prints as a table."""

    def __init__(self, rows, trainable, total):
        self.rows, self.trainable, self.total = rows, trainable, total
        self.bytes = sum(row[4] for row in rows)

    def __str__(self):
        head = ("adapter", "method", "site", "parameters", "bytes")
        table = [head, *((*row[:3], f"{row[3]:,}", f"{row[4]:,}") for row in self.rows)]
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
        cells = "".join(
            "<tr>" + "".join(f"<td>{html.escape(str(c))}</td>" for c in row) + "</tr>"
            for row in self.rows
        )
        head = "<tr><th>adapter<th>method<th>site<th>parameters<th>bytes</tr>"
        return f"<table>{head}{cells}</table><p>{html.escape(self.summary())}</p>"


def report(model):
    """What is attached to `model`: a Report of every site, with the totals.

    `total` counts the base and the deltas; `trainable` those that take a gradient.
    """
    rows, extra, extra_trainable = [], 0, 0
    for name, adapter in adapters(model).items():
        for path, delta in adapter.deltas.items():
            size = delta.count()
            bytes_ = sum(p.nbytes for p in delta.parameters())
            rows.append((name, type(delta).__name__, path, size, bytes_))
            extra += size
            extra_trainable += delta.count(trainable=True)
    trainable = model.count(trainable=True) + extra_trainable
    return Report(rows, trainable, model.count() + extra)
