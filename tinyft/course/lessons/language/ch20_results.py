"""Chapter 20: the accuracies of every paradigm, from the study and from live runs."""

import numpy as np

from tinyft.course.lessons.language import ch20_bert as bert
from tinyft.course.lessons.language import ch20_four_paradigms as runs20
from tinyft.course.lessons.language import ch20_words as words
from tinyft.course.lessons.language.ch20_setting import LABELS, parts, percent
from tinyft.course.plot import COLOURS, DASHES, MARKS, show

NAMES = {
    "words": "1 TF-IDF + naive Bayes",
    "LSTM": "2 skip-gram + LSTM",
    "frozen": "3 BERT, frozen, new head",
    "partial": "3 BERT, last block trained",
    "full": "3 BERT, all trained",
    "prompt": "4 BERT, pattern trained",
}
LATEST = {"saying": LABELS, "poetry": runs20.CONTROL}


def of_study(study, method, labels, task="saying"):
    """Test accuracies at the chosen rate, one for each seed."""
    lr = runs20.rate(method, labels)
    return np.array(
        study.where(method=method, labels=labels, task=task, lr=lr).values("test")
    )


def accuracies(study, task="saying"):
    """{method: {labels: test accuracies, one for each seed}}; naive Bayes is
    fitted here, the others come from the study."""
    found = {}
    for method in NAMES:
        if method == "partial" and task != "saying":
            continue
        found[method] = {
            n: words.over_draws(n, task)
            if method == "words"
            else of_study(study, method, n, task)
            for n in LATEST[task]
        }
    return found


def rows(found):
    """One row per method for `table`: mean ± half interval, in per cent."""
    return [[NAMES[m], *map(percent, line.values())] for m, line in found.items()]


def prompted(task="saying"):
    """(raw, recentred) test accuracy of the prompt without any label.

    Recentred: the median difference of the two logits over the unlabelled pool is
    subtracted first, which assumes that the two kinds are about equally frequent.
    """
    shift, labels = centre(task), parts(task)["test"].labels
    apart = np.diff(bert.zero_shot(task, "test"))[:, 0]
    return [float(np.mean((apart > t) == labels)) for t in (0.0, shift)]


def centre(task="saying"):
    """The median of (second − first logit) over the valid verses; no label is used."""
    return float(np.median(np.diff(bert.zero_shot(task, "valid"))))


def draw_lines(found, levels, caption):
    """Figure: accuracy against labelled verses, a line and a band for each method."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(7.2, 4.6))
    alt = []
    for i, (method, line) in enumerate(found.items()):
        x, values = list(line), list(line.values())
        mean = np.array([100 * np.mean(v) for v in values])
        half = np.array([_half(v) for v in values])
        look = {"color": list(COLOURS.values())[i], "marker": MARKS[i], "markersize": 5}
        ax.plot(x, mean, linestyle=DASHES[i], label=NAMES[method], **look)
        ax.fill_between(x, mean - half, mean + half, color=look["color"], alpha=0.13)
        alt.append(f"{NAMES[method]} from {mean[0]:.0f} to {mean[-1]:.0f}")
    for i, (name, level) in enumerate(levels.items()):
        look = {"color": "0.35", "linestyle": DASHES[i + 2], "linewidth": 1.2}
        ax.axhline(100 * level, label=f"4 {name}", **look)
    ax.set(xscale="log", xlabel="labelled verses", ylabel="test accuracy (%)")
    ax.set_xticks(x, [f"{n}" for n in x])
    ax.minorticks_off()
    ax.legend(fontsize=8, loc="lower right")
    show(fig, f"Accuracy against labelled verses: {'; '.join(alt)}. {caption}", caption)


def _half(values):
    from tinyft.course.experiment import interval

    return interval(100 * np.asarray(values))[1]
