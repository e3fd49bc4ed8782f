"""Chapter 07: pictures of the tasks, and the runs of `tinyft study 07` read in words."""

import math

import numpy as np

from tinyft import nn, ops, optim, tensor, transfer
from tinyft.course import runs
from tinyft.course.experiment import SEEDS, interval, race, said, step_memory
from tinyft.course.lessons.transfer import ch07_which_layers as lesson
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


def live(study, name, part):
    """Test accuracy of seed 0, (trained again now, as the study has it)."""
    net = lesson.tuned(
        name, part, study.where(task=name, block=part).best_rate(), seed=0
    )
    then = of(study, name, part).where(seed=0)[0]["scores"]["test"]
    return lesson.evaluate(net, *lesson.task(name, "test"))[1], then


def accuracies(study):
    """Rows of test accuracy: a task, then every part that was tried."""
    found = []
    for n, tried in lesson.STUDIED.items():
        at = {b: said(of(study, n, b).values("test"), 3) for b in tried}
        found.append([n, *(at.get(b, "") for b in lesson.ARMS)])
    return found


def draw(study):
    """Test accuracy of the parts tried on all tasks, a line per task."""
    parts = lesson.THREE
    curves(
        {
            n: np.transpose([of(study, n, b).values("test") for b in parts])
            for n in lesson.STUDIED
        },
        "part trained alone",
        "test accuracy",
        "Figure 3. One line per task, from the earliest part to the head. Bands: 95 %, "
        "five seeds.",
        xticks=range(len(parts)),
        xticklabels=parts,
    )


def difference(study, name, one, other, lr=None):
    """(mean, half) of the test accuracy of `one` minus `other`, paired by seed.

    lr: the rate of `other`; left out, its best.
    """
    b = study.where(task=name, block=other)
    b = b.where(lr=lr) if lr else b.at_best_rate()
    return interval(np.subtract(of(study, name, one).values("test"), b.values("test")))


def points(mean, half):
    """A difference in percentage points, and whether its interval leaves out 0."""
    word = "settled" if abs(mean) > half else "not settled"
    return f"{100 * mean:+.1f} ± {100 * half:.1f} ({word})"


def by_loss(study):
    """Rows: where validation loss would have chosen another rate, and what it costs."""
    rows = []
    for name, parts in lesson.STUDIED.items():
        for part in parts:
            found = study.where(task=name, block=part)
            lr, other = found.best_rate(), _loss_rate(found)
            if other != lr:
                means = [np.mean(_first(found, r).values("test")) for r in (lr, other)]
                rows.append([name, part, f"{lr:g}", f"{other:g}"])
                rows[-1] += [f"{m:.3f}" for m in means]
    return rows


def _first(found, lr):
    """The runs at a rate of the two seeds that every rate has."""
    kept = [r for r in found.where(lr=lr) if r["settings"]["seed"] in runs.CHOOSING]
    return runs.Runs(kept)


def _loss_rate(found):
    rates = {run["settings"]["lr"] for run in found}
    return min(rates, key=lambda r: np.mean(_first(found, r).values("valid loss")))


# --- the criteria against trying -------------------------------------------------------
def lost(right, end="pooled"):
    """(lost, margin, depth): how much better the best depth does than the end.   (7.8)

    right: {depth: which of the validation images its readout gets right}, bools (m,).
    """
    depth = max(right, key=lambda k: right[k].mean())
    d = right[depth].astype(float) - right[end]
    return float(d.mean()), float(2 * d.std(ddof=1) / math.sqrt(len(d))), depth


def verdict(right):
    """ "earlier" if the best depth beats the end by more than the margin, else "head"."""
    gap, margin, _ = lost(right)
    return "earlier" if gap > margin else "head"


def votes(found):
    """What the seeds pick: "layer1 3 of 5, head 2 of 5"."""
    return ", ".join(
        f"{p} {found.count(p)} of {len(found)}" for p in dict.fromkeys(found)
    )


def auto_rgn(name):
    """The part of largest relative gradient, for each seed's 100 images."""
    found = [lesson.relative_gradients(name, seed) for seed in SEEDS]
    return [max(one, key=one.get) for one in found]


def earlier(study, name):
    """The best of layer1 and layer3, by validation accuracy."""
    return min(
        lesson.THREE[:2], key=lambda b: np.mean(of(study, name, b).values("valid"))
    )


def choices(study, rights):
    """Rows: a task, what probes and auto-RGN say of its five draws, and trying."""
    rows = []
    for name in lesson.STUDIED:
        gaps = np.array([lost(right)[:2] for right in rights[name]]).mean(axis=0)
        part = earlier(study, name)
        rows.append(
            [
                name,
                "{:.2f} against {:.2f}".format(*gaps),
                votes([verdict(right) for right in rights[name]]),
                votes(auto_rgn(name)),
                f"{points(*difference(study, name, 'head', part))}, {part}",
            ]
        )
    return rows


def agreement(study, rights):
    """In how many tasks most probes and the trial say the same of the head."""
    found = 0
    for name in lesson.STUDIED:
        said_ = [verdict(right) for right in rights[name]].count("earlier") > 2
        mean, half = difference(study, name, "head", earlier(study, name))
        found += said_ == (mean < -half)
    return found


def after_head(study):
    """Rows: task, part, its test accuracy after a fitted head, the head minus that."""
    return [
        [
            name,
            part,
            said(study.where(task=name, block=part).values("test"), 3),
            points(*difference(study, name, "head", part, lesson.AFTER_RATE)),
        ]
        for name, parts in lesson.HEAD_FIRST.items()
        for part in parts
    ]


# --- cost ------------------------------------------------------------------------------
def costs(name="shape"):
    """{part: (parameters, seconds, MB)} of a training step on 32 images.

    What lies below the part is computed beforehand, as `fit` does. MB: gradients,
    stored outputs and the optimiser's state at the peak, beyond the network itself.
    """
    x, y = (a[:32] for a in lesson.labelled(name, 0)["train"])
    steps = {part: one_step(part, x, y) for part in lesson.ARMS}
    seconds = race({part: step for part, (step, _) in steps.items()}, rounds=5)
    return {
        part: (count, seconds[part], step_memory(step)[1] * 2**20 / 1e6)
        for part, (step, count) in steps.items()
    }


def one_step(part, x, y):
    """(a function that trains the part for one step, how many numbers it trains)."""
    net = lesson.network()
    transfer.freeze(net, ".*")
    transfer.unfreeze(net, lesson.BLOCKS[part])
    adam = optim.AdamW([p for p in net.parameters() if p.requires_grad], lr=1e-4)
    h, loss = lesson.below(net, part, x), lesson.above(part)

    def step():
        loss(net, tensor(h), tensor(y)).backward()
        adam.step()
        adam.zero_grad()

    return step, sum(p.size for p in net.parameters() if p.requires_grad)


def rows(study, rights, cost):
    """Rows (what, do, measured) of "What to set"."""
    gaps = {n: np.mean([lost(r)[0] for r in found]) for n, found in rights.items()}
    head, first, whole = (cost[part] for part in ("head", "layer1", "all"))
    rates = "; ".join(
        f"{part} {study.where(task=n, block=part).best_rate():g}"
        for n, part in (("shape", "head"), ("fine texture", "layer1"))
    )
    ahead = difference(study, "shape", "head", "head, then layer1", lesson.AFTER_RATE)
    fine = difference(study, "fine texture", "layer1", "head")
    return [
        [
            "first",
            "probe the depths",
            "best depth − end: " + ", ".join(f"{n} {v:.2f}" for n, v in gaps.items()),
        ],
        [
            "gap within the margin",
            "the head alone",
            f"shape, head − (head, then layer1 at 0.01): {points(*ahead)} points",
        ],
        [
            "gap beyond it",
            "try earlier parts, and all, on validation images",
            f"fine texture, layer1 − head: {points(*fine)} points",
        ],
        ["rate", "its own for each part, by validation accuracy", f"best: {rates}"],
        [
            "cost",
            "the head is nearly free; an early part is not",
            f"time of a step: layer1 {first[1] / whole[1]:.0%} of all, head "
            f"{head[1] / whole[1]:.0%}; memory {first[2] / whole[2]:.0%} and "
            f"{head[2] / whole[2]:.0%}",
        ],
    ]
