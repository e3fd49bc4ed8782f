"""Openers of sessions for a process that judges by itself."""

import atexit

from tinyft.grading.sandbox.box import PROCESSES, WARM, Boxes
from tinyft.grading.sandbox.fresh import Fresh, Here
from tinyft.grading.sandbox.session import Warm


def opener(task):
    """What opens sessions for the answers of a task; a box lives as long as Python."""
    if not WARM:
        return cold(task.imports, task.forbidden)
    boxes = Boxes()
    atexit.register(boxes.close)
    return Warm(boxes.get(task).control)


def cold(imports, forbidden, folder=None):
    """Sessions where no worker is kept warm."""
    return Fresh(imports, forbidden, folder) if PROCESSES else Here()
