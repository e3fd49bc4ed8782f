"""Chapter 07: pictures of the tasks, and the runs of `tinyft study 07` read in words."""

import math
from functools import cache

import numpy as np

from tinyft import nn, no_grad, ops, tensor, transfer
from tinyft.course.experiment import SEEDS, interval, said
from tinyft.course.lessons.layers import ch07_which_layers as lesson
from tinyft.course.plot import curves


def toy_gradients(kernel, readout, target):
    """‖∇‖/‖θ‖ of the two parts of ⟨w, k∗x⟩ at the loss ½|β − β*|²."""
    k, w = (nn.Parameter(p.copy(), dtype="float64") for p in (kernel, readout))
    beta = sum(k[i] * ops.roll(w, i - len(k) // 2) for i in range(len(k)))
    (((beta - tensor(target)) ** 2).sum() * 0.5).backward()
    return transfer.relative_gradients({"early": [k], "late": [w]})


# --- the study -------------------------------------------------------------------------
def of(study, name, part):
    """The five runs of a part at its best rate, in the order of the seeds."""
    return study.where(task=name, block=part).at_best_rate()


def accuracies(study):
    """Rows of test accuracy: a task, then every part that was tried."""
    found = []
    for n, tried in lesson.STUDIED.items():
        found.append([n, *(said(of(study, n, b).values("test"), 3) for b in tried)])
    return found


def draw(study):
    """Test accuracy of the parts tried on all tasks, a line per task."""
    parts = lesson.ARMS[:4]
    curves(
        {
            n: np.transpose([of(study, n, b).values("test") for b in parts])
            for n in lesson.STUDIED
        },
        "part trained alone, from input to output",
        "test accuracy",
        "Figure 1. One line per task, from the earliest part to the head. Bands: 95 %, "
        "five seeds.",
        xticks=range(len(parts)),
        xticklabels=parts,
    )


def difference(study, name, one, other, by=None):
    """(mean, half) of the test accuracy of `one` minus `other`, paired by seed.

    Each at its best rate; by: the rate of `one`.
    """
    found = study.where(task=name, block=one)
    found = found.where(lr=by) if by else found.at_best_rate()
    gaps = np.subtract(found.values("test"), of(study, name, other).values("test"))
    return interval(gaps)


def points(mean, half, digits=1):
    """A difference in percentage points, and whether its interval leaves out 0."""
    word = "settled" if abs(mean) > half else "not settled"
    return f"{100 * mean:+.{digits}f} ± {100 * half:.{digits}f} ({word})"


def rates(study, part):
    """The best rate of a part on each task: {task: rate}."""
    return {n: study.where(task=n, block=part).best_rate() for n in lesson.STUDIED}


# --- the criteria against trying -------------------------------------------------------
def lost(right, end="pooled"):
    """(lost, margin, depth): how much better the best depth does than the end.   (7.1)

    right: {depth: which of the validation images its readout gets right}, bools (m,).
    """
    depth = max(right, key=lambda k: right[k].mean())
    d = right[depth].astype(float) - right[end]
    return float(d.mean()), float(2 * d.std(ddof=1) / math.sqrt(len(d))), depth


def hits(net, x, y):
    """Which of the images x the network gets right, bools (N,)."""
    with no_grad(), net.evaluating():
        return net(tensor(x)).numpy().argmax(1) == y


def verdict(right):
    """ "earlier" if the best depth beats the end by more than the margin, else "head"."""
    gap, margin, _ = lost(right)
    return "earlier" if gap > margin else "head"


def votes(found):
    """What the seeds pick: "layer1 3 of 5, head 2 of 5"."""
    return ", ".join(
        f"{p} {found.count(p)} of {len(found)}" for p in dict.fromkeys(found)
    )


def rgn_hits(study):
    """(in how many draws the largest relative gradient is the best part's, of how many).

    The best part: of best validation accuracy, each at its best rate, `all` left out.
    """
    parts = lesson.ARMS[:4]
    hits = [p == winner(study, n, parts) for n in lesson.STUDIED for p in auto_rgn(n)]
    return sum(hits), len(hits)


def rgn_votes():
    """Rows: a task, and the part of largest relative gradient in its five draws."""
    return [[name, votes(auto_rgn(name))] for name in lesson.STUDIED]


def doubts(study):
    """Rows: `all` on fine textures at three rates: test of five seeds, worst valid."""
    found, best = study.where(**lesson.DOUBTED), of(study, "fine texture", "all")
    rates = *lesson.SMALLER, best[0]["settings"]["lr"]
    return [
        [
            f"{lr:g}",
            ", ".join(f"{v:.3f}" for v in found.where(lr=lr).values("test")),
            f"{1 - max(found.where(lr=lr).values('valid')):.3f}",
        ]
        for lr in rates
    ]


@cache
def auto_rgn(name):
    """The part of largest relative gradient, for each seed's 100 images."""
    found = [relative_gradients(name, seed) for seed in SEEDS]
    return [max(one, key=one.get) for one in found]


def relative_gradients(name, seed):
    """‖∇‖/‖θ‖ of every part of the untouched network on the 100 labelled examples."""
    net, batch = lesson.network(), lesson.labelled(name, seed)["train"]
    lesson.cross_entropy(net, *map(tensor, batch)).backward()
    return transfer.relative_gradients(lesson.groups(net))


def winner(study, name, parts=lesson.LAYERS):
    """The part of best validation accuracy, each at its best rate."""
    return min(parts, key=lambda b: np.mean(of(study, name, b).values("valid")))


def readouts(study, found):
    """Rows: task, depth, a frozen readout's test accuracy, the best part's, difference.

    found: {task: [(depth, test accuracy) of each seed]}.
    """
    table = []
    for name, pairs in found.items():
        depths, got = zip(*pairs)
        part = winner(study, name, lesson.STUDIED[name])
        then = of(study, name, part).values("test")
        gap = points(*interval(np.subtract(got, then)))
        table.append([name, votes(depths), said(got, 3)])
        table[-1] += [f"{said(then, 3)}, {part}", gap]
    return table


def choices(study, rights):
    """Rows: a task, what the probes say of its five draws, and trying."""
    rows = []
    for name in lesson.STUDIED:
        gaps = np.array([lost(right)[:2] for right in rights[name]]).mean(axis=0)
        part = winner(study, name)
        rows.append(
            [
                name,
                "{:.2f} against {:.2f}".format(*gaps),
                votes([verdict(right) for right in rights[name]]),
                f"{points(*difference(study, name, 'head', part))}, {part}",
            ]
        )
    return rows


def agreement(study, rights):
    """In how many tasks most probes and the trial say the same of the head."""
    found = 0
    for name in lesson.STUDIED:
        said_ = [verdict(right) for right in rights[name]].count("earlier") > 2
        mean, half = difference(study, name, "head", winner(study, name))
        found += said_ == (mean < -half)
    return found


def after_head(study):
    """Rows: task, part, rate, test accuracy after a fitted head, what that gains on the
    same part with the old head, and on the head alone."""
    found = []
    for name, part in ((n, p) for n, ps in lesson.HEAD_FIRST.items() for p in ps):
        lr, alone = lesson.after_rate(part), part.rpartition(" ")[2]
        got = said(study.where(task=name, block=part).values("test"), 3)
        gaps = (difference(study, name, part, b, by=lr) for b in (alone, "head"))
        found.append([name, part, f"{lr:g}", got, *(points(*gap) for gap in gaps)])
    return found
