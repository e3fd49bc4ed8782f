"""Chapter 12: LEEP and LogME of the sources, against the measured gaps.

scores(name)                   (LEEP, LogME) of a source before fine-tuning
with_new_layer(study, gaps)    the gaps, where every source gets a new output layer
agreement(found, gaps)         Kendall's τ
draw_scores(found, gaps, ...)  the picture
"""

import numpy as np

from tinyft import no_grad, ops, tensor
from tinyft.course.lessons.safeguards import ch12_negative_transfer as lesson
from tinyft.course.plot import COLOURS, show
from tinyft.transfer import leep, logme


def scores(name, part="valid"):
    """(LEEP, LogME) of a source, mean over the seeds, on a part's images and labels."""
    x, y = lesson.parts()[part]
    both = []
    for seed in lesson.TEN:
        model = lesson.source(name, seed, head=True)
        with no_grad():
            features = tensor(lesson.flat(x))
            for layer in list(model)[:-1]:
                features = layer(features)
            probabilities = ops.softmax(model(tensor(lesson.flat(x))))
        both.append((leep(probabilities, y), logme(features, y)))
    return tuple(np.mean(both, axis=0).tolist())


def with_new_layer(study, gaps):
    """{name: gap} where each source gets a new output layer, means over the seeds.

    The sources of the digits 0 to 4 have one anyway: theirs are `gaps`.
    """

    def error(name):
        found = study.where(source=name, labels=2, length=lesson.LENGTH)
        return lesson.chosen(found)[1].mean()

    ours = [name for name in gaps if name.startswith("5")]
    base = error(lesson.SCRATCH)
    return gaps | {name: error(name + lesson.NEW) - base for name in ours}


def agreement(found, gaps):
    """Kendall's τ: the share of pairs of sources in the right order, minus the wrong."""
    pairs = [(i, j) for i in range(len(gaps)) for j in range(i)]
    found, gaps = np.asarray(found), np.asarray(gaps)
    return float(
        np.mean(
            [-np.sign((found[i] - found[j]) * (gaps[i] - gaps[j])) for i, j in pairs]
        )
    )


def draw_scores(found, gaps, fresh, untrained, caption):
    """Figure 8: each score against the measured gap; found: {name: (LEEP, LogME)}.

    fresh: {name: gap with a new output layer}, hollow.  untrained: LogME of a network
    that saw no source, the dashed line.
    """
    import matplotlib.pyplot as plt

    fig, both = plt.subplots(1, 2, figsize=(8.5, 3.6), sharey=True)
    text = []
    for k, (ax, title) in enumerate(zip(both, ("LEEP", "LogME"))):
        for i, name in enumerate(sorted(found, key=gaps.get)):
            # neighbours do not cover each other
            left = name == (lesson.MIXED, lesson.ROTATED)[k]
            at = found[name][k]
            _point(ax, name, at, gaps[name], fresh[name], left, 3 if i % 2 else -9)
        ax.axhline(0, color="0.5", linewidth=1)
        ax.margins(x=0.28, y=0.1)
        ax.set_xlabel(f"{title} (nats), larger is better")
        tau = agreement([v[k] for v in found.values()], [gaps[n] for n in found])
        text.append(f"{title} τ = {tau:.2f}")
    both[1].axvline(untrained, color="0.5", linewidth=1, linestyle="--")
    both[0].set_ylabel("transfer gap (error rate)")
    show(
        fig,
        f"Points of the transfer gap against two scores: {'; '.join(text)}.",
        caption,
    )


def _point(ax, name, score, gap, fresh, left, up):
    """A source with its name, and hollow where a new output layer takes it."""
    ax.plot(score, gap, "o", color=COLOURS["blue"])
    if fresh != gap:
        look = {"color": COLOURS["vermilion"], "linewidth": 1}
        ax.plot([score, score], [gap, fresh], ":", **look)
        ax.plot(score, fresh, "o", mfc="w", **look)
    ax.annotate(
        name,
        (score, gap),
        xytext=(-4 if left else 4, up),
        textcoords="offset points",
        ha="right" if left else "left",
        fontsize=7.5,
    )
