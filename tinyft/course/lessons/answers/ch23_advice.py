"""Chapters 23 and 23b: "What to set", from the values that their cells have measured."""

import numpy as np

from tinyft.course.experiment import SEEDS, interval, said
from tinyft.course.lessons.answers.ch23_instruction_tuning import ARMS


def advice(study, after, filled, full, means):
    """Rows (what, set, measured) of the table of section 8.

    study: the runs of `tinyft study 23`.  after: {task: share exact} of char_chat.
    filled: the share of packed places with a token.  full, means: losses by (23.5).
    """
    arms = {name: study.where(objective=one) for name, one in ARMS.items()}
    best = {name: arm.at_best_rate() for name, arm in arms.items()}
    gap = 100 * np.subtract(*(found.values("test") for found in best.values()))
    rates = {f"{found[0]['settings']['lr']:g}" for found in best.values()}
    grid = ", ".join(f"{lr:g}" for lr in sorted({r["settings"]["lr"] for r in study}))
    short = 100 * np.mean(best["answers alone"].values("test"))
    long = 100 * np.mean(list(after.values()))
    return [
        [
            "targets",
            "the answers and their [END]; look at one decoded row",
            "three wrong masks, no exact answer after 80 steps (section 3)",
        ],
        _row_of_prompts(gap),
        [
            "rate (AdamW)",
            f"{' and '.join(sorted(rates))}, then half and double it",
            f"lowest of {grid} on valid, 300 steps, two seeds; not told apart from its "
            "double (section 5); other models: sweep",
        ],
        [
            "steps",
            "until the validation loss stops improving",
            f"{short:.0f} % exact after 300 steps ({len(gap)} seeds), {long:.1f} % after "
            "1200 (one model, section 4)",
        ],
        *_rows_of_batches(filled, full, means),
    ]


def _row_of_prompts(gap):
    planned = gap[: len(SEEDS)]
    settled = abs(interval(planned)[0]) > interval(planned)[1]
    return [
        "prompt",
        "not learned" if settled else "not learned, by custom",
        f"{said(planned, 1, sign=True)} points of exact answers, {len(planned)} seeds: "
        f"{'settled' if settled else 'not settled'}; {said(gap, 1, sign=True)} with "
        f"{len(gap)}, a second look (section 5)",
    ]


def _rows_of_batches(filled, full, means):
    return [
        [
            "batch",
            "packed rows, block mask, positions restarted",
            f"{filled:.0%} of the places filled; a causal mask fails, restarting makes no "
            "difference to rotary positions (section 6), to learned ones it does (Proofs)",
        ],
        [
            "denominator",
            "all targets of the whole batch",
            f"{full:.2f} against {np.mean(means):.2f} as a mean of means, one task per "
            "micro-batch, on the base (section 7)",
        ],
        ["template", "the base model's own; one BOS", "by custom; not varied here"],
    ]
