"""Chapter 21: the table of "What to set"; its sentences hold by assertion, its numbers
come from the runs of the studies."""

import numpy as np

from tinyft.course.experiment import said, said_gap, settled
from tinyft.course.lessons.pretraining.ch21_results import (
    by_length,
    equal_bytes,
    memory,
)
from tinyft.course.lessons.pretraining.ch21_words import (
    ARMS,
    five,
    per_rate,
    task_five,
)
from tinyft.course.prose import holds

HEAD = ["if", "do", "gain", "price", "shown in"]


def advice(before, start):
    """Rows of "What to set". before, start: {"new", "new valid", "old"} of the GPT and
    the BERT that were not trained on."""
    return [
        _first(before),
        _rate(),
        _length(before),
        _replay("the old text still matters (a GPT)", "CLM", "section 5"),
        _replay("the same, a BERT (nats)", "MLM", "section 7"),
        _memory("you have little of the old text", "10 %", "use a tenth of it"),
        _memory(
            "you have no old text",
            "own samples",
            "let the model write 200 rows *before* you train it, replay those",
        ),
        _tokenizer(),
        _lora(),
        _task(),
        [
            "anything else",
            "15 %, 80/10/10, batch, rank: by convention",
            "",
            "",
            "not varied",
        ],
    ]


def gap(method, share, text):
    """Five paired differences to the runs without replay."""
    return np.subtract(five(method, share, text), five(method, 0, text))


def _first(before):
    gain = {k: np.subtract(five("CLM", 0, k), before[k]) for k in ("new", "new valid")}
    lost = np.subtract(five("CLM", 0, "old"), before["old"])
    holds(settled(gain["new valid"]) < 0 < settled(lost), "that CPT gains and forgets")
    return [
        "much text of a domain that the model does not know",
        "continue the pretraining",
        f"new: {said(gain['new valid'], 2)} on *valid*; {said(gain['new'], 2)} on *test*, "
        "which repeats *train* (R1)",
        f"old: {said(lost, 2, sign=True)}",
        "section 5",
    ]


def _replay(when, method, where):
    new, old = ({w: gap(method, w, k) for w in (0.1, 0.25)} for k in ("new", "old"))
    free = not any(settled(one) for one in new.values())
    holds(
        free == (method == "CLM"), "that replay has a settled price for the BERT only"
    )
    holds(all(settled(one) < 0 for one in old.values()), "that replay saves old text")
    return [
        when,
        "replay: 10 to 25 % of the rows old",
        f"old: {said(old[0.1], 2)} (10 %), {said(old[0.25], 2)} (25 %)",
        f"new: {said_gap(new[0.1])}, {said_gap(new[0.25])}",
        where,
    ]


def _memory(when, name, do):
    old, new = (np.subtract(memory(name, k), five("CLM", 0, k)) for k in ("old", "new"))
    holds(settled(old) < 0, f"that replay from {name} saves old text")
    return [
        when,
        do,
        f"old: {said(old, 2)}, with all of it {said(gap('CLM', 0.25, 'old'), 2)}",
        f"new: {said_gap(new)}",
        "section 5",
    ]


def _rate():
    for key in (("CLM", 0), ("CLM", 0.25)):
        rates, new, old = per_rate(*key)
        holds(
            rates[2:] == [4e-3, 8e-3] and new[3] > new[2] and old[3] > old[2],
            "that 0.008 is worse than 0.004 on both texts",
        )
    return [
        "you choose the learning rate",
        "try some on the new *valid*: here 0.004 (GPT), 0.002 (BERT)",
        "a smaller one forgets less and learns less",
        "twice the best one was worse on both texts (GPT, two seeds)",
        "Figure 2",
    ]


def _lora():
    new, full = (per_rate(*key)[1] for key in (("LoRA", 0), ("CLM", 0.25)))
    holds(min(new) > max(full), "that LoRA learnt less at every rate")
    return [
        "Adam's state or the file must be small",
        "LoRA, embeddings frozen",
        "less than a tenth of both; the peak of the memory falls by about 15 % (R6)",
        f"new: {min(new):.2f} at best, {min(full):.2f} with all weights and replay "
        "(*valid*, two seeds)",
        "Figure 2, R6",
    ]


def _tokenizer():
    new, old = (
        np.subtract(five(ARMS[1], 0, k), five(ARMS[0], 0, k)) for k in ("new", "old")
    )
    same = equal_bytes()["both"]
    worse = np.subtract(five(ARMS[2], 0, "new"), five(ARMS[0], 0, "new"))
    holds(settled(same) < 0 < settled(worse), "that mean rows win and random rows lose")
    holds(settled(old) > 0, "that new tokens cost old text")
    return [
        "only the new text matters",
        "a new tokenizer, its rows the means of the old pieces",
        f"new: {said(new, 2)}; {said(same, 2)} with as many bytes per row",
        f"old: {said(old, 2, sign=True)}; random rows lose on the new text too",
        "section 8",
    ]


def _task():
    start = task_five("nothing")
    tapt, dapt = (task_five(k) - start for k in ("TAPT", "DAPT"))
    same = task_five("DAPT", same=True) - task_five("nothing", same=True)
    holds(settled(tapt) < 0 and settled(dapt) < 0, "that no path gained on this task")
    holds(not settled(same), "that DAPT at the rate of SFT is not settled")
    return [
        "a task with labels is all that counts",
        "plain fine-tuning and word counts first; CPT only if it gains on *valid*",
        "here none",
        f"{said(tapt, 1)} points (TAPT), {said(dapt, 1)} (DAPT; at the rate of SFT "
        f"{said_gap(same, 1, label=', not settled')}); one task, 120 labels, 40 steps",
        "section 9",
    ]


def _length(before):
    new, old = ({w: by_length(w, k) for w in (0, 0.25)} for k in ("new", "old"))
    more = {w: np.subtract(new[w][80], new[w][40]) for w in new}
    lost = {w: np.subtract(old[w][80], old[w][40]) for w in old}
    first, last = (np.mean(old[0][n]) - before["old"] for n in (10, 80))
    holds(first > 0.85 * last, "that most of the forgetting comes first")
    holds(max(settled(more[w]) for w in more) < 0, "that 80 steps learn more than 40")
    holds(settled(lost[0.25]) < 0 == settled(lost[0]), "that replay lets it recover")
    return [
        "you choose how long",
        "until the new *valid* is flat: with 80 steps it was not",
        f"new: {said(more[0.25], 2)} from 40 to 80 steps, with replay",
        f"time; no old text: {said_gap(lost[0.25])} with replay, {said_gap(lost[0])} "
        "without",
        "Figure 3",
    ]


def summary(before):
    """When to use it, what it costs, when not."""
    new = np.mean(five("CLM", 0.25, "new"))
    return (
        "**When to use it.** Much running text of a domain that the model does not know, "
        f"and no labels: here {before['new']:.2f} became {new:.2f} bits per byte on "
        f"*test*, {before['new valid']:.2f} became "
        f"{np.mean(five('CLM', 0.25, 'new valid')):.2f} on *valid*, with a quarter of the "
        "rows replayed. **What it costs:** full training steps (R6), old rows or samples "
        "for replay, and an evaluation on *both* texts. **When not:** only a task with "
        "labels counts; here it gained nothing. (A text that the model already knows well "
        "was not tried.)"
    )
