"""Chapter 10: its pictures and tables, drawn from what the cells and the study found."""

import numpy as np

from tinyft import tensor, training, transfer
from tinyft.course.experiment import SEEDS, interval, said
from tinyft.course.lessons.transfer import ch10_batchnorm as lesson
from tinyft.course.plot import COLOURS, show
from tinyft.transfer.batchnorm import norms


def points(values, other):
    """Paired difference in points of accuracy, with its 95 % interval, and a verdict."""
    mean, half = interval(100 * np.subtract(values, other))
    word = "" if abs(mean) > half else ", not settled"
    return f"{mean:+.1f} ± {half:.1f}{word}"


def draw_inputs(model, names, channel=5):
    """Figure 1: what one channel of the first BatchNorm reads, for several targets."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(6.4, 3.4))
    looks = zip(names, ("black", "vermilion", "blue"), ("-", "--", ":"))
    for name, colour, line in looks:
        x = model.conv1(tensor(lesson.target(name, "test")[0])).numpy()[:, channel]
        ax.hist(x.ravel(), 60, histtype="step", density=True, label=name, linewidth=1.6,
                color=COLOURS[colour], linestyle=line)  # fmt: skip
    mean = model.bn1.running_mean.numpy()[channel]
    sd = model.bn1.running_var.numpy()[channel] ** 0.5
    ax.axvspan(mean - sd, mean + sd, color="0.85", zorder=0, label="r_μ ± √r_v, stored")
    ax.set(xlabel=f"input of channel {channel} of bn1", ylabel="density", yscale="log")
    ax.legend(fontsize=8)
    show(fig, "Histograms of one channel's inputs for clean, low-contrast and hazy "
         "digits, on a log scale, over a band of the stored mean and deviation.",
         "Figure 1. The stored mean ± standard deviation (grey) fit the clean digits. Low "
         "contrast squeezes the inputs, haze moves them as well.")  # fmt: skip


def draw_scores(scores):
    """Figure 2, from {target: {layer: A}}: one panel, one line per target."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(7.2, 3.8))
    looks = zip(scores, list(COLOURS.values()), "so^vDPX")
    for name, colour, mark in looks:
        A = np.maximum(list(scores[name].values()), 1e-4)
        ax.plot(
            range(1, len(A) + 1), A, mark + "-", color=colour, label=name, markersize=4
        )
    ax.set(yscale="log", xlabel="BatchNorm layer, in the order of the forward pass",
           ylabel="A, mean over channels (units of y²)")  # fmt: skip
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9)
    show(fig, "Score A by layer on a log axis, a line per shift; without a shift it is "
         "lowest, for contrast, haze and inversion highest.",
         "Figure 2. How far freezing moves each layer's output, (10.8).")  # fmt: skip


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


def collapse(name, steps, lr, diversity):
    """(entropy before each step, share of the commonest predicted class at the end)."""
    model, x = lesson.base(0), lesson.target(name, "adapt")[0]
    rng = np.random.default_rng(0)
    batches = [x[rng.choice(len(x), 60, False)] for _ in range(steps)]
    found = transfer.tent(model, batches, lr, diversity)
    last = model(tensor(x)).numpy().argmax(1)
    return np.array(found), np.bincount(last, minlength=10).max() / len(last)


def tent_rows(study, recomputed):
    """Rows of section 6: TENT against recomputing, paired by seed."""
    rows = []
    for name, before in recomputed.items():
        for method in ("TENT", "TENT + diversity"):
            best = study.where(experiment="tent", target=name, method=method)
            found = best.at_best_rate().values("test")
            rows.append([name, method, best.best_rate(), said(before, 3), said(found, 3),
                         points(found, before)])  # fmt: skip
    return rows


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
