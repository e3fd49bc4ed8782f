"""Chapter 21: the rows of "What to set", every number from the runs of the studies."""

import numpy as np

from tinyft.course.lessons.language.ch21_continued_pretraining import GOOD, SHARES
from tinyft.course.lessons.language.ch21_words import ARMS, five, minus, task_five


def advice(before, start):
    """Rows of "What to set": the quantity, a value, the cell that varied it.

    before, start: {"new", "old"} of the GPT and the BERT that were not trained on.
    """
    return [
        ["replayed share", _replay(before, start), "tables of sections 5 and 6"],
        [
            "rate",
            f"{GOOD['CLM']:g} (next token), {GOOD['MLM']:g} (hidden tokens), swept on the "
            "new text; a smaller one learns less and forgets less (two seeds)",
            "Figure 2, study 21",
        ],
        [
            "full or LoRA",
            "full: even at 0.001 it learnt more than LoRA at its best rate (embeddings "
            "frozen) and forgot about as much (two seeds)",
            "Figure 2",
        ],
        ["tokenizer", _tokenizer(), "section 7"],
        ["before a task", _before_a_task(), "section 8"],
        ["15 %, 80/10/10", "by custom (BERT's); not varied here", "–"],
        ["how long", "by custom, until the new text's validation loss is flat", "–"],
    ]


def _replay(before, start):
    """What replay removes and costs, for the GPT and for the BERT."""
    told = []
    for name, method, base in (
        ("GPT, bits per byte", "CLM", before),
        ("BERT, nats", "MLM", start),
    ):
        gone = np.mean(five(method, 0, "old")) - base["old"]
        left = {w: np.mean(five(method, w, "old")) - base["old"] for w in SHARES[1:]}
        price = {w: minus(five(method, w, "new"), five(method, 0, "new")) for w in left}
        each = ", ".join(
            f"{w:.0%} removes {1 - left[w] / gone:.0%} of the forgetting and costs "
            f"{price[w]}"
            for w in left
        )
        told.append(f"{name}: {each}")
    return f"10 to 25 %. {'; '.join(told)}"


def _tokenizer():
    """The two ways to start a new tokenizer's rows, against the old tokenizer."""
    mean, rand = (
        minus(five(arm, 0, "new"), five(ARMS[0], 0, "new")) for arm in ARMS[1:]
    )
    return (
        f"a new one if its rows start as means ({mean} bits per byte, and more text read "
        f"per step); not with random rows ({rand})"
    )


def _before_a_task():
    """DAPT and TAPT against nothing: at their own rates and at one."""
    told = []
    for first in ("TAPT", "DAPT"):
        own = minus(task_five(first), task_five("nothing"), 1)
        same = minus(task_five(first, same=True), task_five("nothing", same=True), 1)
        told.append(f"{first} {own} points, at one rate {same}")
    return f"neither by default: {'; '.join(told)}. Count words first"
