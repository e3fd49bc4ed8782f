"""Chapter 06: the tables of `tinyft study 06`, every number computed.

What is called chosen has the least mean validation loss; the accuracy that is shown
comes from test pictures on which nothing was chosen.
"""

import numpy as np

from tinyft.course.experiment import interval, said
from tinyft.course.lessons.transfer import ch05_digits as digits
from tinyft.course.lessons.transfer.ch06_freezing import BLOCKS, LONG, PACES, STEPS
from tinyft.course.plot import COLOURS, show
from tinyft.course.runs import CHOOSING


# --- reading the study ---------------------------------------------------------------
def finished(study, **settings):
    """The five runs, one per seed, at the best rate of these settings."""
    return study.where(**settings).at_best_rate()


def accuracy(study, **settings):
    """Their five test accuracies."""
    return finished(study, **settings).values("test")


def chosen(options):
    """The key whose runs have the least mean validation loss; options: {name: Runs}."""
    return min(options, key=lambda k: np.mean(options[k].values("valid")))


def minus(values, others):
    """The paired difference with its interval; marked where it contains zero."""
    if list(values) == list(others):
        return "—"
    mean, half = interval(np.subtract(values, others))
    text = said(np.subtract(values, others), 3, sign=True)
    if abs(mean) <= half:
        return text + " (not settled)"
    return text + (" (just)" if f"{abs(mean):.3f}" == f"{half:.3f}" else "")


def _gap(options, one, other):
    return minus(options[one].values("test"), options[other].values("test"))


# --- which part ----------------------------------------------------------------------
def before(base, held):
    """(titles, rows): what each shift does, and the base's accuracy under it."""
    x, y = held["renamed"]["test"]
    what = (
        "x → 1 − x",
        "every second pixel is inverted, as on a chess board",
        "the picture moves down by two pixels",
        "the labels: y → y + 3 mod 10",
    )
    rows = [
        ["(none)", "the digits as they are", digits.scores(base, (x, (y - 3) % 10))]
    ]
    rows += [
        [shift, text, digits.scores(base, held[shift]["test"])]
        for shift, text in zip(digits.SHIFTS, what)
    ]
    titles = ["shift", "what changes", "accuracy of the base"]
    return titles, [[shift, text, f"{score[1]:.0%}"] for shift, text, score in rows]


def parts(study, shift):
    """{part: its five runs} of 100 labels."""
    return {
        k: finished(study, experiment="block", shift=shift, trains=k) for k in BLOCKS
    }


def blocks(study):
    """(titles, rows): test accuracy of every part on every shift; the chosen is bold."""
    rows = []
    for shift in digits.SHIFTS:
        found = parts(study, shift)
        texts = {k: said(v.values("test"), 3) for k, v in found.items()}
        texts[chosen(found)] = f"**{texts[chosen(found)]}**"
        rows.append([shift, *texts.values()])
    return ["shift", *BLOCKS], rows


def draw_parts(study):
    """Figure 1: test accuracy of every part on every shift, a panel each, with bands."""
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 4, figsize=(10.4, 3.0), sharey=True)
    for ax, shift in zip(axes, digits.SHIFTS):
        found = parts(study, shift)
        best = chosen(found)
        for i, (name, runs) in enumerate(found.items()):
            mean, half = interval(runs.values("test"))
            colour = COLOURS["vermilion" if name == best else "sky"]
            ax.bar(i, mean, yerr=half, capsize=3, color=colour)
        ax.set_xticks(range(len(BLOCKS)), ["first", "l2", "l3", "fc", "all"])
        ax.set(title=shift, ylim=(0.4, 1), xlabel="part (l2: layer2)")
    axes[0].set_ylabel("test accuracy")
    text = (
        "Figure 1. 100 labels. `fc` alone is too little wherever the input has changed, "
        "and best where only the labels have. Red: what validation chooses. Bars: mean "
        "of five seeds, with its 95 % interval (Student's t). The axis starts at 0.4."
    )
    show(fig, f"Four bar plots. {text}", text)


def choices(study):
    """(titles, rows): the chosen single part minus each other part and everything."""
    rows = []
    for shift in digits.SHIFTS:
        found = parts(study, shift)
        part = single(study, shift)
        rows.append([shift, part, *(_gap(found, part, k) for k in BLOCKS)])
    return ["shift", "chosen part", *(f"− {k}" for k in BLOCKS)], rows


def single(study, shift):
    """The part that validation chooses, everything left aside."""
    found = parts(study, shift)
    return chosen({k: v for k, v in found.items() if k != "everything"})


def longer(study):
    """(titles, rows): `renamed` after 60 and 240 steps: training loss, test accuracy."""
    short = {"experiment": "block", "shift": "renamed"}
    runs = [
        (name, steps, finished(study, trains=name, **where))
        for name in ("fc", "everything")
        for steps, where in ((STEPS, short), (LONG, {"experiment": "long"}))
    ]
    titles = ["trains", "steps", "loss on the training labels", "test accuracy"]
    return titles, [
        [name, steps, said(r.values("train"), 3), said(r.values("test"), 3)]
        for name, steps, r in runs
    ]


def swept(study):
    """(titles, rows): `renamed`, 60 steps: training loss at each rate, two seeds."""
    found = study.where(experiment="block", shift="renamed")
    found = {k: found.where(trains=k).by("lr", "train") for k in ("fc", "everything")}
    few = {
        k: {r: f"{np.mean(v[: len(CHOOSING)]):.3f}" for r, v in one.items()}
        for k, one in found.items()
    }
    rates = sorted({rate for one in few.values() for rate in one})
    rows = [[k, *(one.get(rate, "—") for rate in rates)] for k, one in few.items()]
    return ["trains", *(f"{rate:g}" for rate in rates)], rows


# --- how deep, and when --------------------------------------------------------------
def depths(study, shift, labels):
    """{k: five runs} of the last k groups."""
    where = {"experiment": "depth", "shift": shift, "labels": labels}
    return {k: finished(study, trains=f"last {k}", **where) for k in (1, 2, 3, 4, 5)}


def deep(found):
    """(titles, rows) of {task: depths}: the chosen k against the two ends."""
    rows = [
        [task, chosen(v), _gap(v, chosen(v), 1), _gap(v, chosen(v), 5), _peak(v)]
        for task, v in found.items()
    ]
    titles = ["task", "chosen k", "− k = 1", "− everything (k = 5)"]
    return [*titles, "k of the highest test mean (not used)"], rows


def _peak(options):
    return max(options, key=lambda k: np.mean(options[k].values("test")))


def _paces(study, shift):
    where = {"experiment": "thaw", "shift": shift}
    return {n: finished(study, every=n, **where) for n in PACES}


def thawed(study):
    """(titles, rows): gradual unfreezing at two paces beside parts trained at once."""
    rows = []
    for shift in digits.SHIFTS:
        runs = [*_paces(study, shift).values()]
        runs += [parts(study, shift)[k] for k in ("everything", "fc", "layer3")]
        rows.append([shift, *(said(r.values("test"), 3) for r in runs)])
    paces = [f"thawed, one per {n} steps" for n in PACES]
    return ["shift", *paces, "everything at once", "fc alone", "layer3 alone"], rows


def thaw_gaps(study):
    """(titles, rows): the chosen pace against everything, fc, and the chosen part."""
    rows = []
    for shift in digits.SHIFTS:
        paces, found = _paces(study, shift), parts(study, shift)
        found["thawed"] = paces[chosen(paces)]
        part = single(study, shift)
        gaps = [_gap(found, "thawed", k) for k in ("everything", "fc", part)]
        gaps[2] += f" ({part})"
        rows.append([shift, chosen(paces), *gaps])
    return ["shift", "chosen pace", "− everything", "− fc", "− the chosen part"], rows


def thaw_long(study):
    """`renamed` after 240 steps: thawed (a part per 12 steps) minus everything at once."""
    long = study.where(experiment="long", shift="renamed")
    found = {k: finished(long, trains=k) for k in ("thawed", "everything")}
    return _gap(found, "thawed", "everything")


# --- what to set ---------------------------------------------------------------------
def rates(study):
    """ "layer2 0.01 to 0.02, …": the best rates over the four shifts."""
    found = _best_rates(study)
    return ", ".join(f"{k} {min(v):g} to {max(v):g}" for k, v in found.items())


def factors(study):
    """ "2 to 10 (fc: 2 to 25)": a part's best rate over everything's, same shift."""
    found = {k: np.array(v) for k, v in _best_rates(study).items()}
    whole = found.pop("everything")
    head, rest = found.pop("fc") / whole, np.array([*found.values()]) / whole
    return (
        f"{rest.min():.2g} to {rest.max():.2g} (fc: {head.min():.2g} to "
        f"{head.max():.2g})"
    )


def settings(study):
    """Rows (what, start with, where it was measured) of "What to set"."""
    return [
        ["only the labels have changed", "the last layer", "section 4, `renamed`"],
        ["the input has changed", "not `fc` alone: everything, or the highest "
         "part that validation finds as good (cheaper)", "sections 4, 5, 8"],
        ["you do not know", "thaw from the top, one part per tenth of the steps",
         "section 6"],
        ["few labels", "the same: fewer labels did not mean fewer parts", "section 5"],
        ["learning rate (AdamW)", f"full fine-tuning's × {factors(study)}; sweep around "
         "it", "best here: " + rates(study)],
        ["steps", "until the training loss is low, then compare parts", "section 4"],
        ["BatchNorm statistics", "freeze them too", "not varied here (chapter 10)"],
    ]  # fmt: skip


def _best_rates(study):
    block = study.where(experiment="block")
    return {
        k: [block.where(shift=s, trains=k).best_rate() for s in digits.SHIFTS]
        for k in BLOCKS
    }
