"""Chapter 25: tables of the helper tasks, and the test of their verdicts.

Errors in percent, differences in points, ± half of a 95 % interval: as in ch25_results.
"""

import numpy as np

from tinyft import evaluation
from tinyft.course.lessons.several import ch25_multitask as lesson
from tinyft.course.lessons.several import ch25_setting as setting
from tinyft.course.lessons.several.ch25_results import gap, helper, percent, rate

TRUNK = {"helper": "", "narrow": "narrow trunk: "}
ARMS = {  # trained again by `ten`: part, helper, weight of its loss
    "none": ("helper", "none", 1.0),
    "digit": ("helper", "digit", 1.0),
    "side": ("helper", "side", 1.0),
    "noise": ("helper", "noise", 1.0),
    "narrow trunk: none": ("narrow", "none", 1.0),
    "narrow trunk: side, a = 10": ("narrow", "side", 10.0),
}


def helper_rows(study, main="even", part="helper", others=("digit", "side", "noise")):
    """A helper's errors, and minus none: over seeds."""
    alone, name = helper(study, "none", main, part), TRUNK[part]
    rows = [[f"{name}none", percent(alone, "test"), "", rate(alone)]]
    for other in others:
        found = helper(study, other, main, part)
        scores = percent(found, "test"), gap(found, alone, "test")
        rows.append([f"{name}{other}", *scores, rate(found)])
    return rows


def parity_row(study, part="helper"):
    """No label of "even": learn digits, answer with the parity of the likeliest one."""
    alone = helper(study, "none", part=part)
    found = helper(study, "digit", part=part, labels=0, way=lesson.PARITY)
    name = f"{TRUNK[part]}digits alone, then their parity"
    return [name, percent(found, "test"), gap(found, alone, "test"), rate(found)]


def weight_row(study, other="side", weight=10.0, part="narrow"):
    """A helper with another weight: its errors, and minus none."""
    alone = helper(study, "none", part=part)
    found = helper(study, other, part=part, weight=weight)
    name = f"{TRUNK[part]}{other}, a = {weight:g}"
    return [name, percent(found, "test"), gap(found, alone, "test"), rate(found)]


def weight_rows(study):
    """Helper minus none for each weight of the helper's loss, and for PCGrad; the last
    column is the narrow trunk's."""
    arms = [(f"a = {w:g}", {"weight": w}) for w in (0.1, 1.0, 10.0)]
    arms.append(("a = 1, PCGrad", {"way": "PCGrad"}))
    alone, narrow = (helper(study, "none", part=part) for part in TRUNK)
    rows = []
    for name, arm in arms:
        found = [helper(study, other, **arm) for other in ("digit", "side")]
        rows.append([name, *(gap(one, alone, "test") for one in found), ""])
        if name in ("a = 1", "a = 10"):
            found = helper(study, "side", part="narrow", **arm)
            rows[-1][-1] = gap(found, narrow, "test")
    return rows


def label_rows(study):
    """Helper minus none by the number of labels."""
    rows = []
    for labels in (30, 100, 300):
        alone = helper(study, "none", labels=labels)
        row = [labels, percent(alone, "test")]
        for other in ("digit", "side"):
            row.append(gap(helper(study, other, labels=labels), alone, "test"))
        rows.append(row)
    return rows


# --- negative transfer, tested as in chapter 12 -------------------------------------------


def ten(study, part, other, weight):
    """Ten networks for "even" trained again at the best rate: errors, (seeds, images)."""
    found = helper(study, other, part=part, weight=weight)
    lr, (x, y) = found[0]["settings"]["lr"], setting.question("even", "test")
    widths = lesson.NARROW if part == "narrow" else lesson.WIDE

    def network(seed):
        return lesson.helper("even", other, 30, weight, "sum", lr, seed, widths)

    return np.array([setting.errors(network(s), "even", x, y) for s in lesson.TEN])


def verdicts(errors):
    """Rows (helper, gap ± half, verdict, of it seeds and images) of `evaluation.decide`.

    errors: {name of ARMS: (seeds, images)}; each is compared with "none" in its trunk. The
    level makes all verdicts hold together with 95 %.
    """
    arms = [name for name in errors if "none" not in name]
    rows = []
    for name in arms:
        alone = errors[f"{TRUNK[ARMS[name][0]]}none"]
        found = evaluation.decide(errors[name], alone, 1 - 0.05 / len(arms))
        parts = f"{100 * found.over_seeds:.1f}, {100 * found.over_examples:.1f}"
        gap = f"{100 * found.gap:+.1f} ± {100 * found.half:.1f}"
        rows.append([name, gap, found.verdict, parts])
    return rows
