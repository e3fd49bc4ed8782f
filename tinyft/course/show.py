"""How checks are shown: headlines and failures in full, what else holds in one line.

In a notebook, the checks of a cell that hold are folded into a line when the cell ends,
and opening the line lists them. A script prints one line for each. At most HEADLINES
names are shown in full in a chapter; a headline beyond them is folded too.
"""

import html
import sys

HEADLINES = 10
COLOURS = {True: "#0072B2", False: "#D55E00"}  # of the border; text keeps the page's


class Fold:
    """What one notebook has shown so far, and what its current cell still has to show."""

    def __init__(self):
        self.shell = None  # whose cells are watched
        self.headlines = set()  # names shown in full; a cell that runs again shows them
        self.begin_cell()

    def begin_cell(self):
        """Nothing shown, nothing folded."""
        self.in_full, self.folded = 0, []

    def add(self, record):
        """Show a record now, or when its cell ends."""
        self._watch()
        if self._whole(record):
            self.in_full += 1
            _display(as_html(record), as_text(record))
        else:
            self.folded.append(record)

    def _watch(self):
        shell = _shell()
        if shell is not self.shell:
            self.shell = shell
            shell.events.register("post_run_cell", self.end_cell)

    def _whole(self, record):
        if record["ok"] and record["headline"]:
            room = len(self.headlines) < HEADLINES or record["name"] in self.headlines
            self.headlines |= {record["name"]} if room else set()
            return room
        return not record["ok"]

    def end_cell(self, *_):
        """Show the line for what the cell has folded, if it has folded anything."""
        folded, more = self.folded, bool(self.in_full)
        self.begin_cell()
        if folded:
            _display(folded_html(folded, more), folded_text(folded, more))


fold = Fold()


def show(record):
    """Fold or show a record in a notebook; print it elsewhere."""
    if in_notebook():
        fold.add(record)
    else:
        whole = record["headline"] or not record["ok"]
        _say(as_text(record) if whole else folded_text([record]))


def in_notebook():
    """True in a Jupyter kernel (not in IPython's terminal)."""
    return hasattr(_shell(), "kernel")


def _shell():
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None


def _display(page, text):
    from IPython.display import display

    display({"text/html": page, "text/plain": text}, raw=True)


def _say(text):
    """Print, also where the terminal's encoding has no λ."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding), flush=True)


def share(record):
    """discrepancy / bound of a record; None where nothing could be measured."""
    found, bound = record["discrepancy"], record["bound"]
    if found is None:
        return None
    found = float(found)
    if bound == 0:
        return 0.0 if found == 0 else float("inf")
    return found / bound


def sentence(record):
    """One line of text that says what was compared and how it came out."""
    if record["problem"]:
        return f"{record['name']}: {record['problem']}"
    return f"{record['name']}: {_numbers(record)}; {_verdict(record)}"


def _numbers(record):
    where = f" at {record['index']} of shape {tuple(record['shape'])}"
    where = where if record["shape"] else ""
    return f"got {_digits(record['got'])}, want {_digits(record['want'])}{where}"


def _verdict(record):
    what = "|got - want| / max|want|" if record["relative"] else "|got - want|"
    what = "max " + what if record["shape"] else what
    sign = "<=" if record["ok"] else ">"
    return f"{what} = {record['discrepancy']:.3g} {sign} {record['bound']:.3g}"


def _digits(value):
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def as_text(record):
    """The record in full, as two or three lines of text."""
    mark = "ok  " if record["ok"] else "FAIL"
    if record["problem"]:
        return f"{mark} {record['name']}\n     {record['problem']}"
    return (
        f"{mark} {record['name']}\n     {_numbers(record)}\n"
        f"     {_verdict(record)}  ({record['why']})"
    )


def as_html(record):
    """The record in full, as a block that reads well in light and dark notebooks."""
    mark = "✓ holds" if record["ok"] else "✗ fails"
    if record["problem"]:
        rows = [record["problem"]]
    else:
        rows = [_numbers(record), f"{_verdict(record)} — {record['why']}"]
    body = "".join(f"<br>{_small(row)}" for row in rows)
    return _block(f"<b>{mark} {html.escape(record['name'])}</b>{body}", record["ok"])


def folded_text(records, more=False):
    """One line for records that hold."""
    return f"ok   {_summary(records, more)}"


def folded_html(records, more=False):
    """One line for records that hold; opening it lists each with its numbers."""
    summary = f"<summary>✓ {html.escape(_summary(records, more))}</summary>"
    rows = (f"{sentence(record)} — {record['why']}" for record in records)
    body = "".join(f"<div>{_small(row)}</div>" for row in rows)
    return _block(f"<details>{summary}{body}</details>")


def _summary(records, more):
    worst = max(records, key=share)
    used = share(worst)
    if len(records) == 1:
        how = f"at {used:.1g} of its bound" if used else "exactly"
        return f"{worst['name']}: holds {how}"
    count = f"{len(records)} {'more' if more else 'checks'} hold"
    if not used:
        return f"{count} exactly"
    return f"{count}, worst at {used:.1g} of its bound: {worst['name']}"


def _small(text):
    return f'<span style="font:90% monospace">{html.escape(text)}</span>'


def _block(body, ok=True):
    style = f"border-left:4px solid {COLOURS[ok]};padding:2px 10px;margin:4px 0"
    return f'<div style="{style}">{body}</div>'
