"""Chapter 10: its pictures and tables, drawn from what the cells and the study found."""

import numpy as np

from tinyft import tensor, training, transfer
from tinyft.course.experiment import SEEDS, interval, said
from tinyft.course.lessons.safeguards import ch10_batchnorm as lesson
from tinyft.course.plot import COLOURS, show
from tinyft.transfer.norms.batchnorm import norms
from tinyft.transfer.norms.watch import watching

TENTS = "TENT", "TENT + diversity"
FORM = {"none": "yes: c = 1, d = 0", "contrast": "yes", "haze": "nearly: not at the border",
        "invert": "no: c = −1"}  # fmt: skip
FORM |= dict.fromkeys(("noise", "translate", "rotate"), "no")


def points(values, other):
    """Paired difference in points of accuracy, with its 95 % interval, and a verdict."""
    mean, half = interval(100 * np.subtract(values, other))
    word = "" if abs(mean) > half else ", not settled"
    return f"{mean:+.1f} ± {half:.1f}{word}"


def draw_digits(names, digit=0):
    """Figure 1: one test image of `digit` under each shift, on one grey scale."""
    import matplotlib.pyplot as plt

    at = int(np.argmax(lesson.parts()["test"][1] == digit))
    fig, panels = plt.subplots(1, len(names), figsize=(1.15 * len(names), 1.6))
    for ax, name in zip(panels, names):
        image = lesson.target(name, "test")[0][at, 0]
        ax.imshow(image, cmap="gray", vmin=0, vmax=1)
        ax.set_title(name, fontsize=9)
        ax.axis("off")
    show(fig, f"One handwritten digit of 8 × 8 pixels under each of: {', '.join(names)}.",
         "Figure 1. One test digit under each shift of this chapter, all on one scale "
         "from black, 0, to white, 1.")  # fmt: skip


def draw_inputs(model, names, channel=5):
    """Figure 2: what one channel of the first BatchNorm reads, for several targets."""
    import matplotlib.pyplot as plt

    fig, panels = plt.subplots(1, len(names), figsize=(8.0, 2.8), sharex=True)
    mean = model.bn1.running_mean.numpy()[channel]
    sd = model.bn1.running_var.numpy()[channel] ** 0.5
    for ax, name in zip(panels, names):
        x = model.conv1(tensor(lesson.target(name, "test")[0])).numpy()[:, channel]
        ax.hist(x.ravel(), 50, density=True, color=COLOURS["sky"])
        ax.axvspan(mean - sd, mean + sd, color="0.6", alpha=0.4, label="stored")
        own = x.mean()
        ax.axvspan(own - x.std(), own + x.std(), fill=False, linestyle="--",
                   edgecolor=COLOURS["vermilion"], label="its own")  # fmt: skip
        ax.set(title=name, xlabel="input x", ylabel="density (log)",
               yscale="log")  # fmt: skip
    panels[0].legend(fontsize=8)
    show(fig, "Histograms of one channel's inputs for clean, low-contrast and hazy digits, "
         "each with two bands, mean plus and minus one deviation: stored and its own.",
         f"Figure 2. Inputs x of one channel ({channel}) of the first BatchNorm, seed 0. "
         "Grey: stored mean ± deviation. Dashed: this target's own. For clean digits both "
         "agree; low contrast narrows the inputs towards 0, haze narrows and moves them."
         )  # fmt: skip


def draw_scores(scores):
    """Figure 3, from {target: {layer: A}}: one panel, one line per target."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(7.2, 3.8))
    looks = zip(scores, list(COLOURS.values()), "so^vDPX")
    for name, colour, mark in looks:
        A = np.maximum(list(scores[name].values()), 1e-4)
        line = ":" if name == "invert" else "-"  # it lies beside contrast
        ax.plot(range(1, len(A) + 1), A, mark + line, color=colour, label=name,
                markersize=4)  # fmt: skip
    ax.set(yscale="log", xlabel="BatchNorm layer, in the order of the forward pass",
           ylabel="A, mean squared change of the output")  # fmt: skip
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9)
    show(fig, "Score A by layer on a log axis, a line per shift; without a shift it is "
         "lowest, for contrast, haze and inversion highest.",
         "Figure 3. A of (10.8), mean over a layer's channels, base of seed 0: how far "
         "freezing moves its output from what the target's own statistics give."
         )  # fmt: skip


def mixing(name, counts, weights, seeds=SEEDS, part="test"):
    """{n: (weights, seeds) accuracies} after mixing in statistics of n target images."""
    found = {}
    for n in counts:
        found[n] = np.empty((len(weights), len(seeds)))
        for j, seed in enumerate(seeds):
            x = lesson.target(name, "adapt", seed)[0]
            some = x[np.random.default_rng(seed).permutation(len(x))[:n]]
            for i, weight in enumerate(weights):
                model = lesson.base(seed)
                transfer.mix_statistics(model, [some], float(weight))
                found[n][i, j] = lesson.accuracy(model, name, part)
    return found


def best_weights(name, n, seeds=SEEDS):
    """{layer: α* of (10.13) for n images}: the median over its channels and the seeds.

    v_t is the variance of one image's mean: pixels of an image are not independent.
    """
    found = {}
    for seed in seeds:
        model, (x, _) = lesson.base(seed).eval(), lesson.target(name, "adapt", seed)
        layers = norms(model)
        with watching(layers, lambda x, y: x.numpy().mean((2, 3))) as seen:
            model(tensor(x))
        for path, (means,) in seen.items():
            stored = layers[path].running_mean.numpy()
            weight = transfer.mean_weight(stored, means.mean(0), means.var(0), n)
            found.setdefault(path, []).extend(weight)
    return {path: float(np.median(weights)) for path, weights in found.items()}


def tent_scores(study, name, method):
    """Five accuracies at the method's own best rate."""
    found = study.where(experiment="tent", target=name, method=method)
    return found.at_best_rate().values("test")


def tent_rows(study, recomputed):
    """Rows of section 6: TENT against recomputing, paired by seed."""
    rows = []
    for name, before in recomputed.items():
        both = {m: tent_scores(study, name, m) for m in TENTS}
        for method, found in both.items():
            best = study.where(experiment="tent", target=name, method=method)
            extra = points(found, both["TENT"]) if "div" in method else ""
            rows.append([name, method, best.best_rate(), said(found, 3),
                         points(found, before), extra])  # fmt: skip
    return rows


def tent_steps(study):
    """{method: (seeds, counts) accuracies} of turned digits after so many steps."""
    runs = study.where(experiment="steps")
    return {m: np.transpose([runs.where(method=m, steps=c).values("test")
                             for c in lesson.COUNTS]) for m in TENTS}  # fmt: skip


def step_rows(study, steps, recomputed):
    """Rows of section 6: each count against recomputing, 30 steps, and labels."""
    labels = label_scores(study, "rotate")["frozen, all"]
    return [
        [method, *(points(v, recomputed) for v in found.T),
         points(found[:, -1], found[:, 1]), points(found[:, -1], labels)]
        for method, found in steps.items()
    ]  # fmt: skip


def label_pairs(found):
    """Rows of section 7, a row of its table minus another; found as in `settings`."""
    pairs = [("frozen, all", "frozen, γβ only")] + [
        (f"{one}, all", f"{other}, all")
        for one, other in (("updated", "frozen"), ("recomputed", "frozen"),
                           ("StochNorm", "frozen"), ("StochNorm", "updated"))
    ]  # fmt: skip
    return [
        [
            f"{one} − {other}".replace("γβ", "γ, β"),
            *(points(v[one], v[other]) for v in found.values()),
        ]
        for one, other in pairs
    ]


def label_scores(study, name):
    """{method: five accuracies at its own best rate}."""
    runs = study.where(experiment="labels", target=name)
    return {
        m: runs.where(method=m).at_best_rate().values("test") for m in lesson.LABELS
    }


def batch_rows(study):
    """Rows of section 8: GroupNorm against BatchNorm for each batch size."""
    rows = []
    for batch in (2, 4, 32):
        runs = study.where(experiment="batch", batch=batch)
        bn, gn = (runs.where(method=m) for m in ("BatchNorm", "GroupNorm"))
        a, b = (one.at_best_rate().values("test") for one in (bn, gn))
        rows.append([batch, bn.best_rate(), said(a, 3), gn.best_rate(), said(b, 3),
                     points(b, a)])  # fmt: skip
    return rows


def evaluated_alone(model, name, size):
    """Accuracy on the test images where each `size` of them normalise themselves."""
    for layer in norms(model).values():
        layer.statistics = "batch"
    x, y = lesson.target(name, "test")
    order = np.random.default_rng(1).permutation(len(x))
    groups = [(x[i], y[i]) for i in np.split(order, range(size, len(x), size))]
    return training.evaluate(model, groups, a=training.accuracy)["a"]


def draw_walk(at, walk, expected, sd, target, marks):
    """Figure 7: a running mean on its way to the target's; marks {batches: text}."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(6.6, 3.6))
    ax.fill_between(at, expected - 2 * sd, expected + 2 * sd, color=COLOURS["sky"],
                    alpha=0.35, label="± 2 sd, (10.6)")  # fmt: skip
    ax.plot(at, walk.T, color="0.45", linewidth=0.9, label=["three runs", None, None])
    ax.plot(at, expected, color=COLOURS["blue"], label="expected")
    ax.axhline(
        target, color=COLOURS["vermilion"], linestyle="--", label="target's mean"
    )
    for when, text in marks.items():
        ax.axvline(when, color="0.6", linestyle=":")
        ax.annotate(text, (when, 0.1), (4, 0), textcoords="offset points", fontsize=8)
    ax.set(xlabel="batches seen (momentum 0.1)", ylabel="running mean (units of x)")
    ax.legend(loc="lower right", bbox_to_anchor=(1.0, 0.12), fontsize=8)
    show(fig, "Running mean against the number of batches: it climbs from the source's "
         "mean 0 to the target's mean 2; three noisy runs, and a band around the expected "
         "curve that widens at first and then keeps its width.",
         "Figure 7. The mean arrives, the noise stays: after some twenty batches the band "
         "is as wide as it will be. One run in 20 leaves it at any one time.")  # fmt: skip
