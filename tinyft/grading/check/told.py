"""What is told of a check: its name, title and points, and what it came to."""

import re

from tinyft.grading.check import explain
from tinyft.grading.check.compare import Failed, GraderFault


def check_id(item):
    """The check's name without the parts that name the candidate and the draw."""
    name = re.sub(r"@(draw)?\d+", "", item.name)
    return (
        re.sub(r"\[-*\]", "", re.sub(r"--+", "-", name))
        .replace("[-", "[")
        .replace("-]", "]")
    )


def key_of(item):
    """(candidate's name, check's name) of a test item."""
    return item.callspec.params["candidate"].name, check_id(item)


def describe(item):
    """Name, title and points of a check."""
    mark = item.get_closest_marker("points")
    doc = (item.function.__doc__ or "").strip().splitlines()
    title = doc[0] if doc else check_id(item).removeprefix("test_").replace("_", " ")
    points = mark.args[0] if mark and mark.args else 1
    return {"name": check_id(item), "title": title.rstrip("."), "points": points}


def outcome_of(item, call):
    """What a call came to, as plain data; texts are neutralised."""
    if call.excinfo is None:
        return {"status": "passed", "message": ""}
    error = call.excinfo.value
    if isinstance(error, GraderFault):
        return {"status": "fault", "message": str(error)}
    told = {"status": "failed", "message": explain.clean(str(error))}
    if isinstance(error, Failed):
        texts = {
            "message": error.message,
            "numbers": error.numbers,
            "plain": error.plain,
        }
        told |= {key: explain.clean(text) for key, text in texts.items()}
        told |= {"named": error.named, "margin": error.margin}
    elif isinstance(error, AssertionError):  # without pytest's own analysis
        told["message"] = explain.clean(str(error).split("\nassert ")[0])
    return told
