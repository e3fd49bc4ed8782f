"""Writing: whole or not at all, and a sentence where it cannot be done."""

import json
import re
from pathlib import Path

from tinyft.grading.exercise import GradingError
from tinyft.io.atomic import atomic_write


def write(path, content):
    """Write a text or bytes whole or not at all, making the folder; None: nothing."""
    if path is None:
        return
    path = Path(path)
    if isinstance(content, str):  # a lone surrogate stops nobody's report
        content = content.encode("utf-8", "backslashreplace")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, content)
    except OSError as error:
        error = error.__cause__ or error  # atomic_write explains what the system said
        raise GradingError(
            f"{path} cannot be written ({error.strerror or type(error).__name__}): make "
            f"the folder {path.parent} writable, or use a folder of your own"
        ) from None


def as_json(data):
    """Plain data as a JSON text that people can read."""
    text = json.dumps(data, indent=1, ensure_ascii=False) + "\n"
    return re.sub("[\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text)
