"""What `tinyft course` shows: a live bar with the current cell, then one table."""

import json
import os
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tinyft.course.run import execute


def course(
    names=(), json_path=None, out="build/course", seconds=600, root=None, jobs=None
):
    """Execute the chapters, print the table, write the JSON; True when all pass.

    names: as `execute.choose` takes them, none means all.  out: folder of the executed
    copies and HTML pages.  seconds: limit for each notebook.  jobs: chapters that run
    side by side; None means two, or one on a machine with one core.
    """
    console = Console()
    available = execute.chapters(root)
    chosen = execute.choose(names, available)
    _require_tools()
    jobs = jobs or min(2, os.cpu_count() or 1)
    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[at]}"),
    ]
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        paths = [available[name] for name in chosen]
        results = _run_all(progress, paths, Path(out), seconds, jobs)
    console.print(table(results))
    _explain(console, results)
    if json_path:
        text = json.dumps(execute.as_json(results), indent=1, ensure_ascii=False)
        execute.write_atomically(json_path, text + "\n")
    console.print(f"executed copies and pages: {escape(str(out))}", highlight=False)
    return all(result.ok for result in results)


def _run_all(progress, paths, out, seconds, jobs):
    """Run the notebooks, `jobs` at a time; Ctrl-C stops every kernel first."""
    from tinyft.course.run import kernel

    kernel.stop.clear()
    with ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(_one, progress, path, out, seconds) for path in paths]
        try:
            while not all(future.done() for future in futures):
                wait(futures, timeout=0.2)  # short: Windows cannot interrupt a long one
        except KeyboardInterrupt:
            kernel.stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return [future.result() for future in futures]


def _require_tools():
    try:
        import ipykernel  # noqa: F401
        import latex2mathml  # noqa: F401
        import nbclient  # noqa: F401
        import nbconvert  # noqa: F401
        import nbformat  # noqa: F401
    except ModuleNotFoundError as missing:
        raise execute.CourseError(
            f"running chapters needs {missing.name}, which is not installed; "
            'python -m pip install "tinyft[course]" adds it'
        ) from None


def _one(progress, path, out, seconds):
    bar = progress.add_task(path.stem, total=None, at="starting")

    def cell(index, total):
        at = f"cell {index + 1} of {total}"
        progress.update(bar, total=total, completed=index, at=at)

    result = execute.run_chapter(path, out, seconds, on_cell=cell)
    progress.remove_task(bar)
    progress.console.print(_line(result))
    return result


def _line(result):
    mark = "[green]passed[/]" if result.ok else "[red]failed[/]"
    count = f"{result.passed}/{len(result.checks)} checks"
    return f"{mark} {escape(result.chapter)}: {count}, {result.seconds:.1f} s"


def table(results):
    """Chapter × checks passed × worst discrepancy/bound × seconds, and the total."""
    grid = Table(title="tinyft course", show_footer=len(results) > 1)
    passed = sum(result.passed for result in results)
    total = sum(len(result.checks) for result in results)
    seconds = sum(result.seconds for result in results)
    grid.add_column("chapter", footer=f"{len(results)} chapters")
    grid.add_column("checks", justify="right", footer=f"{passed}/{total}")
    grid.add_column("worst discrepancy/bound", justify="right")
    grid.add_column("seconds", justify="right", footer=f"{seconds:.1f}")
    for result in results:
        grid.add_row(*_row(result), style=None if result.ok else "red")
    return grid


def _row(result):
    worst = execute.ratio(result.checks)
    shown = "-" if worst is None else f"{worst:.2g}"
    count = f"{result.passed}/{len(result.checks)}"
    return escape(result.chapter), count, shown, f"{result.seconds:.1f}"


def _explain(console, results):
    for result in results:
        if not result.ok:
            text = f"{result.chapter}: {result.problem}"
            console.print(text, style="red", markup=False, highlight=False)
            if result.trace:
                console.print(result.trace, markup=False, highlight=False)
