"""report: what trains, where it sits, and what it costs to store."""

import html

from tinyft.peft.attach import attached


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

    `total` counts the base and the deltas; `trainable` those that take a gradient. What
    several sites share counts at the first; bytes include stored buffers.
    """
    rows, extra, extra_trainable, seen = [], 0, 0, set()
    for name, adapter in attached(model).items():
        for path, delta in adapter.deltas.items():
            slots = [s for s in delta.slots().values() if id(s) not in seen]
            seen.update(id(s) for s in slots)
            own = [p for p in delta.parameters() if any(p is s for s in slots)]
            size, bytes_ = sum(p.size for p in own), sum(s.nbytes for s in slots)
            if delta.slots():
                rows.append((name, type(delta).__name__, path, size, bytes_))
            extra += size
            extra_trainable += sum(p.size for p in own if p.requires_grad)
    trainable = model.count(trainable=True) + extra_trainable
    return Report(rows, trainable, model.count() + extra)
