"""Item statistics: how hard a task is, which mistakes it draws, how well it separates.

    share right = students with full marks / students
    discrimination = (M1 − M0)/s · √(p(1 − p))        point-biserial, against the rest score
    M1, M0 the mean rest score (all other tasks) of those who have it right and wrong,
    s the standard deviation of the rest score (n in the denominator), p the share right

It is Pearson's correlation of "right" (0 or 1) with the rest score; undefined (None)
when everyone or no one has it right or all rest scores are equal.  Source: Crocker and
Algina, Introduction to Classical and Modern Test Theory (1986), chapter 14.
"""

import math
from collections import Counter

MOST = 3  # named mistakes in the table


def statistics(reports, labels):
    """One row of numbers for every task."""
    return [_item(reports, label) for label in labels]


def _item(reports, label):
    found = [(one, _task(one, label)) for one in reports]
    right = [bool(task and task.ok) for _, task in found]
    rest = [one.score - (task.score if task else 0) for one, task in found]
    shares = [task.score / task.out_of for _, task in found if task and task.out_of]
    named = Counter(
        name
        for _, task in found
        if task
        for name in {name for check in task.checks for name in check.named}
    )
    return {
        "task": label,
        "students": len(found),
        "right": sum(right) / len(found) if found else None,
        "mean score": sum(shares) / len(found) if found else None,
        "discrimination": point_biserial(right, rest),
        "mistakes": dict(named.most_common()),
    }


def _task(one, label):
    return next((task for task in one.tasks if task.task == label), None)


def point_biserial(right, rest):
    """The correlation of a 0/1 list with a list of numbers; None when undefined."""
    n = len(right)
    p = sum(right) / n if n else 0
    if not 0 < p < 1:
        return None
    mean = sum(rest) / n
    s = math.sqrt(sum((x - mean) ** 2 for x in rest) / n)
    if s <= 1e-12 * max(1.0, abs(mean)):
        return None
    m1 = sum(x for x, ok in zip(rest, right) if ok) / (p * n)
    m0 = sum(x for x, ok in zip(rest, right) if not ok) / ((1 - p) * n)
    return (m1 - m0) / s * math.sqrt(p * (1 - p))


def rows(found):
    """The statistics as a CSV table."""
    head = ["task", "students", "share right", "mean score", "discrimination"]
    return [[*head, "most frequent mistakes"], *map(_row, found)]


def _row(item):
    numbers = [item[key] for key in ("right", "mean score", "discrimination")]
    told = ["" if x is None else f"{x:.3f}" for x in numbers]
    return [item["task"], item["students"], *told, mistakes(item)]


def mistakes(item):
    """The most frequent named mistakes, as text: "n·λ instead of 2n·λ (12); ..."."""
    most = list(item["mistakes"].items())[:MOST]
    return "; ".join(f"{name} ({count})" for name, count in most)
