"""Chapter 16: the tables of the study and of "What to set", every number computed.

protocol(study), results(study, counts)    section 8
prices(counts, seconds, peaks), advice(study), verdict(study)    section 9
"""

import numpy as np

from tinyft.course.experiment import interval, said
from tinyft.course.lessons.peft.ch15_advice import minus
from tinyft.course.lessons.peft.ch16_loha_lokr import LARGER, SHAPES, STEPS
from tinyft.course.plot import per_seed

NAMES = {  # with the size that the budget gives
    "LoRA": "LoRA, r = 4",
    "LoHa": "LoHa, r = 2",
    "LoKr": "LoKr, factor 5",
    "HiRA": "HiRA, r = 4",
    "MiSS": "MiSS, r = 8",
    "OFT": "OFT, blocks of 16",
    "HRA": "HRA, r = 8",
}


def grid(study, name, experiment="verses"):
    """The runs of one method."""
    return study.where(method=name, experiment=experiment)


def scores(study, score="test"):
    """{method: the score of each of its five seeds, at its best rate}."""
    return {n: grid(study, n).at_best_rate().values(score) for n in SHAPES}


def rates(study):
    """{method: its best rate, by the validation loss}."""
    return {name: grid(study, name).best_rate() for name in SHAPES}


def protocol(study):
    """In words: what was run."""
    found = {name: grid(study, name).by("lr", "valid") for name in SHAPES}
    grids = "; ".join(
        f"{name}: {', '.join(f'{lr:g}' for lr in one)}" for name, one in found.items()
    )
    study = study.where(experiment="verses")
    return (
        f"**{len(study)} runs**, each {STEPS} steps of 4 × 64 tokens from the same base. "
        "Two seeds at each rate of a grid; the rate with the least *validation* loss gets "
        f"five seeds; the *test* chapters are read at that rate only. Grids: {grids}."
    )


def results(study, counts):
    """(titles, rows) of the comparison; counts: {method: trained numbers}."""
    test, before, best = scores(study), scores(study, "before"), rates(study)
    head = ["", "numbers", "best rate", "test loss", "minus LoRA, paired"]
    head += ["plain Bible", "minus LoRA's"]
    rows = [
        [
            NAMES[name],
            f"{counts[name]:,}",
            f"{best[name]:g}",
            said(test[name], 3),
            minus(test[name], test["LoRA"]),
            f"{np.mean(before[name]):.2f}",
            minus(before[name], before["LoRA"]),
        ]
        for name in SHAPES
    ]
    return head, rows


def forgetting(study, base):
    """In words: what the old task has lost; base: the base's loss on the plain Bible."""
    before = scores(study, "before")
    clear, _ = settled(study, score="before")
    less = [f"{name} ({d:+.2f})" for name, d in clear.items() if d < 0]
    means = [np.mean(values) for values in before.values()]
    return (
        f"On the *plain* Bible the base has {base:.2f} and the seven models "
        f"{min(means):.2f} to {max(means):.2f}: each forgets. Less than LoRA, settled: "
        f"{', '.join(less) or 'none'}."
    )


def settled(study, other="LoRA", score="test"):
    """({method: its difference to LoRA} where the five seeds settle it, and the rest)."""
    values = scores(study, score)
    clear, open_ = {}, []
    for name in SHAPES:
        if name != other:
            mean, half = interval(np.subtract(values[name], values[other]))
            if abs(mean) > half:
                clear[name] = mean
            else:
                open_.append(name)
    return clear, open_


def verdict(study):
    """In words: which shapes differ from LoRA, and what a wrong rate costs instead."""
    clear, rest = settled(study)
    worse = [f"{n} ({d:+.3f})" for n, d in clear.items() if d > 0]
    better = [f"{n} ({d:+.3f})" for n, d in clear.items() if d < 0]
    parts = [
        f"Worse than LoRA, settled by five seeds: {', '.join(worse) or 'none'}.",
        f"Better, settled: {', '.join(better) or 'none'}.",
        f"Not settled: {', '.join(rest) or 'none'}.",
    ]
    means = [np.mean(v) for v in scores(study).values()]
    best = rates(study).values()
    parts.append(f"The best rates span a factor of {max(best) / min(best):.0f}.")
    return (
        " ".join(parts)
        + f" From the best to the worst shape it is {max(means) - min(means):.3f} nats; "
        f"{wrong_rate(study)}."
    )


def wrong_rate(study):
    """In words: the largest loss of one method at the worst rate of its own grid."""
    lost = {}
    for name in SHAPES:
        tried = grid(study, name).by("lr", "valid")
        means = [np.mean(values[:2]) for values in tried.values()]
        lost[name] = max(means) - min(means)
    worst = max(lost, key=lost.get)
    return (
        f"the worst rate inside one grid costs up to {lost[worst]:.3f} ({worst}, "
        "validation)"
    )


def draw_differences(study):
    """Figure 6: the paired differences to LoRA."""
    test = scores(study)
    per_seed(
        {n: np.subtract(v, test["LoRA"]) for n, v in test.items() if n != "LoRA"},
        "test loss minus LoRA's (nats)",
        "Figure 6. Paired differences of five seeds, and their 95 % intervals; below zero "
        "is better than LoRA.",
    )


def turned_by(adapter):
    """In words: how large Q became, and what a cut series would do there."""
    sizes = [
        np.linalg.norm(d.skew().numpy(), 2, axis=(1, 2)).max()
        for d in adapter.deltas.values()
    ]
    t = max(sizes)
    return (
        f"After training, the largest $\\|Q\\|$ of a layer lies between {min(sizes):.2f} "
        f"and {t:.2f}: there 5 terms are off by up to {2 * t**4 - t**8:.1g}, 6 terms by "
        f"{t**10:.1g}."
    )


def prices(counts, seconds, peaks, floors):
    """Rows (method, numbers, time of a step, memory, merged) of the table of costs.

    seconds: of a step; peaks: MiB at the peak of a step; floors: of LoRA.
    """
    return [
        [
            NAMES[name],
            f"{counts[name]:,}",
            f"{seconds[name] / floors[0]:.2f}",
            f"{peaks[name] - floors[1]:+.1f} MiB",
            "0",
        ]
        for name in SHAPES
    ]


def _larger(study):
    """In words: what four to six times the numbers gained, paired by seed."""
    test, found = scores(study), []
    for name, (size, _) in LARGER.items():
        more = grid(study, name, "larger").at_best_rate().values("test")
        found.append(f"{name} {size}: {minus(more, test[name])}")
    return f"minus the size at the budget: {', '.join(found)}"


def advice(study):
    """Rows (what, start with, why) of "What to set"."""
    best, test = rates(study), scores(study)
    ratio = {name: best[name] / best["LoRA"] for name in SHAPES}
    swift = ", ".join(f"{n} {r:g}×" for n, r in ratio.items() if n != "LoRA")
    lead = min(test, key=lambda name: np.mean(test[name]))
    return [
        [
            "which shape",
            "LoRA",
            f"least mean test loss here: {lead}; see the paired differences above",
        ],
        ["rate (AdamW)", "sweep it per shape", f"best rate over LoRA's here: {swift}"],
        ["LoHa: r", "half of the LoRA rank", "same count: 2 r (in + out)"],
        ["LoHa, LoKr: α", "a constant; then tune the rate", "by custom: s = α/r"],
        [
            "LoKr: factor",
            "a common divisor near 4 to 16",
            "count f² + (out/f)(in/f): a larger factor is smaller, up to √out",
        ],
        ["LoKr: r", "large, for whole W₁ and W₂", "a small r factors W₂ again"],
        ["HiRA, MiSS: r", "HiRA as LoRA's, MiSS twice it", "same count; no α exists"],
        ["OFT: block", "16 to 32, exact inverse", "count in (block − 1)/2"],
        ["HRA: r", "an even number", "r in numbers; an odd r cannot start at W"],
    ]
