"""Chapter 26: tables from the study, and "what to set"."""

import numpy as np

from tinyft.course.experiment import said, said_gap
from tinyft.course.lessons.life import ch26_forgetting as lesson

SCORES = ("final", "forgetting", "just after")
KEEPS = {
    lesson.NONE: "",
    lesson.SPRING: "λ",
    lesson.EWC: "λ",
    lesson.LWF: "λ",
    lesson.OSF: "share held",
    lesson.GPM: "share of energy",
    lesson.KEPT: "images",
}


def mean(study, kind, method, score, strength=None):
    """The mean of a score at the chosen setting."""
    return float(np.mean(lesson.chosen(study, kind, method, strength).values(score)))


def race_rows(study, kind):
    """A row per method at its chosen setting; differences in points to "nothing"."""
    base = np.array(lesson.chosen(study, kind, lesson.NONE).values("final"))
    return [_row(m, lesson.chosen(study, kind, m), base) for m in lesson.GRIDS[kind]]


def _row(method, runs, base):
    chosen, final = runs[0]["settings"], np.array(runs.values("final"))
    what = f"{KEEPS[method]} {chosen['strength']:g}" if KEEPS[method] else ""
    gap = "" if method == lesson.NONE else said_gap(final - base, 2, 100)
    cells = [said(runs.values(score), 3) for score in SCORES]
    return [method, what, f"{chosen['lr']:g}", *cells, gap]


def size_rows(study, kind):
    """A row per size of the buffer, at its own best rate."""
    runs = {n: lesson.chosen(study, kind, lesson.KEPT, n) for n in lesson.SIZES}
    return [[kind, n, *(said(r.values(s), 3) for s in SCORES)] for n, r in runs.items()]


def fisher_rows(study):
    """A row per Fisher at its own λ; differences to the true one in points."""
    found = {
        f: lesson.chosen(study, "domains", f"EWC, {f}", lr=lesson.FISHER_RATE)
        for f in lesson.FISHERS
    }
    true, rows = np.array(found["true"].values("final")), []
    for name, runs in found.items():
        final = np.array(runs.values("final"))
        gap = "" if name == "true" else said_gap(final - true, 2, 100)
        cells = [said(runs.values(score), 3) for score in SCORES]
        rows.append([name, f"{runs[0]['settings']['strength']:g}", *cells, gap])
    return rows


def gap(study, kind, a, b, score="final", digits=2):
    """a minus b at their chosen settings, paired by seed, in points."""
    first, second = (lesson.chosen(study, kind, m).values(score) for m in (a, b))
    return said_gap(np.subtract(first, second), digits, 100)


def rate_row(study):
    """{rate: (final, just after)} of "nothing" on the domains, two seeds."""
    found = study.where(kind="domains", method=lesson.NONE)
    rates = sorted({run["settings"]["lr"] for run in found})
    return {
        lr: [float(np.mean(found.where(lr=lr).values(s)[:2])) for s in SCORES]
        for lr in rates
    }


def advice(study, words):
    """Rows (situation, start with, measured here, cell) of "What to set".

    words: {arm: what `judged` says}, of section 4.
    """

    def pair(method, strength=None):
        runs = (lesson.chosen(study, kind, method, strength) for kind in lesson.GRIDS)
        return " and ".join(said(one.values("final"), 2) for one in runs)

    def one(method):
        return said(lesson.chosen(study, "domains", method).values("final"), 2)

    fishers = [float(row[2].split(" ")[0]) for row in fisher_rows(study)]
    rates = rate_row(study)
    low, high = min(rates.values())[0], max(rates.values())[0]
    near, far = words["off-policy"], words["on-policy, γ = 1"]
    return [
        [
            "some old examples may be kept",
            "rehearsal, each old task with weight 1; 20 or more per task, all classes",
            f"final accuracy with 20: {pair(lesson.KEPT, 20)} (domains, digits); with "
            f"nothing {pair(lesson.NONE)}",
            "2",
        ],
        [
            "none may be kept; the inputs may be looked at once; linear layers",
            "GPM: hold 0.8 to 0.95 of the energy, freeze the biases, project each step",
            f"{pair(lesson.GPM)}",
            "5, 6",
        ],
        [
            "none may be kept, other layers; every task has all classes",
            "EWC with the true Fisher, λ over five decades",
            f"domains: {one(lesson.EWC)}; L2-SP, which needs no Fisher, "
            f"{one(lesson.SPRING)}; in the digits neither is settled against nothing",
            "3, 6",
        ],
        [
            "which Fisher",
            "the true one (C passes per example); another one needs another λ",
            f"each at its own λ: {min(fishers):.2f} to {max(fishers):.2f}",
            "3",
        ],
        [
            "the rate",
            "swept together with the strength, on old and new validation images",
            f"nothing at {', '.join(f'{r:g}' for r in rates)}: {low:.2f} to {high:.2f}",
            "6",
        ],
        [
            "a student for a teacher's outputs",
            "first off-policy, then on-policy if samples must be right",
            f"real words {near['real words']:.2f} off-policy, {far['real words']:.2f} "
            f"after γ = 1; KL(p‖q) {near['KL(p‖q)']:.2f} and {far['KL(p‖q)']:.2f}",
            "4",
        ],
    ]
