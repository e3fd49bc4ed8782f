"""What `tinyft grade --selftest` and `--mutants` show: the graders graded."""

import time

from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from tinyft.grading import exercise, files


def selftest(wanted=(), json=None):
    """Prove the grader on every task; print tasks, wrong answers, caught, named."""
    from tinyft.grading.proof.selftest import prove

    keys = ("checks", "wrong", "caught", "named", "planted", "noticed", "equal")
    titles = "task,checks,wrong,caught,named,margin,planted,noticed,seeds"

    def row(p):
        margin = "-" if p.margin is None else f"{p.margin:.0e}"
        numbers = p.checks, p.wrong, p.caught, p.named, margin
        return p.task, *numbers, p.planted, p.noticed, p.seeds

    def said(count):
        return (
            f"{count['checks']} checks, {count['wrong']} wrong answers: "
            f"{count['caught']} caught, {count['named']} named; {count['planted']} "
            f"constants planted: {count['noticed']} caught, {count['equal']} justified"
        )

    return _run("--selftest", prove, wanted, json, keys, titles, row, said)


def mutants(wanted=(), json=None):
    """Change every solution blindly; print what the graders do not notice."""
    from tinyft.grading.proof.mutation import attack

    keys = ("mutants", "killed", "justified", "survivors")
    titles = "task,mutants,killed,survivors,justified"

    def row(p):
        return p.task, p.mutants, p.killed, p.survivors, p.justified

    def said(count):
        share = count["survivors"] / max(1, count["mutants"])
        return (
            f"{count['mutants']} mutants: {count['killed']} killed, "
            f"{count['survivors']} survive ({share:.1%}), {count['justified']} justified"
        )

    return _run("--mutants", attack, wanted, json, keys, titles, row, said)


def _run(name, proving, wanted, json, keys, titles, row, said):
    console, tasks = Console(), exercise.choose(wanted, exercise.find_tasks())
    began = time.perf_counter()
    live = {"console": console, "transient": True}
    proofs = [proving(task) for task in track(tasks, name[2:], **live)]
    console.print(_table(f"tinyft grade {name}", proofs, titles, row))
    for proof in proofs:
        for fault in proof.faults:
            console.print(Text(f"{proof.task}: {fault}", style="red"))
    totals = {key: sum(getattr(p, key) for p in proofs) for key in keys}
    seconds = round(time.perf_counter() - began, 1)
    summary = f"{len(proofs)} tasks, {said(totals)}; {seconds} s"
    console.print(Text(summary, style="bold"))
    ok = all(proof.ok for proof in proofs)
    rows = [proof.as_json() for proof in proofs]
    data = totals | {"ok": ok, "seconds": seconds, "tasks": rows}
    if json:
        files.write(json, files.as_json(data))
    return ok


def _table(title, proofs, titles, row):
    grid = Table(title=title, box=box.SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    for one in titles.split(","):
        left = one == "task"
        grid.add_column(one, justify="left" if left else "right", no_wrap=left)
    for p in proofs:
        grid.add_row(*map(str, row(p)), style=None if p.ok else "red")
    return grid
