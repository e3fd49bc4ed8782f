"""Chapter 26: tables from the study."""

import numpy as np

from tinyft.course.experiment import said, said_gap
from tinyft.course.lessons.life import ch26_grids as grids
from tinyft.course.lessons.life import ch26_words as words

SCORES = ("final", "forgetting", "just after")
KEEPS = {
    grids.SPRING: "λ",
    grids.EWC: "λ",
    grids.LWF: "λ",
    grids.OSF: "share held",
    grids.GPM: "share",
    grids.RANDOM: "share",
    grids.KEPT: "images",
}
SURE = " (not settled)"


def mean(study, kind, method, score, strength=None):
    """The mean of a score at the chosen setting."""
    return float(np.mean(grids.chosen(study, kind, method, strength).values(score)))


def minus(runs, base, score="final", digits=1):
    """Paired differences in points, as text."""
    away = np.subtract(runs.values(score), base.values(score))
    return said_gap(away, digits, 100, SURE)


def gap(study, kind, a, b, score="final"):
    """a minus b at their chosen settings, paired by seed, in points."""
    return minus(*(grids.chosen(study, kind, m) for m in (a, b)), score)


def _setting(kind, method, strength, lr):
    """(strength, rate) as text; † where it is an end of its grid."""
    strengths = (grids.GRIDS[kind] | grids.CONTROLS[kind])[method]
    rates = grids.rates(kind, method)
    ends = [
        len(some) > 1 and value in (min(some), max(some))
        for some, value in ((strengths, strength), (rates, lr))
    ]
    marks = ["†" if end else "" for end in ends]
    what = f"{KEEPS[method]} {strength:g}{marks[0]}" if method in KEEPS else ""
    return what, f"{lr:g}{marks[1]}"


def grid_rows():
    """A row per method: the strengths and rates that it could choose from."""
    rows = []
    for method in grids.GRIDS["domains"]:
        cells = []
        for kind in grids.GRIDS:
            some = grids.GRIDS[kind][method]
            named = f"{KEEPS[method]} " if method in KEEPS else ""
            strengths = named + ", ".join(f"{s:g}" for s in some) if named else "–"
            cells += [strengths, ", ".join(f"{r:g}" for r in grids.rates(kind, method))]
        rows.append([method, *cells])
    return rows


def race_rows(study, kind):
    """A row per method at its chosen setting; differences in points to "nothing"."""
    base, rows = grids.chosen(study, kind, grids.NONE), []
    for method in grids.GRIDS[kind]:
        runs = grids.chosen(study, kind, method)
        pair = runs[0]["settings"]["strength"], runs[0]["settings"]["lr"]
        cells = [said(runs.values(score), 3) for score in SCORES]
        if method == grids.ALL:
            cells[1:] = "–", "–"
        away = "" if method == grids.NONE else minus(runs, base)
        rows.append([method, *_setting(kind, method, *pair), *cells, away])
    return rows


def equal_rows(study, kind):
    """A row per method: its scores minus "nothing" at the SAME rate, in points."""
    rows = []
    for method in grids.CAN_BORROW + (grids.KEPT,):
        runs = grids.chosen(study, kind, method)
        lr = runs[0]["settings"]["lr"]
        base = study.where(kind=kind, method=grids.NONE, lr=lr)
        rows.append(
            [method, f"{lr:g}", *(minus(runs, base, score) for score in SCORES)]
        )
    return rows


def control_rows(study):
    """OSF, random directions and GPM beside frozen biases alone; final, forgetting."""
    rows = []
    for method in (grids.NONE, grids.BARE, grids.OSF, grids.RANDOM, grids.GPM):
        cells = []
        for kind in grids.GRIDS:
            runs = grids.chosen(study, kind, method)
            cells += [said(runs.values(score), 2) for score in SCORES]
        rows.append([method, *cells])
    return rows


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
    rows = []
    for name, runs in found.items():
        away = "" if name == "true" else minus(runs, found["true"])
        cells = [said(runs.values(score), 2) for score in SCORES]
        rows.append([name, f"{runs[0]['settings']['strength']:g}", *cells, away])
    return rows


def copied_rows(study):
    """A row per Fisher at the true one's λ, and what copying it costs, in points."""
    rows = []
    for f in grids.FISHERS:
        method, lr = f"EWC, {f}", grids.FISHER_RATE
        runs = study.where(kind="domains", method=method, strength=grids.COPIED, lr=lr)
        own = grids.chosen(study, "domains", method, lr=lr)
        away = "same λ" if own == runs else minus(runs, own)
        rows.append([f, *(said(runs.values(score), 2) for score in SCORES), away])
    return rows


def sensitivity_rows(study):
    """Final accuracy in the domains at rate .003, two seeds, over the strengths."""
    rows = []
    for method in (grids.NONE, grids.SPRING, grids.EWC, grids.LWF, grids.GPM):
        found = study.where(kind="domains", method=method, lr=3e-3)
        some = sorted({run["settings"]["strength"] for run in found})
        means = {
            s: np.mean(found.where(strength=s).values("final")[:2])
            for s in some
            if (s, 3e-3) in grids.pairs("domains", method)
        }
        texts = [
            f"{s:g}: {m:.2f}" if method in KEEPS else f"{m:.2f}"
            for s, m in means.items()
        ]
        rows.append([method, KEEPS.get(method, ""), " · ".join(texts)])
    return rows


def borrowed_rows(study):
    """A row per method: final accuracy with what it chose here, and in the other
    sequence, and the latter minus "nothing" at its best, in points."""
    rows = []
    for method in grids.CAN_BORROW:
        cells = []
        for kind in grids.GRIDS:
            own = grids.chosen(study, kind, method)
            s, lr = grids.choice(study, grids.other(kind), method)
            runs = study.where(kind=kind, method=method, strength=s, lr=lr)
            base = grids.chosen(study, kind, grids.NONE)
            cells += [said(own.values("final"), 2), said(runs.values("final"), 2)]
            cells += [minus(runs, base)]
        rows.append([method, *cells])
    return rows


def student_rows(study):
    """A row per arm and rate of the aside: from the lowest to the highest of 3 seeds."""
    rows = []
    for arm, (_, _, _, rates) in words.ARMS.items():
        for lr in rates:
            runs = study.where(kind=words.KIND, method=arm, lr=lr)
            ends = (
                sorted(runs.values(k)) for k in ("real words", "KL(q‖p)", "KL(p‖q)")
            )
            rows.append([arm, lr, *(f"{v[0]:.2f} to {v[-1]:.2f}" for v in ends)])
    return rows


def sensitivity_rates(study):
    """{rate: text} of "nothing" on the domains: final and just after, two seeds."""
    found = study.where(kind="domains", method=grids.NONE)
    texts = {}
    for lr in grids.rates("domains", grids.NONE):
        final, _, after = (np.mean(found.where(lr=lr).values(s)[:2]) for s in SCORES)
        texts[lr] = f"final {final:.2f}, just after {after:.2f}"
    return texts


def rate_by_new_task(study, method, strength):
    """(rate, final) in the domains at the rate that is best just after each task."""
    found = study.where(kind="domains", method=method, strength=strength)
    means = {
        lr: [float(np.mean(found.where(lr=lr).values(s)[:2])) for s in SCORES]
        for lr in grids.rates("domains", method)
    }
    best = max(means, key=lambda lr: means[lr][2])
    return best, means[best][0]
