"""What `tinyft grade`, `hint`, `list` and `reset` show."""

import json as json_format
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from tinyft.grading import exercise, progress, runner
from tinyft.grading.exercise import GradingError


def grade(wanted=(), json=None, student=""):
    """Grade the learner's files; print every check; remember the scores."""
    console, tasks = Console(), exercise.choose(wanted, exercise.find_tasks())
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        results = list(
            pool.map(lambda task: runner.grade(task, student=student), tasks)
        )
    for task, result in zip(tasks, results):
        _show(console, result)
        progress.update(task, score=result.score, out_of=result.out_of)
    score, out_of = sum(r.score for r in results), sum(r.out_of for r in results)
    console.print(Text(f"{score:g} of {out_of:g} points", style="bold"))
    _write(json, {"score": score, "out_of": out_of, "tasks": _plain(results)})
    return all(result.ok for result in results)


def _show(console, result):
    head = f"{result.task}  {result.title}  {result.score:g}/{result.out_of:g}"
    console.print(Text(head, style="bold green" if result.ok else "bold"))
    for check in result.checks:
        mark, style = ("ok  ", "green") if check.ok else ("FAIL", "red")
        points = check.points if check.ok else 0
        line = f" {mark} {check.title} ({points:g}/{check.points:g})"
        console.print(Text(line, style=style))
        if not check.ok:
            console.print(Text(f"      {check.message}"))
        if check.output.strip() and not check.ok:
            console.print(Text(f"      printed: {check.output.strip()}", style="dim"))
    if result.note:
        console.print(Text(f"      {result.note}", style="yellow"))
    if not result.ok:
        where = f"      {_short(result.path)}   tinyft hint {result.task}"
        console.print(Text(where, style="dim"))


def _short(path):
    try:
        return Path(path).relative_to(Path.cwd())
    except ValueError:
        return path


def _plain(results):
    return [result.as_json() for result in results]


def _write(path, data):
    if path:
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        text = json_format.dumps(data, indent=1, ensure_ascii=False) + "\n"
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)


def selftest(wanted=(), json=None):
    """Prove the grader on every task; print tasks, wrong answers, caught, named."""
    from tinyft.grading.selftest import prove

    console, tasks = Console(), exercise.choose(wanted, exercise.find_tasks())
    began = time.perf_counter()
    live = {"console": console, "transient": True}
    proofs = [prove(task) for task in track(tasks, "self-test", **live)]
    console.print(_proof_table(proofs))
    for proof in proofs:
        for fault in proof.faults:
            console.print(Text(f"{proof.task}: {fault}", style="red"))
    totals = {key: sum(getattr(p, key) for p in proofs) for key in _TOTALS}
    seconds = round(time.perf_counter() - began, 1)
    console.print(Text(_summary(len(proofs), totals, seconds), style="bold"))
    rows = [proof.as_json() for proof in proofs]
    ok = all(proof.ok for proof in proofs)
    _write(json, totals | {"ok": ok, "seconds": seconds, "tasks": rows})
    return ok


_TOTALS = ("checks", "wrong", "caught", "named")


def _summary(tasks, totals, seconds):
    return (
        f"{tasks} tasks, {totals['checks']} checks, {totals['wrong']} wrong answers: "
        f"{totals['caught']} caught, {totals['named']} named; {seconds} s"
    )


def _proof_table(proofs):
    grid = Table(title="tinyft grade --selftest")
    titles = "task,checks,wrong answers,caught,named,least margin,seeds right"
    for title in titles.split(","):
        left = title == "task"
        grid.add_column(title, justify="left" if left else "right", no_wrap=left)
    for p in proofs:
        margin = "-" if p.margin is None else f"{p.margin:.0e}"
        row = p.task, p.checks, p.wrong, p.caught, p.named, margin, p.seeds
        grid.add_row(*map(str, row), style=None if p.ok else "red")
    return grid


def _single(wanted):
    found = exercise.choose([wanted], exercise.find_tasks())
    if len(found) > 1:
        names = ", ".join(task.label for task in found)
        raise GradingError(f"{wanted} has several tasks; name one: {names}")
    return found[0]


def hint(wanted):
    """Print the hints seen so far and the next one."""
    task = _single(wanted)
    if not task.hints:
        raise GradingError(f"{task.label} has no hints")
    seen = progress.read(task).get(task.label, {}).get("hints", 0)
    seen = min(seen + 1, len(task.hints))
    progress.update(task, hints=seen)
    console = Console()
    console.print(Text(f"{task.label}  {task.title}", style="bold"))
    for number, text in enumerate(task.hints[:seen], 1):
        console.print(Text(f" {number}. {text}"))
    left = len(task.hints) - seen
    said = f"{left} more: the same command again" if left else "that was the last hint"
    console.print(Text(f" {said}", style="dim"))


def list_tasks():
    """Every task with its score so far and the file to open."""
    tasks = exercise.choose([], exercise.find_tasks())
    table, grid = progress.read(tasks[0]), Table(title="tinyft list")
    for title in ("task", "title", "points", "file"):
        grid.add_column(title, overflow="fold")
    full = 0
    for task in tasks:
        row = table.get(task.label, {})
        score, out_of = row.get("score", 0), row.get("out_of", 0)
        full += bool(out_of) and score == out_of
        points = f"{score:g}/{out_of:g}" if out_of else "-"
        style = "green" if out_of and score == out_of else None
        cells = [
            Text(str(c)) for c in (task.label, task.title, points, _short(task.answer))
        ]
        grid.add_row(*cells, style=style)
    console = Console()
    console.print(grid)
    console.print(Text(f"{full} of {len(tasks)} tasks done", style="bold"))


def reset(wanted):
    """Put the stub back; the learner's text is kept beside it as <task>.py.bak."""
    task = _single(wanted)
    if not task.solution.exists():
        raise GradingError(
            f"{task.label} cannot be reset here: its source is not there"
        )
    if task.answer.exists():
        kept = task.answer.with_name(task.answer.name + ".bak")
        shutil.copyfile(task.answer, kept)
        Console().print(Text(f"your text is kept in {_short(kept)}"))
    exercise.write_stub(task)
    Console().print(Text(f"{_short(task.answer)} is as it was at the start"))
