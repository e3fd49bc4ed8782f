"""Chapter 21: its tables and figures, every number from the runs of the study."""

import numpy as np

from tinyft.course import plot, runs
from tinyft.course.experiment import said, said_gap
from tinyft.course.lessons.language.ch21_continued_pretraining import GOOD, SHARES
from tinyft.course.lessons.language.ch21_tasks import SAME_RATE
from tinyft.course.plot import COLOURS

SCORES = {"new": "test", "old": "old test"}  # names in the study
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


def replay_rows(method, before):
    """Rows of the table of shares: before, then each share with its differences.

    before: {"new", "old"} of the model that was not trained on.
    """
    digits = 3
    rows = [["before", f"{before['new']:.3f}", f"{before['old']:.3f}", "", ""]]
    for share in SHARES:
        new, old = five(method, share, "new"), five(method, share, "old")
        row = [f"{share:.0%} old", said(new, digits), said(old, digits)]
        gaps = [
            minus(mine, five(method, 0, k)) if share else ""
            for k, mine in (("new", new), ("old", old))
        ]
        rows.append(row + gaps)
    return rows


HEAD = ["rows from", "new text", "old text", "new: minus 0 %", "old: minus 0 %"]


def lesson_of_replay(method, before, unit):
    """What the table says: the share of the forgetting that 25 % removes, and its price."""
    gone = np.subtract(five(method, 0, "old"), before["old"])
    kept = np.subtract(five(method, 0.25, "old"), before["old"])
    price = np.subtract(five(method, 0.25, "new"), five(method, 0, "new"))
    gain = before["new"] - np.mean(five(method, 0, "new"))
    return (
        f"Without replay the old text costs {said(gone, 2)} {unit} more than before. With "
        f"25 % of the rows old it costs {said(kept, 2)} more: "
        f"{1 - kept.mean() / gone.mean():.0%} of the forgetting is gone. The price on the "
        f"new text is {said(price, 3, sign=True)}, of a gain of {gain:.2f}."
    )


def valid_beside_test(before, near):
    """The gain on "valid" beside the one on "test", and why they differ.

    before: bits per byte of "new", {"valid", "test"}, of the model that was not trained
    on; near: the same keys, shares of `lesson.near_the_training_text`.
    """
    runs = chosen("CLM", 0)
    gain = {k: np.subtract(before[k], runs.values(k)) for k in ("valid", "test")}
    return (
        f"The gain depends on the piece of text: {said(gain['test'], 2)} bits per byte on "
        f"*test*, {said(gain['valid'], 2)} on *valid*. Perhaps because *test* has many "
        f"tables, rows of spaces and dashes: {near['test']:.0%} of its stretches of 30 "
        f"characters stand in the training text too, of *valid*'s {near['valid']:.0%}."
    )


def per_rate(method, share, part=("valid", "old")):
    """(rates, new, old): means of the two choosing seeds on the validation parts."""
    found = study().where(method=method, share=share)
    found = runs.Runs(r for r in found if r["settings"]["seed"] in runs.CHOOSING)
    by = [found.by("lr", name) for name in part]
    return sorted(by[0]), *([np.mean(one[r]) for r in sorted(one)] for one in by)


def draw_tradeoff():
    """Figure 2: loss on the old text against loss on the new, by rate and by share."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(6.8, 4.2))
    lines = {"no replay": ("CLM", 0), "25 % replay": ("CLM", 0.25), "LoRA": ("LoRA", 0)}
    looks = zip(("vermilion", "blue", "black"), plot.MARKS, ("--", "-", ":"))
    text = []
    for (name, key), (colour, mark, dash) in zip(lines.items(), looks):
        rates, new, old = per_rate(*key)
        ax.plot(new, old, dash, marker=mark, color=COLOURS[colour], label=name)
        for rate, x, y in zip(rates, new, old):
            ax.annotate(
                f"{rate:g}",
                (x, y),
                (-6, -4),
                textcoords="offset points",
                fontsize=8,
                ha="right",
            )
        best = int(np.argmin(new))
        text.append(
            f"{name} at {rates[best]:g}: new {new[best]:.2f}, old {old[best]:.2f}"
        )
    ax.set(xlabel="new text (bits per byte)", ylabel="old text (bits per byte)")
    ax.margins(x=0.12)  # the rates stand to the left of their points
    ax.legend(loc="upper right")
    caption = (
        "Figure 2. Lower and further left is better. Numbers: the rate. Each point is the "
        "mean of two seeds on the validation parts."
    )
    plot.show(fig, f"Old against new, by rate: {'; '.join(text)}. {caption}", caption)


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
    return (
        f"Two seeds, test parts (new, old): replay of 25 % at rate {GOOD['CLM']:g} "
        f"**{mixed[0]:.2f}, {mixed[1]:.2f}**; no replay at the small rate 0.001 "
        f"**{slow[0]:.2f}, {slow[1]:.2f}**; LoRA at its best rate **{lora[0]:.2f}, "
        f"{lora[1]:.2f}**. All three forget about as much. What they have learnt by then "
        "differs."
    )


def arm_rows(tokens, own, test):
    """Rows of the table of tokenizers: bytes per token, nats per token, bits per byte."""
    rows = []
    for arm in ARMS:
        mine = tokens if arm == "CLM" else own
        each = len(test.encode()) / len(mine.encode(test))
        values = np.array(five(arm, 0, "new"))
        rows.append(
            [
                "the old tokenizer" if arm == "CLM" else arm,
                f"{each:.2f}",
                said(values * np.log(2) * each, 2),
                said(values, 3),
                minus(values, five("CLM", 0, "new")) if arm != "CLM" else "",
            ]
        )
    return rows


def task_study():
    """The runs of the task."""
    return runs.load("21_tasks")


def task_five(first, method="full", same=False):
    """Five test accuracies, in per cent, at the best rate, or at SAME_RATE."""
    found = task_study().where(first=first, method=method)
    found = found.where(lr=SAME_RATE) if same else found.at_best_rate()
    return 100 * np.array(found.values("test"))


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
    "test accuracy, per cent",
    "rate",
    "five seeds",
    "minus PT → SFT",
    f"the same, both at {SAME_RATE:g}",
]
