"""A learner's progress: one small readable file, progress.json beside exercises/.

{"09_l2sp/closed_form": {"score": 2, "out_of": 3, "hints": 1}, ...}

A reset moves the points to the row's "history", with the time.
"""

import json
from datetime import datetime

from tinyft.grading import files
from tinyft.grading.exercise import GradingError


def path_of(task):
    """progress.json of the workspace that holds the task."""
    return task.root / "progress.json"


def read(task):
    """The whole table; empty at the start."""
    path = path_of(task)
    if not path.exists():
        return {}
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        if not all(isinstance(row, dict) for row in table.values()):
            raise ValueError("a row is not a table")
    except (ValueError, AttributeError) as error:
        raise GradingError(
            f"{path} is not valid JSON ({error}): mend or delete it"
        ) from None
    return table


def of(task, table=None):
    """A task's row, empty before the first grading."""
    return (read(task) if table is None else table).get(task.label, {})


def done(row):
    """True when a row says full marks."""
    return bool(row.get("out_of")) and row.get("score") == row["out_of"]


def update(task, **values):
    """Change a task's row and write the file, atomically; returns the row."""
    return update_all({task: values})[task.label]


def reopen(task):
    """Take a task's points out of its row, and keep them as history."""
    table = read(task)
    row = table.get(task.label, {})
    points = {key: row.pop(key) for key in ("score", "out_of") if key in row}
    if points:
        until = datetime.now().astimezone().isoformat(timespec="seconds")
        row.setdefault("history", []).append(points | {"until": until})
        files.write(path_of(task), files.as_json(table))


def update_all(values):
    """Change the rows of {task: {name: value}} of one workspace; returns the table."""
    first = next(iter(values))
    table = read(first)
    for task, row in values.items():
        table.setdefault(task.label, {}).update(row)
    files.write(path_of(first), files.as_json(table))
    return table
