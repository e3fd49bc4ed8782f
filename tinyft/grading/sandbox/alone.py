"""Openers of sessions for a process that judges by itself."""

import atexit

from tinyft.grading.sandbox import box
from tinyft.grading.sandbox.fresh import Fresh, Here
from tinyft.grading.sandbox.session import Warm


def opener(task):
    """What opens sessions for the answers of a task; a box lives as long as Python."""
    if not box.WARM:
        return cold(task.imports, task.forbidden)
    boxes = box.Boxes()
    atexit.register(boxes.close)
    return Warm(boxes.get(task).control)


def cold(imports, forbidden, folder=None):
    """Sessions where no worker is kept warm."""
    return Fresh(imports, forbidden, folder) if box.PROCESSES else Here()
