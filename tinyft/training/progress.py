"""A progress line on a terminal; nothing at all in a log, a pipe or a notebook.

Needs the package rich; without it training is silent.
"""

import contextlib
import sys


@contextlib.contextmanager
def progress_bar(total, wanted=True):
    """Yield advance(step, text): a rich bar, or a function that does nothing.

    total: steps to come, None if unknown.
    """
    rich = _rich() if wanted and sys.stderr.isatty() else None
    if rich is None:
        yield lambda step, text="": None
        return
    columns = (
        rich.BarColumn(),
        rich.MofNCompleteColumn(),
        rich.TimeRemainingColumn(),
        rich.TextColumn("{task.description}"),
    )
    console = rich.get_console().__class__(stderr=True)
    with rich.Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda step, text="": bar.update(
            task, completed=step, **({"description": text} if text else {})
        )


def _rich():
    try:
        import rich.progress
    except ImportError:
        return None
    return rich.progress
