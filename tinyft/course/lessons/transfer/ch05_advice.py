"""Chapter 05: tables from `tinyft study 05`, every number computed."""

import numpy as np

from tinyft.course import runs
from tinyft.course.experiment import said, said_gap
from tinyft.course.lessons.transfer import ch05_full_finetuning as lesson

COUNTS, RATES, END, FOLDS = lesson.COUNTS, lesson.RATES, lesson.END, lesson.FOLDS
LOSS, RIGHT, HALVED = lesson.LOSS, lesson.RIGHT, lesson.HALVED
DEFAULT = 1e-3  # what PyTorch's AdamW takes unless told


def get(study, score, way, labels, lr):
    """The five values of a score, one per seed."""
    return np.array(study.where(way=way, labels=labels, lr=lr).values(score))


def gap(study, score, way, labels, lr, other=END):
    """The five differences between two ways at one rate: draw by draw."""
    return get(study, score, way, labels, lr) - get(study, score, other, labels, lr)


def points(gaps, unit=100, digits=1):
    """Differences of shares in points (unit=1: as they are), with their interval."""
    return said_gap(gaps, digits, unit)


# --- distance ---------------------------------------------------------------------------
def travelled(study, size, labels=16):
    """(titles, rows): distance after 100 steps, also relative to |θ0| = size, by rate."""
    rows = []
    for lr in RATES:
        gone, wrong = (get(study, k, END, labels, lr) for k in ("distance", "valid"))
        rows.append([f"{lr:g}", said(gone, 1), f"{gone.mean() / size:.0%}"])
        rows[-1].append(said(100 * (1 - wrong), 0))
    return ["rate", "distance", "of the start's size", "accuracy on valid, %"], rows


def equal_loss(study):
    """(titles, rows): what it takes to reach one training loss, by rule and rate."""
    rows = []
    for way, rates in ((lesson.PLAIN, (1e-3, 3e-3, 1e-2)), (lesson.ADAMW, RATES)):
        for lr in rates:
            step, gone = (get(study, k, way, 16, lr) for k in ("step", "distance"))
            right = said(100 * (1 - get(study, "valid", way, 16, lr)), 0)
            rows.append([way, f"{lr:g}", f"{step.mean():.0f}", said(gone), right])
    return ["", "rate", "steps", "distance", "accuracy on valid, %"], rows


def farther(study, lr=DEFAULT):
    """In words: AdamW minus plain descent, distance and accuracy, at one rate."""
    far, near = (
        get(study, "distance", w, 16, lr) for w in (lesson.ADAMW, lesson.PLAIN)
    )
    gain = -gap(study, "valid", lesson.ADAMW, 16, lr, lesson.PLAIN)
    return (
        f"Both at {lr:g}: AdamW goes **{far.mean() / near.mean():.0f} times** as far; its "
        f"accuracy minus plain descent's, points: **{points(gain)}**."
    )


# --- when to stop -----------------------------------------------------------------------
def stops(study, rates=RATES[1:2]):
    """(titles, rows): stopped minus trained to the end, at one and the same rate."""
    rows = []
    for n in COUNTS:
        for way in (LOSS, RIGHT, HALVED):
            for lr in rates:
                right, loss = (gap(study, k, way, n, lr) for k in ("test", "loss"))
                rows.append([n, way, f"{lr:g}", points(right), points(loss, 1, 2)])
    return ["labels", "way", "rate", "accuracy, points", "held-out loss, nats"], rows


def turns(study, labels=8, lr=DEFAULT):
    """In words: when the loss and the accuracy on valid were best, and what came after."""
    loss, right = (get(study, "step", way, labels, lr) for way in (LOSS, RIGHT))
    rose = points(-gap(study, "test", LOSS, labels, lr)).lstrip("+")
    return (
        f"**When?** {labels} labels, rate {lr:g}: of the 100 steps the loss on valid was "
        f"least at step {said(loss, 0)}, the accuracy best at step {said(right, 0)}. From "
        f"the least loss to the end the accuracy on test still rose by {rose} points."
    )


def ways(study, lr=DEFAULT):
    """(titles, rows): accuracy to the end, in %; the other ways minus that, in points."""
    others, rows = (LOSS, RIGHT, HALVED, lesson.MORE), []
    for n in COUNTS:
        gaps = [points(gap(study, "test", way, n, lr)) for way in others]
        rows.append([n, said(100 * get(study, "test", END, n, lr), 1), *gaps])
    return ["labels", "all, to the end, %", *others], rows


def lowered(study, lr=DEFAULT):
    """In words: what stopping on the loss does to the held-out loss."""
    gaps = [points(gap(study, "loss", LOSS, n, lr), 1, 2) for n in COUNTS]
    return "**Held-out loss**, stopped on loss minus to the end, nats: " + "; ".join(
        f"{n} labels {text}" for n, text in zip(COUNTS, gaps)
    )


# --- what the start bought -------------------------------------------------------------
def bought(study):
    """(titles, rows): test accuracy in % from scratch, by a probe, and fine-tuned.

    Rate: 0.001 or 0.003, by the 120 labels; last row: three epochs at 0.001 for both.
    """
    rows = []
    for n in (*COUNTS, lesson.ALL):
        three = n == lesson.ALL
        way = f"batches of 32, {lesson.EPOCHS[1]} epochs" if three else END
        scratch = f"{lesson.SCRATCH}, {way}" if three else lesson.SCRATCH
        rates = RATES[1:2] if three else RATES[1:3]
        fresh = accuracy(study, n, choose(study, scratch, n, rates), scratch)
        full = accuracy(study, n, choose(study, way, n, rates), way)
        probe = get(study, "test", lesson.PROBE, n, 0.0)
        row = [said(100 * v, 1) for v in (fresh, probe, full)]
        rows.append([n, *row, points(full - fresh), points(full - probe)])
    titles = "labels", "from scratch", "linear probe", "full"
    return [*titles, "full minus scratch", "full minus probe"], rows


def ten(study):
    """In words: all labels, ten epochs at 0.001, against the probe."""
    way = f"batches of 32, {lesson.EPOCHS[-1]} epochs"
    right = get(study, "test", way, lesson.ALL, DEFAULT)
    gaps = points(right - get(study, "test", lesson.PROBE, lesson.ALL, 0.0))
    return (
        f"All {lesson.ALL} labels, ten epochs: full {said(100 * right, 1)} %, "
        f"minus the probe {gaps} points."
    )


def text(study, untouched):
    """(titles, rows): loss on Python's documentation; untouched: the base's loss."""
    full = runs.load("15_lora").where(experiment="new words", method="full")
    found = {w.split(", ")[1]: study.where(way=w) for w in lesson.TEXT} | {"full": full}
    losses = {k: np.array(v.at_best_rate().values("test")) for k, v in found.items()}
    gaps = {k: points(losses["full"] - v, 1, 2) for k, v in losses.items()}
    titles = ["", "rate", "loss, nats per token", "full minus this one"]
    none = points(losses["full"] - untouched, 1, 2)
    return titles, [["base, no training", "—", f"{untouched:.2f}", none]] + [
        [k, f"{v.best_rate():g}", said(losses[k]), "" if k == "full" else gaps[k]]
        for k, v in found.items()
    ]


# --- which rate -------------------------------------------------------------------------
def right_by_rate(study, labels):
    """Accuracy in % on the 120 validation images, (seeds, rates), trained to the end."""
    return np.transpose(
        [100 * (1 - get(study, "valid", END, labels, lr)) for lr in RATES]
    )


def slow(study, low=RATES[0]):
    """In words: the smallest rate minus 0.001, and how far it learns its own labels."""
    pair = [[get(study, "test", END, n, lr) for lr in (low, DEFAULT)] for n in COUNTS]
    gaps = "; ".join(f"{n} labels {points(a - b)}" for n, (a, b) in zip(COUNTS, pair))
    most = max(get(study, "train", END, n, low).mean() for n in COUNTS)
    return f"**{low:g} minus {DEFAULT:g}**, points: {gaps}. Training loss ≤ {most:.3f}."


def choose(study, judge, labels, rates=RATES):
    """The rate that each of the five draws would choose; judge: `END`, by the 120
    validation labels, or `FOLDS`, by its own labels. The smallest of equally good ones."""
    wrong = [get(study, "valid", judge, labels, lr) for lr in rates]
    return [rates[i] for i in np.argmin(np.round(wrong, 9), axis=0)]


def accuracy(study, labels, rates, way=END):
    """Test accuracy of the five draws, each trained by `way` at its own rate."""
    every = {lr: get(study, "test", way, labels, lr) for lr in set(rates)}
    return np.array([every[lr][seed] for seed, lr in enumerate(rates)])


def chosen(study, labels):
    """{who chooses: test accuracy of the five draws}."""
    fixed = {f"always {DEFAULT:g}": [DEFAULT] * 5}
    judged = {"four folds": FOLDS, "120 labels": END}
    judged = {name: choose(study, judge, labels) for name, judge in judged.items()}
    return {k: accuracy(study, labels, v) for k, v in (fixed | judged).items()}


def choices(study):
    """(titles, rows): test accuracy in % of rates fixed, or chosen by either judge."""
    names, rows = list(chosen(study, COUNTS[0])), []
    for n in COUNTS:
        found = chosen(study, n)
        row = [said(100 * found[k], 1) for k in names]
        gaps = [points(found[k] - found[names[0]]) for k in names[1:]]
        rows.append([n, *row, *gaps])
    last = f"minus always {DEFAULT:g}"
    return ["labels", *names, f"four folds {last}", f"120 labels {last}"], rows


def many(study, lr=1e-3):
    """(titles, rows): test accuracy and steps of all labels, by batch and epochs."""
    rows = []
    for size in lesson.BATCHES:
        rows.append([size])
        for n in lesson.EPOCHS:
            way = f"batches of {size}, {n} epochs"
            step, right = (get(study, k, way, lesson.ALL, lr) for k in ("step", "test"))
            rows[-1].append(f"{said(100 * right, 1)} ({step.mean():.0f} steps)")
    return ["batch", *(f"{n} epoch{'s' * (n > 1)}" for n in lesson.EPOCHS)], rows


# --- what to set ------------------------------------------------------------------------
LARGE = (
    "a network of this size: 0.001, AdamW's default. **A large Transformer: 1e-5 to "
    "5e-5**, by custom: the first step has length η√N, and N is huge"
)
ADVICE = (
    ("rate, with validation labels", "sweep 0.0003 to 0.01 in factors of 3; a large "
     "Transformer: 1e-6 to 1e-4, by custom", "section 6, Figure 3"),
    ("rate, without", LARGE, "section 6, first table"),
    ("how long, few labels", "until the training loss is near 0, on *all* labels",
     "section 4"),
    ("how long, many labels", "3 to 10 epochs; hold a tenth back, `EarlyStopping` on "
     "what you care about", "section 6, last table; section 9"),
    ("batch", "all labels up to 32, by custom; beyond, by memory; then sweep again",
     "32 against 128: section 6, last table"),
)  # fmt: skip


def advice(study):
    """Rows (what, start with, where it was measured) of "What to set"."""
    warm = _at(study, lesson.COSINE, 3e-3)
    moved = _at(study, lesson.UPDATED, DEFAULT)
    schedule = "a tenth of the steps warm-up, then the cosine; constant is close"
    norms = "hold its statistics (small batches); see chapter 10"
    return [
        *ADVICE,
        ["schedule", schedule, f"minus constant, rate 0.003, points: {warm}"],
        ["BatchNorm", norms, f"updated minus held, rate 0.001, points: {moved}"],
    ]


def _at(study, way, lr):
    gaps = [points(gap(study, "test", way, n, lr)) for n in COUNTS]
    return "; ".join(f"{n} labels {text}" for n, text in zip(COUNTS, gaps))
