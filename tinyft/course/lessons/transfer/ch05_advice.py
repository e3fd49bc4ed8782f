"""Chapter 05: tables from `tinyft study 05`, every number computed."""

import numpy as np

from tinyft.course.experiment import interval, said
from tinyft.course.lessons.transfer import ch05_digits as digits
from tinyft.course.lessons.transfer import ch05_full_finetuning as lesson

COUNTS, RATES, END, FOLDS = lesson.COUNTS, lesson.RATES, lesson.END, lesson.FOLDS
LOSS, RIGHT, HALVED = lesson.LOSS, lesson.RIGHT, lesson.HALVED
DEFAULT, SHOWN = 1e-3, RATES[:3]  # DEFAULT: what PyTorch's AdamW takes unless told


def get(study, score, way, labels, lr):
    """The five values of a score, one per seed."""
    return np.array(study.where(way=way, labels=labels, lr=lr).values(score))


def gap(study, score, way, labels, lr, other=END):
    """The five differences between two ways at one rate: draw by draw."""
    return get(study, score, way, labels, lr) - get(study, score, other, labels, lr)


def settled(gaps):
    """−1, 0 or 1: the side of 0 on which the 95 % interval lies; 0: not settled."""
    mean, half = interval(gaps)
    return int(np.sign(mean)) if abs(mean) > half else 0


def points(gaps, unit=100, digits=1):
    """Differences of shares in points (unit=1: as they are), with their interval."""
    text = said(unit * np.asarray(gaps), digits, sign=True)
    return text + ("" if settled(gaps) else " (not settled)")


# --- distance ---------------------------------------------------------------------------
def travelled(study, size, labels=16):
    """(titles, rows): distance after 100 steps, also relative to |θ0| = size, by rate."""
    rows = []
    for lr in RATES:
        gone, wrong = (get(study, k, END, labels, lr) for k in ("distance", "valid"))
        share = f"{gone.mean() / size:.0%}"
        rows.append([f"{lr:g}", said(gone, 1), share, said(100 * (1 - wrong), 0)])
    return ["rate", "distance", "of the start's size", "accuracy on valid, %"], rows


def equal_loss(study):
    """(titles, rows): what it takes to reach one training loss, by rule and rate."""
    rows = []
    for way, rates in ((lesson.PLAIN, (1e-3, 3e-3, 1e-2)), (lesson.ADAMW, RATES)):
        for lr in rates:
            names = "step", "distance", "valid"
            step, gone, wrong = (get(study, name, way, 16, lr) for name in names)
            right = said(100 * (1 - wrong), 0)
            rows.append([way, f"{lr:g}", f"{step.mean():.0f}", said(gone), right])
    return ["", "rate", "steps", "distance", "accuracy on valid, %"], rows


# --- when to stop -----------------------------------------------------------------------
def stops(study, score):
    """(titles, rows): stopped minus trained to the end, at one and the same rate.

    score: "test", in points of accuracy, or "loss", in nats.
    """
    how, rows = {"test": (100, 1), "loss": (1, 2)}[score], []
    for n in COUNTS:
        for way in (LOSS, RIGHT, HALVED):
            gaps = [points(gap(study, score, way, n, lr), *how) for lr in SHOWN]
            rows.append([n, way, *gaps])
    return ["labels", "way", *(f"rate {lr:g}" for lr in SHOWN)], rows


def sides(study, score, way):
    """(cells of `stops` that lie below 0, cells above 0)."""
    found = [settled(gap(study, score, way, n, lr)) for n in COUNTS for lr in SHOWN]
    return found.count(-1), found.count(1)


def verdict(study):
    """In words: what each way of stopping did, and training on the 120 labels instead."""
    down, up = sides(study, "test", RIGHT)
    lines = [
        "**Of the 9 cells** of each way: stopping on the loss lowered the held-out loss in "
        f"{sides(study, 'loss', LOSS)[0]} and the accuracy in "
        f"{sides(study, 'test', LOSS)[0]}. Stopping on the accuracy raised it in {up} and "
        f"lowered it in {down}. Holding half back lowered the accuracy in "
        f"{sides(study, 'test', HALVED)[0]}."
    ]
    for lr in SHOWN[1:]:
        extra = [
            f"{n} labels {points(gap(study, 'test', lesson.MORE, n, lr, RIGHT))}"
            for n in COUNTS
        ]
        lines.append(f"Rate {lr:g}: {'; '.join(extra)}.")
    head = (
        "\n\n**Train on the 120 further labels** instead of stopping by them, points: "
    )
    return lines[0] + head + " ".join(lines[1:])


# --- which rate -------------------------------------------------------------------------
def right_by_rate(study, labels):
    """Accuracy in % on the 120 validation images, (seeds, rates), trained to the end."""
    return np.transpose(
        [100 * (1 - get(study, "valid", END, labels, lr)) for lr in RATES]
    )


def choose(study, judge, labels):
    """The rate that each of the five draws would choose; judge: `END`, by the 120
    validation labels, or `FOLDS`, by its own labels. The smallest of equally good ones."""
    wrong = [get(study, "valid", judge, labels, lr) for lr in RATES]
    return [RATES[i] for i in np.argmin(np.round(wrong, 9), axis=0)]


def accuracy(study, labels, rates):
    """Test accuracy of the five draws, each trained to the end at its own rate."""
    every = {lr: get(study, "test", END, labels, lr) for lr in RATES}
    return np.array([every[lr][seed] for seed, lr in enumerate(rates)])


def chosen(study, labels):
    """{who chooses: test accuracy of the five draws}."""
    fixed = {f"always {lr:g}": [lr] * 5 for lr in SHOWN}
    judged = {"four folds": FOLDS} if labels in lesson.FOLDED else {}
    judged |= {"120 labels": END}
    judged = {name: choose(study, judge, labels) for name, judge in judged.items()}
    return {k: accuracy(study, labels, v) for k, v in (fixed | judged).items()}


def choices(study):
    """(titles, rows): test accuracy in % of rates fixed, or chosen by either judge."""
    names, rows = list(chosen(study, lesson.FOLDED[0])), []
    for n in COUNTS:
        found = chosen(study, n)
        row = [said(100 * found[k], 1) if k in found else "not run" for k in names]
        judges = "four folds", "120 labels"
        gaps = [points(_gain(found, k)) if k in found else "" for k in judges]
        rows.append([n, *row, *gaps])
    last = f"minus always {DEFAULT:g}"
    return ["labels", *names, f"four folds {last}", f"120 labels {last}"], rows


def _gain(found, judge):
    return found[judge] - found[f"always {DEFAULT:g}"]


def many(study, lr=1e-3):
    """(titles, rows): test accuracy and steps of all labels, by batch and epochs."""
    rows = []
    for size in lesson.BATCHES:
        row = [size]
        for n in lesson.EPOCHS:
            way = f"batches of {size}, {n} epochs"
            step, right = (get(study, k, way, lesson.ALL, lr) for k in ("step", "test"))
            row.append(f"{said(100 * right, 1)} ({step.mean():.0f} steps)")
        rows.append(row)
    return ["batch", *(f"{n} epoch{'s' * (n > 1)}" for n in lesson.EPOCHS)], rows


# --- what to set ------------------------------------------------------------------------
def advice(study):
    """Rows (what, start with, measured here) of "What to set"."""
    return [*_rate(study), *_length(study), *_custom()]


def _rate(study):
    n = COUNTS[-1]
    curve = zip(RATES, right_by_rate(study, n).mean(0))
    shown = ", ".join(f"{lr:g}: {v:.0f}" for lr, v in curve)
    gains = {k: points(_gain(chosen(study, k), "120 labels")) for k in COUNTS}
    return [
        [
            "rate of AdamW, with validation labels",
            f"sweep {RATES[0]:g} to {RATES[-1]:g} in factors of 3, keep the best on valid "
            "(large Transformers: 1e-5 to 5e-5, by custom)",
            f"accuracy on valid, %, {n} labels, {shown}",
        ],
        [
            "rate, without",
            f"{DEFAULT:g}, AdamW's default; a few labels cannot choose it",
            f"chosen by 120 labels minus {DEFAULT:g}, points: {_list(gains)}",
        ],
    ]


def _list(found):
    return "; ".join(f"{n} labels {text}" for n, text in found.items())


def _length(study):
    lr, ends = DEFAULT, get(study, "train", END, 16, DEFAULT)
    half = {n: points(gap(study, "test", HALVED, n, lr)) for n in COUNTS}
    way, epochs = "batches of 32, {} epochs", lesson.EPOCHS
    right = [get(study, "test", way.format(n), lesson.ALL, 1e-3) for n in epochs]
    shown = [f"{n}: {100 * v.mean():.1f}" for n, v in zip(epochs, right)]
    warm = {n: points(gap(study, "test", lesson.COSINE, n, 3e-3)) for n in COUNTS}
    return [
        [
            "how long, few labels",
            "until the training loss is near 0, on *all* labels",
            f"{lesson.STEPS} steps end at {np.mean(ends):.0e}; half held back instead, "
            f"points: {_list(half)}",
        ],
        [
            "how long, thousands of labels",
            "3 to 10 epochs; hold a tenth back, `EarlyStopping` on what you care about",
            f"{lesson.ALL} labels, batches of 32, test accuracy in %, by epochs: "
            f"{', '.join(shown)}",
        ],
        [
            "batch",
            "all labels up to 32; beyond, what memory allows if the steps suffice",
            "last table of section 6",
        ],
        [
            "schedule",
            "a tenth of the steps warm-up, then the cosine; constant is close",
            f"minus constant, rate 0.003, points: {_list(warm)}",
        ],
    ]


def _custom():
    return [
        [
            "weight decay",
            "0 to 0.01, by custom",
            "not measured; it pulls to zero, not to the start (chapter 09)",
        ],
        [
            "memory",
            "16 bytes per parameter (Adam, float32), and the activations",
            "computed in section 7",
        ],
    ]


def report(history, models, test):
    """Print where a run of `fit` stopped, and the test accuracy of {name: model}."""
    best = history["step"][int(np.argmax(history["accuracy"]))]
    print(
        f"stopped after step {history['step'][-1]} of at most 100; best at step {best}"
    )
    right = {k: f"{digits.scores(m, test)[1]:.1%}" for k, m in models.items()}
    print("test accuracy:", ", ".join(f"{k} {v}" for k, v in right.items()))
