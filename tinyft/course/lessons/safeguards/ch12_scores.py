"""Chapter 12: LEEP and LogME of the sources, against the measured gaps.

scores(name)                   (LEEP, LogME) of a source before fine-tuning
with_ten_labels(gaps)          Kendall's τ where a seed's ten labels are all there are
with_new_layer(study, gaps)    the gaps, where every source gets a new output layer
taus(found, gaps)              Kendall's τ of both
draw_scores(found, gaps, ...)  the picture
"""

import numpy as np

from tinyft import no_grad, ops, tensor
from tinyft.course.lessons.safeguards import ch12_negative_transfer as lesson
from tinyft.course.plot import COLOURS, show
from tinyft.transfer import leep, logme


def scores(name):
    """(LEEP, LogME) of a source, mean over the seeds, on the validation images."""
    return tuple(np.mean([score(name, k) for k in lesson.TEN], axis=0).tolist())


def score(name, seed, few=False):
    """(LEEP, LogME) of one seed's source; few: on its ten labelled images alone."""
    images, y = lesson.labelled(2, seed) if few else lesson.parts()["valid"]
    model, features = lesson.source(name, seed, head=True), tensor(lesson.flat(images))
    with no_grad():
        for layer in list(model)[:-1]:
            features = layer(features)
        probabilities = ops.softmax(list(model)[-1](features))
    return leep(probabilities, y), logme(features, y)


def with_ten_labels(gaps):
    """Kendall's τ of each seed, (seeds, 2), of scores from its ten labels alone."""
    return np.array(
        [taus({n: score(n, seed, few=True) for n in gaps}, gaps) for seed in lesson.TEN]
    )


def taus(found, gaps):
    """Kendall's τ with the gaps of LEEP and of LogME; found: {name: (LEEP, LogME)}."""
    return [agreement([found[n][k] for n in gaps], list(gaps.values())) for k in (0, 1)]


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
        text.append(f"{title} τ = {taus(found, gaps)[k]:.2f}")
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
