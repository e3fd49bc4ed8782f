"""The learner's loop without a screen: grade and remember, hints, reset, solution."""

from dataclasses import dataclass

from tinyft.grading import exercise, files
from tinyft.grading.classroom import report
from tinyft.grading.exercise import GradingError
from tinyft.grading.learner import progress


def grade(names=(), student="", tasks=None):
    """Grade the learner's files, remember the scores: a Report."""
    tasks = tasks or exercise.choose(names, exercise.find_tasks())
    found = report.grade_tasks(tasks, student)
    rows = {
        task: {"score": result.score, "out_of": result.out_of}
        for task, result in zip(tasks, found.tasks)
        if result.checks
    }
    try:
        if rows:
            progress.update_all(rows)
    except GradingError as error:  # the marks stand all the same
        found.note = str(error)
    return found


def single(name):
    """The one task that is meant; GradingError when it is a whole chapter."""
    found = exercise.choose([name], exercise.find_tasks())
    if len(found) > 1:
        names = ", ".join(task.label for task in found)
        raise GradingError(f"{name} has several tasks; name one: {names}")
    return found[0]


@dataclass
class Standing:
    """A task and what is known of it."""

    task: exercise.Task
    score: float
    out_of: float
    done: bool


def standings(names=()):
    """Every task with its score so far, in course order."""
    tasks = exercise.choose(names, exercise.find_tasks())
    table = progress.read(tasks[0])
    rows = [(task, progress.of(task, table)) for task in tasks]
    return [
        Standing(t, row.get("score", 0), row.get("out_of", 0), progress.done(row))
        for t, row in rows
    ]


def next_open(found, after=None):
    """The next task without full marks, after one of them or from the start; or None."""
    labels = [one.task.label for one in found]
    begin = labels.index(after.label) + 1 if after else 0
    turned = found[begin:] + found[:begin]
    return next((one.task for one in turned if not one.done), None)


def hint(task):
    """([the hints seen, with one more], how many are left)."""
    if not task.hints:
        raise GradingError(f"{task.label} has no hints")
    seen = min(progress.of(task).get("hints", 0) + 1, len(task.hints))
    progress.update(task, hints=seen)
    return task.hints[:seen], len(task.hints) - seen


def reset(task):
    """Put the stub back; returns where the learner's text is kept, None if nowhere.

    A text that is the stub already is not kept, and nothing kept before is lost.  The
    task is open again; its points stay in the file of progress as history.
    """
    text = exercise.start_text(task)
    kept = None
    if task.answer.exists():
        old = task.answer.read_bytes()
        if old != text.encode():
            kept = _free(task)
            files.write(kept, old)
    files.write(task.answer, text)
    progress.reopen(task)
    return kept


def _free(task):
    """<task>.py.bak, or <task>.2.py.bak when that is taken, and so on."""
    kept, number = task.answer.with_name(f"{task.name}.py.bak"), 1
    while kept.exists():
        number += 1
        kept = task.answer.with_name(f"{task.name}.{number}.py.bak")
    return kept


def solution(task):
    """(the learner's text, the solution); GradingError before full marks.

    The file is graded now: what once got full marks may have been changed since.
    """
    if not task.solution.exists():
        raise GradingError(f"the solution of {task.label} is not in this copy")
    found = grade(tasks=[task])
    if not found.ok:
        raise GradingError(
            f"the solution of {task.label} is shown after full marks; yours has "
            f"{found.score:g} of {found.out_of:g} points. tinyft hint {task.label} helps"
        )
    return exercise.read_source(task.answer), exercise.read_source(task.solution)


def signature(path):
    """What changes when a file is saved; None while it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
