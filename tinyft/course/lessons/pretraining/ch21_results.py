"""Chapter 21: how long, how much old text, which bytes: tables from the saved runs."""

import numpy as np

from tinyft.course import plot, runs
from tinyft.course.experiment import (
    cost,
    interval,
    race,
    said,
    said_gap,
    training_step,
)
from tinyft.course.lessons.pretraining.ch21_continued_pretraining import (
    EVERYWHERE,
    LENGTH,
    ROWS,
    bits,
    fresh,
    ids,
    own_tokens,
    texts,
)
from tinyft.course.lessons.pretraining.ch21_length import LENGTHS, MEMORIES, SHARES
from tinyft.course.lessons.pretraining.ch21_words import ARMS, five, minus
from tinyft.objectives.language import causal
from tinyft.peft import LoRA, attach
from tinyft.transfer.vocabulary import change_vocabulary

SCORES = {"new": "test", "old": "old test", "new valid": "valid", "old valid": "old"}


def study():
    """The runs of `tinyft study 21` on lengths, old texts and bytes per row."""
    return runs.load("21_length")


# --- which old text is replayed --------------------------------------------------------


def memory(name, text):
    """Five numbers, 25 % replay from an old text: "100 %" or one of MEMORIES."""
    if name == "100 %":
        return five("CLM", 0.25, text)
    return study().where(memory=name).values(SCORES[text])


MEMORY_HEAD = ["25 % of the rows from", "tokens", "new text", "old text",
               "new: minus no replay", "old: minus no replay"]  # fmt: skip


def memory_rows():
    """Rows: the whole old text, a tenth, a hundredth, or texts of the model's own."""
    whole = len(ids("old"))
    sizes = {"100 %": whole, "10 %": whole // 10, "1 %": whole // 100}
    rows = []
    for name in ("100 %", *MEMORIES[::-1][1:], MEMORIES[-1]):
        new, old = memory(name, "new"), memory(name, "old")
        of = f"{name} of the old text" if name in sizes else "the model's own texts"
        gaps = [
            minus(mine, five("CLM", 0, k)) for k, mine in (("new", new), ("old", old))
        ]
        size = f"{sizes.get(name, 200 * (LENGTH + 1)):,}"
        rows.append([of, size, said(new, 3), said(old, 3), *gaps])
    return rows


# --- how long ---------------------------------------------------------------------------


def by_length(share, text):
    """{steps: five numbers}; 40 steps are the runs of the table of shares."""
    found = {
        n: study().where(experiment="length", steps=n, share=share).values(SCORES[text])
        for n in LENGTHS
    }
    name = {"new": "test", "old": "old test"}[text]
    from_main = runs.load("21_continued_pretraining")
    found[40] = from_main.where(method="CLM", share=share, lr=4e-3).values(name)
    return dict(sorted(found.items()))


def draw_lengths(before):
    """Figure 3: both texts over the number of steps, with and without replay.

    before: {"new", "old"} on the test parts, of the model that was not trained on.
    """
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 2, figsize=(8.4, 3.6))
    told = []
    for ax, text in zip(axes, ("new", "old")):
        for share, colour, mark in zip(SHARES, ("vermilion", "blue"), plot.MARKS):
            found = by_length(share, text)
            mean, half = np.transpose([interval(v) for v in found.values()])
            name = f"{share:.0%} replay" if share else "no replay"
            look = {"color": plot.COLOURS[colour], "marker": mark, "capsize": 3}
            ax.errorbar(list(found), mean, half, label=name, **look)
            told.append(
                f"{text} text, {name}: {mean[0]:.2f} at {min(found)} steps, "
                f"{mean[-1]:.2f} at {max(found)}"
            )
        ax.axhline(
            before[text], color="0.5", linestyle="-.", linewidth=1, label="before"
        )
        ax.set_xscale("log", base=2)
        ax.set_xticks(list(found), list(found))
        ax.set(xlabel="steps", ylabel=f"{text} text (bits per byte, test)")
    axes[1].legend(fontsize=9)
    caption = (
        "Figure 3. Learning rate 0.004, five seeds, 95 % intervals. Each point is a run "
        "of its own, whose rate falls to zero at its last step."
    )
    plot.show(fig, f"Both texts by steps: {'; '.join(told)}. {caption}", caption)


def lengths_table():
    """(head, rows): steps, the share of the text drawn, both texts, with and without."""
    head = ["steps", "tokens drawn", "new, no replay", "new, 25 %", "old, no replay",
            "old, 25 %"]  # fmt: skip
    rows = [
        [n, f"{n * ROWS * LENGTH:,}"]
        + [
            said(by_length(share, text)[n], 3)
            for text in ("new", "old")
            for share in SHARES
        ]
        for n in by_length(0, "new")
    ]
    return head, rows


# --- what a step costs ------------------------------------------------------------------


def cost_rows():
    """Rows: full and LoRA; numbers that train, Adam's state, peak, seconds of a step."""
    batch = causal(ids("new"), LENGTH)(np.random.default_rng(0), ROWS)
    full, small = fresh()[0], fresh()[0]
    attach(small, LoRA(8, 16), EVERYWHERE, rng=0)
    models = {"full": full, "LoRA, r = 8": small}
    rows = {name: cost(model, batch) for name, model in models.items()}
    seconds = race({k: training_step(m, batch) for k, m in models.items()}, rounds=5)
    digits = {"trained parameters": ",", "file per task (MB)": ".2f",
              "Adam's state (MB)": ".2f",
              "beside the base, at the peak (MB)": ".0f"}  # fmt: skip
    return [
        [name, *(f"{one[k]:{d}}" for k, d in digits.items()), f"{seconds[name]:.2f}"]
        for name, one in rows.items()
    ]


COST_HEAD = ["a step of 20 rows of 48", "trained numbers", "file (MB)", "Adam's state (MB)",
             "memory beside the model, peak (MB)", "seconds"]  # fmt: skip


# --- the tokenizer -----------------------------------------------------------------------


ARM_HEAD = ["tokens", "bytes per token", "nats per token", "new text: before", "after",
            "old text: before", "after", "new: minus the old tokenizer"]  # fmt: skip


def arm_rows(before):
    """Rows of the table of tokenizers; before: the GPT's bits per byte on test."""
    tokens, own, rows = fresh()[1], own_tokens(), []
    test = texts()["new"]["test"]
    for arm in ARMS:
        mine, start = (tokens, before) if arm == "CLM" else (own, _untrained(arm))
        each = len(test.encode()) / len(mine.encode(test))
        new, old = (np.array(five(arm, 0, k)) for k in ("new", "old"))
        rows.append(
            [
                "the old tokenizer" if arm == "CLM" else arm,
                f"{each:.2f}",
                said(new * np.log(2) * each, 2),
                f"{start['new']:.2f}",
                said(new, 3),
                f"{start['old']:.2f}",
                said(old, 3),
                minus(new, five("CLM", 0, "new")) if arm != "CLM" else "",
            ]
        )
    return rows


def _untrained(arm):
    """Bits per byte of the model with its new rows, before it is trained."""
    (model, tokens), own = fresh(), own_tokens()
    moved = change_vocabulary(model, tokens, own, arm.endswith("mean rows"), rng=0)
    return bits(moved, own, "test")


def equal_bytes():
    """Five paired differences to the old tokenizer, new text: by what was made equal."""
    short, whole = (study().where(width=w) for w in (25, 48))
    old = five("CLM", 0, "new")
    return {
        "test rows": np.subtract(whole.values("short test"), old),
        "both": np.subtract(short.values("short test"), old),
    }


def arm_words():
    """The gain of the mean rows when the bytes per row are made equal, in words."""
    gap = equal_bytes()
    return (
        "Minus the old tokenizer, new text, mean rows: with rows of 33 tokens in the test "
        f"(as many bytes as 64 old ones) {said(gap['test rows'], 3, sign=True)}; with rows "
        "of 25 tokens in training too (as many bytes as 48 old ones) "
        f"{said(gap['both'], 3, sign=True)}."
    )


def length_words(before):
    """80 steps minus 40, paired, and when the forgetting comes, in words."""
    told = []
    for share, name in zip(SHARES, ("no replay", "25 % replay")):
        gaps = [
            np.subtract(by_length(share, k)[80], by_length(share, k)[40])
            for k in ("new", "old")
        ]
        told.append(
            f"{name}: new text {said_gap(gaps[0])}, old text {said_gap(gaps[1])}"
        )
    lost = {n: np.mean(v) - before["old"] for n, v in by_length(0, "old").items()}
    drawn, whole = 80 * ROWS * LENGTH, len(ids("new"))
    return (
        f"80 steps minus 40 (paired, five seeds), {'; '.join(told)}. Without replay the "
        f"first {min(lost)} steps bring {lost[min(lost)] / lost[80]:.0%} of the forgetting "
        f"of 80. (80 steps draw {drawn:,} tokens, {drawn / whole:.0%} of the new text's.)"
    )
