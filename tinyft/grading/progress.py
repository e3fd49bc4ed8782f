"""A learner's progress: one small readable file, progress.json beside exercises/.

{"09_l2sp/closed_form": {"score": 2, "out_of": 3, "hints": 1}, ...}
"""

import json
import os

from tinyft.grading.exercise import GradingError


def path_of(task):
    """progress.json of the workspace that holds the task."""
    return task.folder.parent.parent / "progress.json"


def read(task):
    """The whole table; empty at the start."""
    path = path_of(task)
    if not path.exists():
        return {}
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise GradingError(
            f"{path} is not valid JSON ({error}): mend or delete it"
        ) from None
    return table


def update(task, **values):
    """Change a task's row and write the file, atomically; returns the row."""
    table = read(task)
    row = table.setdefault(task.label, {})
    row.update(values)
    path = path_of(task)
    part = path.with_name(path.name + ".part")
    try:
        text = json.dumps(table, indent=1, ensure_ascii=False) + "\n"
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    except PermissionError:
        raise GradingError(
            f"{path} cannot be written: make the folder {path.parent} writable, or "
            "copy the course to a folder of your own"
        ) from None
    return row
