"""Chapter 26: tables from the study, and "what to set"."""

import time

import numpy as np

from tinyft import transfer
from tinyft.course.experiment import race, said, said_gap
from tinyft.course.lessons.life import ch26_forgetting as lesson
from tinyft.course.lessons.life import ch26_grids as grids
from tinyft.course.lessons.life import ch26_guards as guards

SCORES = ("final", "forgetting", "just after")
KEEPS = {
    grids.NONE: "",
    grids.SPRING: "λ",
    grids.EWC: "λ",
    grids.LWF: "λ",
    grids.OSF: "share held",
    grids.GPM: "share of squared length",
    grids.KEPT: "images",
    grids.ALL: "",
}


def mean(study, kind, method, score, strength=None):
    """The mean of a score at the chosen setting."""
    return float(np.mean(grids.chosen(study, kind, method, strength).values(score)))


def race_rows(study, kind):
    """A row per method at its chosen setting; differences in points to "nothing"."""
    base = np.array(grids.chosen(study, kind, grids.NONE).values("final"))
    return [_row(m, grids.chosen(study, kind, m), base) for m in grids.GRIDS[kind]]


def _row(method, runs, base):
    chosen, final = runs[0]["settings"], np.array(runs.values("final"))
    what = f"{KEEPS[method]} {chosen['strength']:g}" if KEEPS[method] else ""
    gap = "" if method == grids.NONE else said_gap(final - base, 2, 100)
    cells = [said(runs.values(score), 3) for score in SCORES]
    if method == grids.ALL:
        cells[1:] = "–", "–"
    return [method, what, f"{chosen['lr']:g}", *cells, gap]


def size_rows(study, kind):
    """A row per size of the buffer, at its own best rate."""
    runs = {n: grids.chosen(study, kind, grids.KEPT, n) for n in grids.SIZES}
    return [[kind, n, *(said(r.values(s), 3) for s in SCORES)] for n, r in runs.items()]


def fisher_rows(study):
    """A row per Fisher at its own λ; differences to the true one in points."""
    found = {
        f: grids.chosen(study, "domains", f"EWC, {f}", lr=grids.FISHER_RATE)
        for f in grids.FISHERS
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
    first, second = (grids.chosen(study, kind, m).values(score) for m in (a, b))
    return said_gap(np.subtract(first, second), digits, 100)


def rate_row(study):
    """{rate: (final, just after)} of "nothing" on the domains, two seeds."""
    found = study.where(kind="domains", method=grids.NONE)
    rates = sorted({run["settings"]["lr"] for run in found})
    return {
        lr: [float(np.mean(found.where(lr=lr).values(s)[:2])) for s in SCORES]
        for lr in rates
    }


TIMED = {
    grids.NONE: 0.0,
    grids.SPRING: 0.03,
    grids.EWC: 100.0,
    grids.LWF: 0.3,
    grids.GPM: 0.9,
    grids.KEPT: 20,
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
    return {m: t / seconds[grids.NONE] for m, t in seconds.items() if m != grids.NONE}


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
    """Rows (if, do, result here, price) of "What to set".

    words: {arm: what `judged` says}, of section 4.
    """
    return [*_guards(study), _fisher(study), _student(words)]


def _guards(study):
    def pair(method, strength=None):
        runs = (grids.chosen(study, kind, method, strength) for kind in grids.GRIDS)
        return " and ".join(said(one.values("final"), 2) for one in runs)

    domains = said(grids.chosen(study, "domains", grids.EWC).values("final"), 2)
    return [
        [
            "all old data may be kept",
            "train on all tasks mixed",
            f"final accuracy {pair(grids.ALL)} (domains, digits); nothing: "
            f"{pair(grids.NONE)}",
            "the data, and training again for each new task",
        ],
        [
            "a few old examples may be kept",
            "rehearsal: 20 or more per task, every class among them, each old task with "
            "weight 1",
            pair(grids.KEPT, 20),
            "the right to keep them; a second batch in each step",
        ],
        [
            "none may be kept, and the layers are linear",
            "GPM: hold the directions of 0.8 to 0.95 of the inputs' squared length, "
            "freeze the biases, project each step",
            pair(grids.GPM),
            "in the digits it learned about half; free directions run out (Proofs, F)",
        ],
        [
            "none may be kept, other layers, and every task has all classes",
            "EWC with the true Fisher, λ swept over decades",
            f"{domains} (domains); in the digits not settled against nothing",
            "two copies of the weights; in the digits it learned less",
        ],
    ]


def _fisher(study):
    finals = [float(row[2].split(" ")[0]) for row in fisher_rows(study)]
    return [
        "you use EWC's λ from elsewhere",
        "find out which Fisher it was tuned for, or sweep λ again",
        f"five Fishers, each at its own λ: {min(finals):.2f} to {max(finals):.2f}",
        "one sweep",
    ]


def _student(words):
    near, far = words["off-policy"], words["on-policy, γ = 1"]
    return [
        "a student learns a teacher's sequences",
        "off-policy first; then on-policy with γ = 1 if wrong outputs cost more than "
        "missing ones",
        f"real words {near['real words']:.2f}, then {far['real words']:.2f}",
        f"coverage: KL(p‖q) {near['KL(p‖q)']:.2f}, then {far['KL(p‖q)']:.2f}",
    ]


PAIRS = (
    (grids.KEPT, grids.GPM),
    (grids.GPM, grids.NONE),
    (grids.GPM, grids.EWC),
    (grids.EWC, grids.NONE),
    (grids.EWC, grids.SPRING),
)


def leans(study):
    """Rows of differences in points, paired by seed: what `advice` leans on.

    Rehearsal with 20 images; the others at what they chose.
    """
    rows = []
    for a, b in PAIRS:
        kept = 20 if a == grids.KEPT else None
        name = f"{a}, 20" if kept else a
        cells = []
        for kind in grids.GRIDS:
            first = grids.chosen(study, kind, a, kept)
            second = grids.chosen(study, kind, b)
            for score in ("final", "just after"):
                away = np.subtract(first.values(score), second.values(score))
                cells.append(said_gap(away, 1, 100))
        rows.append([f"{name} minus {b}", *cells])
    return rows
