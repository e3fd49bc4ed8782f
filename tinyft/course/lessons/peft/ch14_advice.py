"""Chapter 14: pictures and tables of Core, every number computed.

costs(full, cheap, seconds)           section 5
results(study, base), findings(study), text_by_text(study, base), draw_mixture(study)   6
advice(study)                         section 7
"""

import matplotlib.pyplot as plt
import numpy as np

from tinyft import peft
from tinyft.course.experiment import interval, said
from tinyft.course.lessons.peft import ch14_adapters as lesson
from tinyft.course.lessons.peft.ch14_adapters import CHANGED, FUSE, LONG, STEPS
from tinyft.course.plot import COLOURS, show

NAMES = list(CHANGED)
FULL = "own full copy"
D, M, BLOCKS, BASE_SIZE = 128, 16, 3, 742_528  # of the shipped GPT and its adapters


def adapter(d, m, blocks=1):
    """Numbers of Pfeiffer adapters (14.2)."""
    return blocks * (2 * m * d + m + d)


def gap(values, other, digits=3):
    """The paired difference as text; "(not settled)" where its interval has zero."""
    differences = np.subtract(values, other)
    mean, half = interval(differences)
    word = "" if abs(mean) > half else " (not settled)"
    return said(differences, digits, True) + word


def tested(study, method, score="test"):
    """A score of the five seeds, at the method's best rate on validation data."""
    return study.where(method=method).at_best_rate().values(score)


# --- section 5 ---------------------------------------------------------------------------


def costs(full, cheap, seconds):
    """(titles, rows) of section 5; full, cheap: `ch14_adapters.costs`; seconds: medians."""
    rows = [
        [what, f"{a:,.1f}" if a < 1e4 else f"{a:,}", f"{cheap[what]:,.1f}"]
        for what, a in full.items()
    ]
    for row, (what, a) in zip(rows, full.items()):
        row.append(f"{cheap[what] / a:.1%}")
    rows[0][2] = f"{cheap['trained parameters']:,}"
    a, b = seconds["full"], seconds["adapters"]
    rows.append(["time of a training step", f"{1e3 * a:.0f} ms", f"{1e3 * b:.0f} ms"])
    rows[-1].append(f"{b / a:.0%}")
    return ["", "full fine-tuning", "adapters", "adapters / full"], rows


def at_every_call(d, m):
    """In words: what a Pfeiffer adapter adds to a block's 12d² multiplications."""
    return (
        f"At every call, training or not, an adapter adds 2md to the 12d² multiplications "
        f"of a token in a block: {m / (6 * d):.1%} here, and two small products that "
        "have to wait for each other."
    )


# --- section 6 ---------------------------------------------------------------------------

SOURCES = {  # row: (method in the study, score prefix, numbers added, told the text?)
    "another text's adapter": ("own adapter", "wrong", 3 * adapter(D, M, BLOCKS), "no"),
    "equal mix of three": ("fusion", "mix", 3 * adapter(D, M, BLOCKS), "no"),
    "fusion": (
        "fusion",
        "test",
        3 * adapter(D, M, BLOCKS) + BLOCKS * (3 * D**2 + 2 * D),
        "no",
    ),
    "one wide adapter": ("one wide adapter", "test", adapter(D, 48, BLOCKS), "no"),
    "own adapter": ("own adapter", "test", 3 * adapter(D, M, BLOCKS), "yes"),
    "own adapter, as long": (
        "own adapter, as long",
        "test",
        3 * adapter(D, M, BLOCKS),
        "yes",
    ),
    "own full copy": ("own full copy", "test", 3 * BASE_SIZE, "yes"),
}


def values(study, row):
    """Five test losses, one per seed, each the mean of the three texts."""
    method, score, *_ = SOURCES[row]
    return tested(study, method, score)


def results(study, base):
    """(titles, rows) of the comparison; base: {text: the frozen base's loss}."""
    own = values(study, "own adapter")
    frozen = np.mean(list(base.values()))
    rows = [["frozen base", "no", "", f"{frozen:.3f}", gap([frozen] * 5, own), "0 %"]]
    for name, (method, score, numbers, told) in SOURCES.items():
        rate = study.where(method=method).best_rate() if score == "test" else ""
        found = values(study, name)
        rows.append([name, told, f"{rate}", said(found, 3)])
        rows[-1].append("" if name == "own adapter" else gap(found, own))
        rows[-1].append(f"{numbers / BASE_SIZE:.1%}")
    head = ["", "told the text?", "rate", "test loss", "minus own adapter, paired"]
    return [*head, "numbers added, of the base"], rows


def findings(study):
    """In words: what the five seeds say about fusion and its rivals."""
    v = {name: values(study, name) for name in SOURCES}
    w = mixing(study)
    first, every = (
        "; ".join(f"{k} {said(w[:, i, b, i].mean(1))}" for i, k in enumerate(NAMES))
        for b in (slice(0, 1), slice(None))
    )
    return f"""Five seeds, ± 95 % (Student's t), differences paired by seed:

- *Know the text.* Another text's adapter costs
  {gap(v["another text's adapter"], v["own adapter"])} against the right one.
- *Fusion minus the equal mix:* {gap(v["fusion"], v["equal mix of three"])}. The weight
  of a text's own adapter, in the first block: {first}; mean of all blocks: {every}.
  Without knowledge it would be 0.33.
- *One wide adapter minus fusion,* after as many steps in all:
  {gap(v["one wide adapter"], v["fusion"])}.
- *A full copy minus an own adapter:* {gap(v["own full copy"], v["own adapter"])};
  {LONG} steps instead of {STEPS} change the own adapter by
  {gap(v["own adapter, as long"], v["own adapter"])}."""


def text_by_text(study, base):
    """(titles, rows): the equal mix against the base, an own adapter and the fusion."""
    rows = []
    for name in NAMES:
        mix, fused = (
            tested(study, "fusion", f"{which}{name}") for which in ("mix ", "")
        )
        own = tested(study, "own adapter", name)
        rows.append([name, gap(mix, [base[name]] * 5), gap(mix, own), gap(fused, mix)])
    mix = "equal mix minus"
    return ["text", f"{mix} base", f"{mix} own adapter", "fusion minus equal mix"], rows


def mixing(study):
    """The fusion's mean weights, (seed, text, block, adapter)."""
    runs = study.where(method="fusion").at_best_rate()
    found = [
        [[runs.values(f"w {t} {b} {a}") for a in NAMES] for b in range(BLOCKS)]
        for t in NAMES
    ]
    return np.moveaxis(np.array(found), -1, 0)


def draw_mixture(study):
    """A panel per text: the weight of each adapter in each block, five seeds."""
    w = mixing(study)
    fig, axes = plt.subplots(1, 3, figsize=(9.5, 3.4), sharey=True)
    for i, ax in enumerate(axes):
        for j, name in enumerate(NAMES):
            _mixture_bars(ax, w[:, i, :, j], j, name)
        ax.axhline(1 / 3, color="0.3", linestyle=":")
        ax.set(title=f"reading: {NAMES[i]}", xlabel="block (index)", xticks=range(3))
    axes[0].set_ylabel("mean weight (share)")
    handles = axes[0].get_legend_handles_labels()
    fig.legend(*handles, fontsize=8, loc="outside lower center", ncols=3)
    axes[0].set_ylim(0, 1.05)
    own = "; ".join(f"{n} {w[:, i, :, i].mean():.2f}" for i, n in enumerate(NAMES))
    caption = (
        "Figure 3. The weights of the three adapters in each block: the mean of five "
        "seeds, and a dot for each; dotted line: one third."
    )
    show(
        fig, f"Three panels of bars. The text's own adapter: {own}. {caption}", caption
    )


def _mixture_bars(ax, w, j, name):
    look = {"color": COLOURS[("blue", "orange", "green")[j]], "edgecolor": "white"}
    at = np.arange(BLOCKS) + 0.27 * (j - 1)
    label, hatch = f"adapter {name}", ("", "//", "..")[j]
    ax.bar(at, w.mean(0), 0.25, label=label, hatch=hatch, **look)
    ax.plot(np.tile(at, len(w)), w.ravel(), "o", color="black", markersize=2.5)


# --- section 7 ---------------------------------------------------------------------------


def advice(study):
    """(titles, rows) of "What to set"."""
    v = {name: tested(study, name) for name in {r["settings"]["method"] for r in study}}
    own = v["own adapter"]
    rates = {name: study.where(method=name).best_rate() for name in v}
    rate, beside, copy = (rates[k] for k in ("own adapter", "parallel", FULL))
    better = np.add(*interval(np.subtract(v["parallel"], own))) < 0  # settled
    place = "beside the MLP: parallel" if better else "after the MLP: Pfeiffer"
    wide = gap(v["one wide adapter"], v["fusion"])
    lora = f"{_more('LoRA')}: {gap(v['LoRA'], own)}"
    rows = [
        ["place", place, f"parallel, s = 4: {gap(v['parallel'], own)}"],
        ["", "", f"Houlsby, m = d/16{_more('Houlsby')}: {gap(v['Houlsby'], own)}"],
        ["width m", "d/8, or wider", f"m = d/32: {gap(v['m = 4'], own)}"],
        ["", "", f"m = d/2: {gap(v['m = 64'], own)}"],
        ["rate, after the MLP", f"{rate:g}", _times(rate, copy)],
        ["", "", f"in validation loss {_near(study)}"],
        [
            "rate, parallel",
            f"{beside:g}",
            f"{_times(beside, copy)}; times s: {4 * beside:g}",
        ],
        ["data of all texts", "one wide adapter", f"wide minus fusion: {wide}"],
        ["others' adapters, own data", "perhaps fusion", _mixed(v, study)],
        ["must be merged", "LoRA", f"r = 2, α = 4, everywhere{lora}"],
        ["activation", "ReLU", "not varied: by convention (Pfeiffer et al.)"],
        ["start", "U = 0, c = 0", "proved: section A"],
    ]
    return [
        "",
        "start with",
        "measured: test loss minus an own Pfeiffer adapter's, m = d/8",
    ], rows


def _near(study):
    found = study.where(method="own adapter").by("lr", "valid")
    best = study.where(method="own adapter").best_rate()
    means = {lr: np.mean(v[:2]) for lr, v in found.items()}
    far = ", ".join(
        f"{m - means[best]:+.3f} at {lr:g}" for lr, m in means.items() if lr != best
    )
    return far


def _mixed(v, study):
    mix = tested(study, "fusion", "mix")
    return (
        f"not measured (ours saw the data of all texts for {FUSE} steps: fusion minus "
        f"equal mix {gap(v['fusion'], mix)})"
    )


def _times(rate, copy):
    return f"{rate / copy:.0f} times a full copy's"


def _more(method):
    """How many more numbers it trains than the own adapter."""
    size = peft.attach(lesson.base(), *lesson.ADAPTERS[method][:2]).count()
    return f", {size / adapter(D, M, BLOCKS) - 1:.0%} more numbers"
