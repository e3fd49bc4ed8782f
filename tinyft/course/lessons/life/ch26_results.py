"""Chapter 26: tables from the study, and "what to set"."""

import time

import numpy as np

from tinyft import transfer
from tinyft.course.experiment import race, said, said_gap
from tinyft.course.lessons.life import ch26_forgetting as lesson
from tinyft.course.lessons.life import ch26_guards as guards

SCORES = ("final", "forgetting", "just after")
KEEPS = {
    lesson.NONE: "",
    lesson.SPRING: "λ",
    lesson.EWC: "λ",
    lesson.LWF: "λ",
    lesson.OSF: "share held",
    lesson.GPM: "share of squared length",
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


TIMED = {
    lesson.NONE: 0.0,
    lesson.SPRING: 0.03,
    lesson.EWC: 100.0,
    lesson.LWF: 0.3,
    lesson.GPM: 0.9,
    lesson.KEPT: 20,
}


def step_costs(steps=20):
    """{method: processor time of a step on the second task, relative to "nothing"}."""
    every, runs = lesson.tasks(), {}
    for method, strength in TIMED.items():
        model, rng = lesson.network(0), np.random.default_rng(0)
        guard = guards.make(method, strength)
        guard.begin(model, 0, "domains", rng)
        guard.end(model, *every[0]["train"], rng)
        hooks = guard.begin(model, 1, "domains", rng)
        runs[method] = _learning(model, every[1]["train"], steps, rng, hooks)
    seconds = race(runs, rounds=5, clock=time.process_time)
    return {m: t / seconds[lesson.NONE] for m, t in seconds.items() if m != lesson.NONE}


def _learning(model, xy, steps, rng, hooks=(None, None)):
    return lambda: lesson.learn(model, *xy, steps, 1e-4, rng, *hooks)


def fisher_cost(steps=20):
    """How many plain steps cost as much as the true Fisher of 60 pictures."""
    model, (x, y) = lesson.network(0), lesson.tasks()[0]["train"]
    few = [(x[: guards.FISHER_IMAGES], y[: guards.FISHER_IMAGES])]
    seconds = race(
        {
            "steps": _learning(model, (x, y), steps, np.random.default_rng(0)),
            "fisher": lambda: transfer.fisher_diagonal(model, few),
        },
        rounds=3,
        clock=time.process_time,
    )
    return steps * seconds["fisher"] / seconds["steps"]


def advice(study, words):
    """Rows (situation, start with, measured here, section) of "What to set".

    words: {arm: what `judged` says}, of section 4.
    """
    return [*_guards(study), _fisher(study), _rate(study), _student(words)]


def _guards(study):
    def pair(method, strength=None):
        runs = (lesson.chosen(study, kind, method, strength) for kind in lesson.GRIDS)
        return " and ".join(said(one.values("final"), 2) for one in runs)

    def one(method):
        return said(lesson.chosen(study, "domains", method).values("final"), 2)

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
            "GPM: hold 0.8 to 0.95 of the inputs' squared length, freeze the biases, "
            "project each step",
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
    ]


def _fisher(study):
    finals = [float(row[2].split(" ")[0]) for row in fisher_rows(study)]
    return [
        "which Fisher",
        "the true one (C passes per example); another one needs another λ",
        f"each at its own λ: {min(finals):.2f} to {max(finals):.2f}",
        "3",
    ]


def _rate(study):
    rates = rate_row(study)
    finals = [row[0] for row in rates.values()]
    return [
        "the rate",
        "swept together with the strength, on old and new validation images",
        f"nothing at {', '.join(f'{r:g}' for r in rates)}: {min(finals):.2f} to "
        f"{max(finals):.2f}",
        "6",
    ]


def _student(words):
    near, far = words["off-policy"], words["on-policy, γ = 1"]
    return [
        "a student for a teacher's outputs",
        "first off-policy, then on-policy if samples must be right",
        f"real words {near['real words']:.2f} off-policy, {far['real words']:.2f} after "
        f"γ = 1; KL(p‖q) {near['KL(p‖q)']:.2f} and {far['KL(p‖q)']:.2f}",
        "4",
    ]
