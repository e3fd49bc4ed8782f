"""From one Report to every form it is wanted in: JSON, CSV, Gradescope, HTML.

Gradescope's fields are those of gradescope-utils: score, execution_time, visibility,
stdout_visibility, tests[] with name, score, max_score, status, number, tags, output,
visibility.  Whatever went wrong, there is a report to write.
"""

import csv
import html
import io
import os
import time
from concurrent.futures import ThreadPoolExecutor

from tinyft.grading import places, words
from tinyft.grading.judging import runner
from tinyft.grading.results import Report
from tinyft.grading.sandbox import box
from tinyft.grading.sandbox.fence import SAID

JOBS = min(2, os.cpu_count() or 1)
PRINTED = 5  # lines shown of what an answer printed; the JSON has more


def grade_tasks(tasks, student="", files=None, jobs=JOBS, fence=None, secret=b""):
    """Grade tasks side by side, the learner's files or other ones: a Report.

    files: {task label: a path, or bytes, or a text that says why there are none}.
    fence: the name of one, the strongest that stands by default.  When this returns,
    no process of an answer is left.
    """
    began, files = time.perf_counter(), files or {}
    fence = fence or box.choose()

    def some(part):
        with box.Boxes(fence) as boxes:
            return runner.grade_all(part, files, student, boxes, secret)

    jobs = max(1, min(jobs, len(tasks))) if box.PROCESSES else 1
    if jobs == 1:
        parts = [some(tasks)]
    else:
        with ThreadPoolExecutor(jobs) as pool:
            parts = list(pool.map(some, [tasks[i::jobs] for i in range(jobs)]))
    by_label = {one.task: one for part in parts for one in part}
    results = [by_label[task.label] for task in tasks]
    return Report(results, student, time.perf_counter() - began, fence=fence)


def as_csv(rows):
    """Rows of equal length as CSV; a text that a spreadsheet would run is quoted."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([map(_cell, row) for row in rows])
    return out.getvalue()


def _cell(value):
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@"):
        return "'" + value
    return value


def check_rows(report):
    """A CSV table of one report: a row for every check."""
    head = "student,task,check,points,out of,mistakes,message,numbers".split(",")
    rows = [
        [
            report.student,
            task.task,
            one.title,
            one.earned,
            one.points,
            "; ".join(one.named),
            one.message,
            one.numbers,
        ]
        for task in report.tasks
        for one in task.checks
    ]
    return [head, *rows]


def as_gradescope(report):
    """results.json as Gradescope reads it; what could not be graded is a 0-point test."""
    tests = [test for task in report.tasks for test in _tests(task)]
    if report.problem or not tests:
        reason = report.problem or "nothing was graded"
        tests.append(_test("grading", 0, 0, reason, ["problem"]))
    for number, test in enumerate(tests, 1):
        test["number"] = str(number)
    return {
        "score": report.score,
        "execution_time": round(report.seconds, 3),
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "output": f"Answers ran behind: {SAID.get(report.fence, 'nothing')}.",
        "tests": tests,
    }


def _tests(task):
    if task.problem or not task.checks:
        reason = task.problem or "no check was made"
        return [_test(task.task, 0, 0, reason, [task.task, "problem"])]
    return [
        _test(
            f"{task.task}: {one.title}",
            one.earned,
            one.points,
            "\n\n".join(filter(None, (one.message, one.numbers))),
            [task.task, *one.named],
        )
        for one in task.checks
    ]


def _test(name, score, most, output, tags):
    passed = score == most and "problem" not in tags
    return {
        "name": name,
        "score": score,
        "max_score": most,
        "status": "passed" if passed else "failed",
        "output": output,
        "tags": tags,
        "visibility": "visible",
    }


def lines(report):
    """The report for a terminal: (text, style) of every line, in the learner's language."""
    for text, style in _all_lines(report):
        yield words.told(text), style


def _all_lines(report):
    for task in report.tasks:
        yield from _lines(task)
    yield f"{report.score:g} of {report.out_of:g} points", "bold"
    for text in filter(None, (report.problem, report.note)):
        yield text, "yellow"
    if report.fence:
        yield f"answers ran behind: {SAID[report.fence]}", "dim"


def _lines(task):
    head = f"{task.task}  {task.title}  {task.score:g}/{task.out_of:g}"
    yield head, "bold green" if task.ok else "bold"
    for one in verdicts(task):
        yield f"      {one.message}", "red"
        if one.numbers:
            yield f"      {one.title}: {one.numbers}", "dim"
        yield from _printed(one.output.strip().splitlines())
    for one in task.checks:
        mark, style = ("ok  ", "green") if one.ok else ("FAIL", "red")
        yield f" {mark} {one.title} ({one.earned:g}/{one.points:g})", style
    for text in filter(None, (task.problem, task.note)):
        yield f"      {text}", "yellow"
    if not task.ok:
        yield f"      {places.short(task.path)}", "dim"
        yield f"      tinyft hint {task.task}", "dim"


def verdicts(task):
    """The failed checks with something new to say: every mistake once for a task."""
    told, found = set(), []
    for one in task.checks:
        said = frozenset(one.named) or one.message
        if not one.ok and said not in told:
            told.add(said)
            found.append(one)
    return found


def _printed(output):
    """The last lines that the answer printed during a check."""
    if output:
        which = f", the last {PRINTED} lines" if len(output) > PRINTED else ""
        text = "\n        ".join(line[:200] for line in output[-PRINTED:])
        yield f"      printed{which}:\n        {text}", "dim"


def as_plain(report):
    """The report as plain text."""
    return "\n".join(text for text, _ in lines(report))


STYLE = "text-align:left;vertical-align:top;padding:2px 10px"
OPEN, DONE = "#D55E00", "#0072B2"


def as_html(report):
    """The report as a table that reads well in light and dark notebooks."""
    rows = "".join(_html_task(task) for task in report.tasks)
    total = f"{report.score:g} of {report.out_of:g} points"
    said = html.escape(report.problem or report.note or total)
    return f'<table style="border-collapse:collapse">{rows}</table><b>{said}</b>'


def _html_task(task):
    colour, mark = (DONE, "✓") if task.ok else (OPEN, "✗")
    head = f"{mark} {html.escape(task.task)}"
    points = f"{task.score:g}/{task.out_of:g}"
    rows = _row(f'<b style="color:{colour}">{head}</b>', task.title, points)
    telling = [id(one) for one in verdicts(task)]
    for one in task.checks:
        colour, mark = (DONE, "✓") if one.ok else (OPEN, "✗")
        name = f'<span style="color:{colour}">{mark}</span> {html.escape(one.title)}'
        points = f"{one.earned:g}/{one.points:g}"
        told = f"{one.message}\n{one.numbers}".strip() if id(one) in telling else ""
        rows += _row(name, told, points)
    for text in filter(None, (task.problem, task.note)):
        rows += _row("", text, "")
    return rows


def _row(head, text, points):
    cells = head, html.escape(text).replace("\n", "<br>"), points
    return "<tr>" + "".join(f'<td style="{STYLE}">{c}</td>' for c in cells) + "</tr>"
