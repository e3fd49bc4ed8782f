"""Chapter 26: "what to set"."""

from tinyft.course.experiment import said
from tinyft.course.lessons.life import ch26_grids as grids
from tinyft.course.lessons.life import ch26_results as results

GPM_SHARE, EWC_STRENGTH = 0.9, 100.0  # where a sweep starts


def rows(study):
    """Rows (if, do, start with, result here)."""

    def pair(method, strength=None):
        runs = (grids.chosen(study, kind, method, strength) for kind in grids.GRIDS)
        return " and ".join(said(one.values("final"), 2) for one in runs)

    return [
        ["nothing is done", "plain fine-tuning", "–", pair(grids.NONE)],
        [
            "all old data may be kept",
            "train on all tasks mixed",
            "your usual rate",
            pair(grids.ALL),
        ],
        [
            "a few old examples may be kept",
            "rehearsal, every class among them, each old task with weight 1",
            "20 per task, then as many as you may",
            pair(grids.KEPT, 20),
        ],
        [
            "none may be kept; the layers are linear",
            "GPM: freeze the biases, project each step",
            f"share {GPM_SHARE:g}; old tasks fade: higher; new ones stay poor: lower",
            pair(grids.GPM),
        ],
        [
            "none may be kept; other layers; every task has all classes",
            "EWC with the true Fisher",
            f"λ = {EWC_STRENGTH:g}, then sweep on a sequence like yours that you keep",
            pair(grids.EWC),
        ],
    ]


PAIRS = (
    (grids.KEPT, grids.GPM),
    (grids.GPM, grids.NONE),
    (grids.GPM, grids.EWC),
    (grids.EWC, grids.NONE),
    (grids.EWC, grids.SPRING),
)


def leans(study):
    """Rows of differences in points, paired by seed: what `rows` leans on.

    Rehearsal with 20 images; the others at what they chose.
    """
    found = []
    for a, b in PAIRS:
        kept = 20 if a == grids.KEPT else None
        cells = []
        for kind in grids.GRIDS:
            first = grids.chosen(study, kind, a, kept)
            second = grids.chosen(study, kind, b)
            cells += [
                results.minus(first, second, score) for score in ("final", "just after")
            ]
        found.append([f"{a}, 20 minus {b}" if kept else f"{a} minus {b}", *cells])
    return found
