"""Chapter 25: tables and sentences, every number from the study's runs.

Error rates are in percent, differences in points, each mean ± half of its 95 % interval
over seeds; differences are paired by seed. "Ink left" is the share of the ink's variance
that a model leaves unexplained, in percent.
"""

import numpy as np

from tinyft.course.experiment import said, said_gap
from tinyft.course.lessons.several import ch25_multitask as lesson

WAYS = {
    "sum": "sum",
    "PCGrad": "PCGrad",
    "uncertainty": "uncertainty, σ² from 1",
    "started": "uncertainty, σ² from first losses",
}
GRID = (*lesson.SMALL[:2], *lesson.RATES, 1.0)
UNITS = {
    "share": "share, 0 to 1",
    "percent": "percent",
    "spread 1": "divided by its spread, mean kept",
    "standard": "standardised: mean taken off too",
    "centred": "percent, mean taken off",
}


def world(study, other, factor, way="sum", head="one"):
    """The runs of two worlds at the arm's best rate."""
    arm = dict(part="worlds", other=other, factor=factor, way=way, head=head)
    return lesson.chosen(study.where(**arm))


def unit(study, name, way):
    """The runs of digit and ink at the arm's best rate."""
    return lesson.chosen(study.where(part="units", unit=name, way=way))


def helper(study, other, main="even", part="helper", labels=30, weight=1.0, way="sum"):
    """The runs of a question with few labels and a helper at the arm's best rate."""
    arm = dict(main=main, other=other, labels=labels, weight=weight, way=way)
    return lesson.chosen(study.where(part=part, **arm))


def rate(found):
    """The rate of runs that share one, as text."""
    return f"{found[0]['settings']['lr']:g}"


def percent(found, score, digits=1):
    """A score over seeds in percent, mean ± half."""
    return said(100 * np.array(found.values(score)), digits)


def gap(first, second, score, digits=2):
    """First minus second, paired by seed, in points; labelled if not settled."""
    return said_gap(differences(first, second, score), digits, unit=100)


def differences(first, second, score):
    """First minus second, one number per seed."""
    return np.subtract(first.values(score), second.values(score))


# --- tables -----------------------------------------------------------------------------


def scale_rows(study, other="upside down"):
    """A alone, and both worlds with B's loss once and FACTOR times."""
    rows = [("A alone", world(study, "upside down", 1.0, "A alone"))]
    for factor in (1.0, lesson.FACTOR):
        rows.append((f"A + {factor:g} · B", world(study, other, factor)))
    rows = [
        [name, percent(found, "A"), percent(found, "B"), rate(found)]
        for name, found in rows
    ]
    rows[0][2] = "not trained"
    return rows


def pcgrad_rows(study):
    """PCGrad minus the sum, errors of A and B, in each world and at both factors."""
    rows = []
    for other in ("shifted", "upside down", "renamed"):
        for factor in (1.0, lesson.FACTOR):
            plain, projected = (
                world(study, other, factor, w) for w in ("sum", "PCGrad")
            )
            row = [f"{other}, × {factor:g}"]
            row += [percent(plain, "A"), percent(projected, "A")]
            rows.append([*row, *(gap(projected, plain, task) for task in "AB")])
    return rows


def fixed(study, lr, way, other="upside down"):
    """The runs of two worlds with FACTOR · B at a given rate."""
    arm = dict(part="worlds", other=other, factor=lesson.FACTOR, head="one", lr=lr)
    return study.where(**arm, way=way)


def rate_rows(study, other="upside down"):
    """A's error with FACTOR · B at every rate: the sum's, and PCGrad minus it."""
    rows = []
    for lr in lesson.RATES[:4]:
        plain, found = (fixed(study, lr, way, other) for way in ("sum", "PCGrad"))
        rows.append([f"{lr:g}", percent(plain, "A"), gap(found, plain, "A")])
    return rows


def head_rows(study):
    """One head for both worlds, or one for each; first each world alone."""
    alone = [
        percent(world(study, "upside down", 1.0, f"{task} alone"), task)
        for task in "AB"
    ]
    rows = [["each alone (B upside down)", *alone, "", ""]]
    for other in ("upside down", "renamed"):
        for factor in (1.0, lesson.FACTOR):
            row = [f"{other}, × {factor:g}"]
            for head in ("one", "two"):
                found = world(study, other, factor, head=head)
                row += [percent(found, "A"), percent(found, "B")]
            rows.append(row)
    return rows


def uncertainty_rows(study):
    """The ways to add up two losses of which one counts FACTOR times."""
    arms = [("sum", 1.0), *((way, lesson.FACTOR) for way in WAYS)]
    alone = world(study, "upside down", 1.0, "A alone")
    rows = [["A alone", percent(alone, "A"), "not trained", rate(alone)]]
    for way, factor in arms:
        found = world(study, "upside down", factor, way)
        name = f"{WAYS[way]}, × {factor:g}"
        rows.append([name, percent(found, "A"), percent(found, "B"), rate(found)])
    return rows


def unit_rows(study):
    """Digit and ink, as share and in percent, by unit and way."""
    return [
        _unit_row(study, name, way) for name in ("share", "percent") for way in WAYS
    ]


def target_rows(study):
    """Digit and ink, by what was done to the target; standardised, also with weights."""
    pairs = [(name, way) for name in UNITS for way in ("sum", "started")]
    pairs += [("standard", way) for way in lesson.INK_TIMES]
    return [_unit_row(study, *pair) for pair in pairs if pair[0] != "share"]


def _unit_row(study, name, way):
    found = unit(study, name, way)
    scores = percent(found, "digit"), percent(found, "ink")
    return [UNITS[name], WAYS.get(way, way), *scores, rate(found)]


def sweep_rows(study):
    """Mean score on valid at every rate, for a few arms of each part."""
    arms = {
        f"worlds, {way}, × {factor:g}": dict(
            part="worlds", other="upside down", factor=factor, way=way, head="one"
        )
        for way in ("sum", "PCGrad", "started")
        for factor in (1.0, lesson.FACTOR)
    }
    for name in UNITS:
        for way in ("sum", "started"):
            arms[f"units, {name}, {way}"] = dict(part="units", unit=name, way=way)
    for other in ("none", "digit", "side", "noise"):
        arms[f"helper, {other}"] = dict(
            part="helper", main="even", other=other, labels=30, weight=1.0, way="sum"
        )
    rows = []
    for name, arm in arms.items():
        found = study.where(**arm).by("lr", "valid")
        means = [f"{np.mean(found[lr]):.3f}" if lr in found else "" for lr in GRID]
        rows.append([name, *means])
    return rows
