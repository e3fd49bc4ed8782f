"""Chapter 21: how long, how much old text, which bytes: tables from the saved runs."""

import numpy as np

from tinyft.course import plot, runs
from tinyft.course.experiment import (
    interval,
    said,
    said_gap,
)
from tinyft.course.lessons.pretraining.ch21_continued_pretraining import (
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
from tinyft.course.prose import holds
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


MEMORY_HEAD = ["25 % of the rows from", "tokens", "new text: minus no replay",
               "old text: minus no replay"]  # fmt: skip


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
        rows.append([of, size, *gaps])
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


def shares_of_last(before, text):
    """{steps: (mean, half)}: change without replay, as a share of that of the last."""
    found = by_length(0, text)
    whole = np.mean(found[max(found)]) - before[text]
    changes = {n: (np.array(v) - before[text]) / whole for n, v in found.items()}
    return {0: (0.0, 0.0)} | {n: interval(v) for n, v in changes.items()}


def draw_lengths(before):
    """Figure 3: gain and forgetting by steps as shares; the old text with and without.

    before: {"new", "old"} on the test parts, of the model that was not trained on.
    """
    import matplotlib.pyplot as plt

    fig, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.6))
    looks = list(zip(("vermilion", "blue"), plot.MARKS))
    lines = {"forgetting": shares_of_last(before, "old"),
             "gain": shares_of_last(before, "new")}  # fmt: skip
    told = [_line(left, lines[k], k, look) for k, look in zip(lines, looks)]
    left.set(xlabel="steps, no replay", ylabel="share of the value at 80 steps")
    for share, look in zip(SHARES, looks):
        found = {n: interval(v) for n, v in by_length(share, "old").items()}
        name = f"{share:.0%} replay" if share else "no replay"
        told.append(_line(right, {0: (before["old"], 0.0)} | found, name, look))
    right.set(xlabel="steps", ylabel="old text (bits per byte, test)")
    for ax in (left, right):
        ax.set_xticks([0, *by_length(0, "old")])
        ax.legend(fontsize=9)
    caption = (
        "Figure 3. Learning rate 0.004, five seeds, 95 % intervals. Each point is a run "
        "of its own, whose rate falls to zero at its last step."
    )
    plot.show(fig, f"By steps: {'; '.join(told)}. {caption}", caption)


def _line(ax, points, name, look):
    """Draw {steps: (mean, half)}; its first trained and last point, in words."""
    mean, half = np.transpose(list(points.values()))
    colour = {"color": plot.COLOURS[look[0]], "marker": look[1]}
    ax.errorbar(list(points), mean, half, label=name, capsize=3, **colour)
    steps = list(points)
    return f"{name} {mean[1]:.2f} at {steps[1]} steps, {mean[-1]:.2f} at {steps[-1]}"


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


# --- the tokenizer -----------------------------------------------------------------------


ARM_HEAD = ["tokens", "bytes per token", "nats per token, after", "new text: before",
            "new text: after", "old text: after"]  # fmt: skip


def arm_rows(before):
    """Rows of the table of tokenizers; before: the GPT's bits per byte on test."""
    tokens, own, rows = fresh()[1], own_tokens(), []
    test, first = texts()["new"]["test"], {}
    for arm in ARMS:
        mine, start = (tokens, before) if arm == "CLM" else (own, _untrained(arm))
        each = len(test.encode()) / len(mine.encode(test))
        first[arm] = start["new"]
        new, old = (np.array(five(arm, 0, k)) for k in ("new", "old"))
        rows.append(
            [
                "the old tokenizer" if arm == "CLM" else arm,
                f"{each:.2f}",
                said(new * np.log(2) * each, 2),
                f"{start['new']:.2f}",
                said(new, 3),
                said(old, 3),
            ]
        )
    uniform = 10 / each  # of the new tokens, the last two rows
    holds(
        first[ARMS[1]] > first[ARMS[2]] > uniform and first[ARMS[2]] < uniform + 0.05,
        "that before training random rows nearly guess evenly, and mean rows are worse",
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
    gap, old = equal_bytes(), five(ARMS[0], 0, "new")
    mean, random = (np.subtract(five(arm, 0, "new"), old) for arm in ARMS[1:])
    return (
        f"New text, minus the old tokenizer: mean rows {said_gap(mean, 3)}, random rows "
        f"{said_gap(random, 3)}. A longer token also lets a row reach further back. So "
        "the mean rows once more, with as many bytes per row as the old tokenizer has: in "
        f"the test alone (rows of 33 tokens) {said_gap(gap['test rows'], 3)}, in training "
        f"too (25 tokens) {said_gap(gap['both'], 3)}."
    )


def length_words(before):
    """What 10 steps bring, and what 80 add to 40, in words."""
    more = {
        (share, k): np.subtract(by_length(share, k)[80], by_length(share, k)[40])
        for share in SHARES
        for k in ("new", "old")
    }
    gain, lost = (shares_of_last(before, k) for k in ("new", "old"))
    holds(0.7 < gain[10][0] < 0.85 < lost[10][0], "that most of both comes in 10 steps")
    holds(abs(lost[20][0] - 1) < 0.1, "that forgetting does not grow after 20 steps")
    return (
        f"Without replay the first 10 steps bring {lost[10][0]:.0%} of the forgetting of "
        f"80 and {gain[10][0]:.0%} of the gain. From 40 to 80 steps the new text changes "
        f"by {said_gap(more[0, 'new'])} and the old one by {said_gap(more[0, 'old'])}; "
        f"with 25 % replay by {said_gap(more[0.25, 'new'])} and "
        f"{said_gap(more[0.25, 'old'])} (bits per byte, paired, five seeds)."
    )
