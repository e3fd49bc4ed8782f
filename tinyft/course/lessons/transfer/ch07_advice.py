"""Chapter 07: pictures of the tasks, and the runs of `tinyft study 07` read in words."""

import math

import numpy as np

from tinyft import nn, ops, optim, tensor, transfer
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


def points(mean, half):
    """A difference in percentage points, and whether its interval leaves out 0."""
    word = "settled" if abs(mean) > half else "not settled"
    return f"{100 * mean:+.1f} ± {100 * half:.1f} ({word})"


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


def verdict(right):
    """ "earlier" if the best depth beats the end by more than the margin, else "head"."""
    gap, margin, _ = lost(right)
    return "earlier" if gap > margin else "head"


def votes(found):
    """What the seeds pick: "layer1 3 of 5, head 2 of 5"."""
    return ", ".join(
        f"{p} {found.count(p)} of {len(found)}" for p in dict.fromkeys(found)
    )


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


ADVICE = (  # (what, do, where it was measured)
    ("first", "probe the depths, on validation images", "section 2"),
    ("best depth − end within the margin", "fit the head; it may be enough",
     "section 3, `shape`"),
    ("beyond it", "read out the best depth: no tuning at all", "section 3"),
    ("validation shows too little", "tune earlier parts, and all, each at a rate; fit the "
     "head first if the classes have new names", "section 3, Figure 1"),
    ("the run you keep", "look at its own validation accuracy", "Reference, H"),
    ("two tasks", "a head or a readout each: one forward pass serves both tasks",
     "by construction"),
)  # fmt: skip


def rows(study, cost):
    """Rows (what, do, measured in) of "What to set"."""
    (_, t0, _), (_, t1, _), (_, t, _) = (cost[b] for b in ("head", "layer1", "all"))
    best = "; ".join(f"{b} {span(rates(study, b))}" for b in lesson.ARMS)
    return [
        *ADVICE,
        ["rate", "its own for each part and task", f"best: {best}"],
        ["cost", "head and readout are nearly free, an early part is not",
         f"time of a step: layer1 {t1 / t:.0%} of all, head {t0 / t:.0%}"],
    ]  # fmt: skip


def span(rates):
    """The values of {task: rate} as text: "0.01" or "0.01 to 1"."""
    low, high = min(rates.values()), max(rates.values())
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"
