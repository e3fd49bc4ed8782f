"""Chapter 21: its tables and figures, every number from the runs of the study."""

import numpy as np

from tinyft.course import plot, runs
from tinyft.course.experiment import said, said_gap
from tinyft.course.lessons.pretraining.ch21_continued_pretraining import GOOD, SHARES
from tinyft.course.lessons.pretraining.ch21_tasks import FIRST, SAME_RATE
from tinyft.course.plot import COLOURS
from tinyft.course.prose import holds

SCORES = {"new": "test", "old": "old test", "new valid": "valid"}  # in the study
ARMS = ("CLM", "new tokens, mean rows", "new tokens, random rows")


def study():
    """The runs of `tinyft study 21`."""
    return runs.load("21_continued_pretraining")


def chosen(method, share):
    """The five runs of a method at the rate that was best on "valid"."""
    found = study().where(method=method, share=share)
    rates = {run["settings"]["lr"] for run in found}
    return found.at_best_rate() if len(rates) > 1 else found


def five(method, share, text):
    """Five numbers, one per seed: the loss on the test part of "new" or "old"."""
    return chosen(method, share).values(SCORES[text])


def minus(a, b, digits=3):
    """The paired difference as text, and whether its interval leaves out 0."""
    return said_gap(np.subtract(a, b), digits)


def short_rows(method):
    """Rows: each share of old rows, and its paired differences to no replay, on test."""
    return [
        [f"{share:.0%}"]
        + [minus(five(method, share, k), five(method, 0, k)) for k in ("new", "old")]
        for share in SHARES[1:]
    ]


SHORT_HEAD = ["old rows", "new text: minus no replay", "old text: minus no replay"]


def replay_rows(method, before):
    """Rows of the table of shares: before, then each share with its differences.

    before: {"new", "old", "new valid"} of the model that was not trained on.
    """
    digits = 3
    start = [f"{before[k]:.3f}" for k in ("new valid", "new", "old")]
    rows = [["before", *start, "", ""]]
    for share in SHARES:
        new, old = five(method, share, "new"), five(method, share, "old")
        valid = five(method, share, "new valid")
        row = [f"{share:.0%} old", *(said(v, digits) for v in (valid, new, old))]
        gaps = [
            minus(mine, five(method, 0, k)) if share else ""
            for k, mine in (("new", new), ("old", old))
        ]
        rows.append(row + gaps)
    return rows


HEAD = ["rows", "new, *valid*", "new, *test*", "old, *test*",
        "new, *test*: minus 0 % old", "old, *test*: minus 0 % old"]  # fmt: skip


def lesson_of_replay(method, before, unit):
    """What the table says: the share of the forgetting that 25 % removes, and its price."""
    gone = np.subtract(five(method, 0, "old"), before["old"])
    kept = np.subtract(five(method, 0.25, "old"), before["old"])
    price = np.subtract(five(method, 0.25, "new"), five(method, 0, "new"))
    gain = {k: np.subtract(before[k], five(method, 0, k)) for k in ("new", "new valid")}
    removed = said(100 * (1 - kept / gone), 0)
    return (
        f"**Without replay** the new text gains {said(gain['new'], 2)} {unit} on *test* "
        f"({said(gain['new valid'], 2)} on *valid*), and the old one loses "
        f"{said(gone, 2)}. **With a quarter of old rows** the old one loses "
        f"{said(kept, 2)}: {removed} % of the forgetting is gone. The price is "
        f"{said_gap(price, 3)} on the new text."
    )


def per_rate(method, share, part=("valid", "old")):
    """(rates, new, old): means of the two choosing seeds on the validation parts."""
    found = study().where(method=method, share=share)
    found = runs.Runs(r for r in found if r["settings"]["seed"] in runs.CHOOSING)
    by = [found.by("lr", name) for name in part]
    return sorted(by[0]), *([np.mean(one[r]) for r in sorted(one)] for one in by)


def draw_tradeoff(before):
    """Figure 2: loss on the old text against loss on the new, by rate and by share.

    before: {"new", "old"} on the validation parts, of the model that was not trained on.
    """
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(7.2, 4.4))
    lines = {"no replay": ("CLM", 0), "25 % replay": ("CLM", 0.25), "LoRA": ("LoRA", 0)}
    looks = zip(("vermilion", "blue", "black"), plot.MARKS, ("--", "-", ":"))
    text = []
    for (name, key), (colour, mark, dash) in zip(lines.items(), looks):
        rates, new, old = per_rate(*key)
        ax.plot(new, old, dash, marker=mark, color=COLOURS[colour], label=name)
        _name_rates(ax, zip(rates, new, old), COLOURS[colour], name)
        best = int(np.argmin(new))
        text.append(
            f"{name} at {rates[best]:g}: new {new[best]:.2f}, old {old[best]:.2f}"
        )
    ax.set(xlabel="new text (bits per byte)", ylabel="old text (bits per byte)")
    ax.margins(x=0.12)  # the rates stand beside their points
    _mark_before(ax, before)
    ax.legend(loc="upper right")
    caption = (
        "Figure 2. Lower and further left is better. Numbers: the rate. Each point is the "
        "mean of two seeds on the validation parts."
    )
    plot.show(fig, f"Old against new, by rate: {'; '.join(text)}. {caption}", caption)


def _name_rates(ax, points, colour, name):
    """The rate beside each point (rate, x, y), where no line of its own passes."""
    for rate, x, y in points:
        right = name != "25 % replay" or rate == 1e-3
        place = {"xytext": (9 if right else -9, -3), "ha": "left" if right else "right"}
        ax.annotate(
            f"{rate:g}", (x, y), textcoords="offset points", fontsize=8, color=colour,
            **place,
        )  # fmt: skip


def _mark_before(ax, before):
    ax.axhline(before["old"], color="0.5", linewidth=1, linestyle="-.")
    ax.annotate(
        f"old text before: {before['old']:.2f} (new text: {before['new']:.2f}, far right)",
        (0.98, before["old"]),
        (0, 4),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        fontsize=8,
        ha="right",
    )


def two_brakes():
    """A small rate without replay, and LoRA, against replay at its best rate, in words.

    On the test parts, the two seeds that every rate has.
    """

    def of(method, share, lr):
        found = study().where(method=method, share=share, lr=lr)
        found = runs.Runs(r for r in found if r["settings"]["seed"] in runs.CHOOSING)
        return [float(np.mean(found.values(s))) for s in ("test", "old test")]

    slow, mixed = of("CLM", 0, 1e-3), of("CLM", 0.25, GOOD["CLM"])
    lora = of("LoRA", 0, study().where(method="LoRA", share=0).best_rate())
    holds(
        abs(slow[1] - mixed[1]) < 0.05 and abs(lora[1] - mixed[1]) < 0.05,
        "that a small rate and LoRA forget about as little as replay",
    )
    holds(mixed[0] + 0.1 < slow[0] < lora[0] - 0.4, "that both have learnt less")
    _, replayed, kept = per_rate("CLM", 0.25)
    _, plain, lost = per_rate("CLM", 0)
    holds(
        replayed[1] < plain[0] and kept[1] < lost[0],
        "that replay at 0.002 is better on both texts than no replay at 0.001",
    )
    return (
        f"On *test*, two seeds, bits per byte (new, old): 25 % replay at {GOOD['CLM']:g} "
        f"**{mixed[0]:.2f}, {mixed[1]:.2f}**; no replay at 0.001 **{slow[0]:.2f}, "
        f"{slow[1]:.2f}**; LoRA at its best rate **{lora[0]:.2f}, {lora[1]:.2f}**."
    )


def task_study():
    """The runs of the task."""
    return runs.load("21_tasks")


def task_five(first, method="full", same=False):
    """Five test accuracies, in per cent, at the best rate, or at SAME_RATE."""
    found = task_study().where(first=first, method=method)
    found = found.where(lr=SAME_RATE) if same else found.at_best_rate()
    return 100 * np.array(found.values("test"))


def hidden_words():
    """How far the loss of the excerpts' own hidden tokens fell before any label."""
    found = {k: task_study().where(first=k, method="hidden") for k in FIRST}
    nats = {k: np.array(one.values("test")) for k, one in found.items()}
    return (
        "Hidden tokens of the task's *test* excerpts, nats, before any label: "
        f"{nats['nothing'].mean():.2f} at first, {said(nats['TAPT'])} after TAPT, "
        f"{said(nats['DAPT'])} after DAPT."
    )


def task_rows(words):
    """Rows of the table of the task. words: accuracies of naive Bayes, one per seed."""
    words, start = 100 * np.array(words), task_five("nothing")
    names = {
        ("nothing", "full"): "PT → SFT",
        ("TAPT", "full"): "PT → TAPT → SFT",
        ("DAPT", "full"): "PT → DAPT → SFT",
        ("nothing", "LoRA"): "PT → LoRA",
        ("DAPT", "LoRA"): "PT → DAPT → LoRA",
    }
    rows = []
    for key, name in names.items():
        first, method = key
        rate = task_study().where(first=first, method=method).best_rate()
        values = task_five(*key)
        gap = "" if first == "nothing" and method == "full" else minus(values, start, 1)
        same = "–"
        if method == "full":
            one, two = task_five(first, same=True), task_five("nothing", same=True)
            same = minus(one, two, 1) if first != "nothing" else ""
        rows.append([name, f"{rate:g}", said(values, 1), gap, same])
    gap = minus(words, start, 1)
    rows.append(["words counted, naive Bayes", "–", said(words, 1), gap, "–"])
    return rows


TASK_HEAD = [
    "path",
    "learning rate",
    "accuracy on *test*, per cent",
    "minus PT → SFT",
    f"the same, both at {SAME_RATE:g}",
]
