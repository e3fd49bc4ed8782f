"""Chapter 16, section 9: the tables and sentences of the study, every number computed."""

import numpy as np

from tinyft.course import runs
from tinyft.course.experiment import interval, said, student
from tinyft.course.lessons.peft.ch15_advice import minus
from tinyft.course.lessons.peft.ch16_loha_lokr import SHAPES, STEPS, attached
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


def results(study, counts, base):
    """(titles, rows) of the comparison.

    counts: {method: trained numbers}; base: {"test", "before": loss of the base}.
    """
    test, before, best = scores(study), scores(study, "before"), rates(study)
    full = runs.load("15_lora").where(experiment="full").at_best_rate()
    head = ["", "numbers", "s", "best rate", "test loss", "minus LoRA, paired"]
    head += ["plain Bible", "minus LoRA's"]
    rows = [
        [
            "the base",
            "0",
            "",
            "",
            f"{base['test']:.3f}",
            "",
            f"{base['before']:.2f}",
            "",
        ]
    ]
    rows += [
        [
            NAMES[name],
            f"{counts[name]:,}",
            scale_of(name),
            f"{best[name]:g}",
            said(test[name], 3),
            minus(test[name], test["LoRA"]),
            f"{np.mean(before[name]):.2f}",
            minus(before[name], before["LoRA"]),
        ]
        for name in SHAPES
    ]
    rate, values = full[0]["settings"]["lr"], full.values("test")
    last = [said(values, 3), minus(values, test["LoRA"]), "not measured", ""]
    return head, [*rows, ["every weight (chapter 15)", "all", "", f"{rate:g}", *last]]


def scale_of(name):
    """The constant s = α/r in front of a method's change, "" where it has none."""
    make, size = SHAPES[name]
    return f"{make(size).scale:g}" if name in ("LoRA", "LoHa", "LoKr") else ""


def other_sizes(study):
    """(titles, rows): larger and smaller sizes beside the LoRA of chapter 15's study."""
    rank = runs.load("15_lora").where(experiment="rank", places="everywhere")
    lora = {r: rank.where(r=r).at_best_rate() for r in (1, 16)}
    usual, rows = scores(study), []
    pairs = {"LoHa": (8, 16), "MiSS": (32, 16), "LoKr": (2, 16)}
    for name, size, r in [("LoRA", 16, 16), *((n, *v) for n, v in pairs.items())] + [
        ("LoRA", 1, 1),
        ("LoKr", 16, 1),
    ]:
        own = lora[size] if name == "LoRA" else more(study, name, size)
        values = own.values("test")
        against = "—" if name == "LoRA" else minus(values, lora[r].values("test"))
        rows.append(
            [
                f"{name}, {'factor' if name == 'LoKr' else 'r ='} {size}",
                f"{attached(name, size=size)[1].count():,}",
                f"{own[0]['settings']['lr']:g}",
                said(values, 3),
                minus(values, usual[name]),
                f"{against} (r = {r})" if name != "LoRA" else against,
            ]
        )
    head = ["", "numbers", "best rate", "test loss", "minus its own size above"]
    return [*head, "minus LoRA"], rows


def more(study, name, size):
    """The runs of another size of a method, at its best rate."""
    return study.where(method=name, size=size).at_best_rate()


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


def barely(study):
    """The settled methods whose interval holds zero if all six are to hold together."""
    test, others = scores(study), len(SHAPES) - 1
    wider = student(1 - 0.05 / others, 4) / student(0.95, 4)  # Bonferroni
    found = {n: interval(np.subtract(test[n], test["LoRA"])) for n in settled(study)[0]}
    return [name for name, (mean, half) in found.items() if abs(mean) < wider * half]


def verdict(study, base):
    """In words: which shapes differ from LoRA; base: test loss before any training."""
    clear, rest = settled(study)
    worse = [f"{n} ({d:+.3f})" for n, d in clear.items() if d > 0]
    better = [f"{n} ({d:+.3f})" for n, d in clear.items() if d < 0]
    means, best = [np.mean(v) for v in scores(study).values()], rates(study).values()
    return (
        "*Settled* means that the 95 % interval of the paired difference excludes zero. "
        f"Worse than LoRA, settled: {', '.join(worse) or 'none'}. "
        f"Better, settled: {', '.join(better) or 'none'}. "
        f"Not settled: {', '.join(rest) or 'none'}. But these are six intervals at once: "
        f"widened so that all six hold together with 95 %, {', '.join(barely(study))} "
        "would no longer be settled. "
        f"The best rates span a factor of {max(best) / min(best):.0f}. From the best to "
        f"the worst shape it is {max(means) - min(means):.3f} nats, "
        f"{(max(means) - min(means)) / (base - min(means)):.0%} of the "
        f"{base - min(means):.2f} that LoRA gains over the base; {wrong_rate(study)}."
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
    """Figure 5: the paired differences to LoRA."""
    test = scores(study)
    per_seed(
        {n: np.subtract(v, test["LoRA"]) for n, v in test.items() if n != "LoRA"},
        "test loss minus LoRA's (nats)",
        "Figure 5. Paired differences of five seeds, and their 95 % intervals; below zero "
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
        f"After this OFT run the largest $\\|Q\\|$ of a layer lies between "
        f"{min(sizes):.2f} and {t:.2f}. There the series of section 8 is off by up to "
        f"{2 * t**4 - t**8:.1g} with 5 terms, and by {t**10:.1g} with 6."
    )
