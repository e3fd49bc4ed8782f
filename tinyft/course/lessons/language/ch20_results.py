"""Chapter 20: the accuracies of every paradigm, from the study and from live runs."""

from functools import cache
from itertools import product

import numpy as np

from tinyft.course.experiment import interval
from tinyft.course.lessons.language import ch20_bert as bert
from tinyft.course.lessons.language import ch20_four_paradigms as runs20
from tinyft.course.lessons.language import ch20_words as words
from tinyft.course.lessons.language.ch20_setting import (
    LABELS,
    accuracy,
    holds,
    parts,
    percent,
)
from tinyft.course.plot import COLOURS, DASHES, MARKS, show
from tinyft.course.prose import say

NAMES = {
    "words": "1 TF-IDF + naive Bayes",
    "mean": "2 mean of vectors, new head",
    runs20.MEAN: "2 the same, vectors trained",
    "LSTM": "2 skip-gram + LSTM",
    "frozen": "3 BERT, frozen, new head",
    "partial": "3 BERT, last block trained",
    "full": "3 BERT, all trained",
    "prompt": "4 BERT, prompt, all trained",
}
LEFT_OUT = "partial", runs20.MEAN  # of the figure
ZERO = "prompt, recentred"  # no label: one accuracy, whatever the draw
SHORT = {m: name[2:] for m, name in NAMES.items()} | {
    ZERO: "BERT, prompt, recentred, no label",
    runs20.MEAN: "mean of vectors, vectors trained",
}
STORY = "And", "Then"
OTHERS = "A", "The", "He", "I", "For", "But"
LATEST = {"saying": LABELS, "poetry": runs20.CONTROL}


def mean(values):
    """The mean accuracy in per cent, as `percent` rounds it."""
    return percent(values).split(" ")[0]


def of_study(study, method, labels, task="saying"):
    """Test accuracies at the chosen rate, one for each seed."""
    lr = runs20.rate(method, labels, task)
    return np.array(
        study.where(method=method, labels=labels, task=task, lr=lr).values("test")
    )


def accuracies(study, task="saying"):
    """{method: {labels: test accuracies, one for each seed}}; naive Bayes is
    fitted here, the others come from the study."""
    found = {}
    for method in NAMES:
        found[method] = {
            n: words.over_draws(n, task).mean(axis=1)
            if method == "words"
            else of_study(study, method, n, task)
            for n in LATEST[task]
        }
    return found


def rows(found, leave=()):
    """One row per method for `table`: mean ± half interval, in per cent, and draws.

    leave: methods left out.
    """
    lines = []
    for method, line in found.items():
        if method in leave:
            continue
        draws = sorted({len(values) for values in line.values()}, reverse=True)
        shown = " or ".join(map(str, draws))
        lines.append([NAMES[method], *map(percent, line.values()), shown])
    return lines


def prompt_recentred(study, labels):
    """(rate, test accuracies, one for each seed) of the *trained* prompt on the unseen
    books, the median of valid's differences subtracted; the rate that is then best."""
    lr = runs20.chosen_unseen(study, labels, "valid recentred")
    arm = study.where(method="prompt", task="poetry", labels=labels, lr=lr)
    return lr, np.array(arm.values("test recentred"))


def prompted(task="saying"):
    """(raw, recentred) test accuracy of the prompt without any label.

    Recentred: `centre`, from the verses of valid, is subtracted first.
    """
    apart, labels = apart_on(task, "test"), parts(task)["test"].labels
    return [float(np.mean((apart > t) == labels)) for t in (0.0, centre(task))]


@cache
def other_words():
    """{(story word, saying word): (raw, recentred) accuracy on test}, one word per kind;
    recentred by the median on valid. No word is chosen by it."""
    pattern = bert.Prompt(bert.load_pretrained(bert.BASE)[0])
    valid, test = (
        bert.outputs(pattern, parts()[k].texts, True, pattern.scores)
        for k in ("valid", "test")
    )
    token = {w: int(bert.load_tokens().encode(w)[0]) for w in (*STORY, *OTHERS)}
    found = {}
    for pair in product(STORY, OTHERS):
        a, b = (token[word] for word in pair)
        apart = [some[:, b] - some[:, a] for some in (valid, test)]
        found[pair] = tuple(
            accuracy(apart[1] > t, parts()["test"].labels)
            for t in (0.0, np.median(apart[0]))
        )
    return found


def apart_on(task, part):
    """Second minus first logit of the prompt for every verse of a part, (n,)."""
    return np.diff(bert.zero_shot(task, part))[:, 0]


def rare_sayings(share=1 / 10):
    """{threshold: (accuracy, stories right, sayings right)} of the prompt where sayings
    are rare in valid and in test: the kept sayings are the first of them. "share": the
    threshold that calls as many of valid's verses sayings as there are."""
    kept = []
    for part in ("valid", "test"):
        labels = parts()[part].labels
        sayings = round(np.sum(labels == 0) * share / (1 - share))
        rows = [np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)[:sayings]]
        rows = np.concatenate(rows)
        kept.append((apart_on("saying", part)[rows], labels[rows]))
    (valid, _), (test, labels) = kept
    found = {}
    levels = {"raw": 0.0, "median": np.median(valid)}
    for name, level in (levels | {"share": np.quantile(valid, 1 - share)}).items():
        right = (test > level) == labels
        found[name] = [
            float(np.mean(right[rows]))
            for rows in (labels >= 0, labels == 0, labels == 1)
        ]
    return found


def about_rare():
    """What recentring costs where one verse in ten is a saying, in valid and in test."""
    rare = rare_sayings()
    holds(
        a_median_is_the_worst_threshold_where_sayings_are_rare=rare["median"][0]
        < min(rare["raw"][0], rare["share"][0]),
        it_calls_many_stories_sayings=rare["median"][1] < 0.7,
    )
    say(
        "**Where only one verse in ten is a saying**, in valid and in test, the median "
        f"gives {rare['median'][0]:.1%}: it still calls half of the verses sayings. The "
        f"raw prompt has {rare['raw'][0]:.1%}, finding {rare['raw'][2]:.0%} of the "
        "sayings; a threshold that calls one verse in ten of valid a saying has "
        f"{rare['share'][0]:.1%}, finding {rare['share'][2]:.0%}. "
        "(Always *story*: nine in ten.) If you know the share, use it instead of one half."
    )


def centre(task="saying", stories=1.0, sayings=1.0):
    """The median difference of the two logits over valid's verses, without their labels.

    stories, sayings: the shares of valid that are kept; with others than 1 the kinds are
    no longer equally frequent (here alone the labels are looked at).
    """
    apart, labels = apart_on(task, "valid"), parts(task)["valid"].labels
    kept = [
        apart[labels == k][: round(np.sum(labels == k) * share)]
        for k, share in enumerate((stories, sayings))
    ]
    return float(np.median(np.concatenate(kept)))


def draw_lines(found, levels, caption, ylims=((58, 97), (85, 98))):
    """Figure: accuracy against labelled verses, few labels left and many right, a mean
    and a 95 % interval for each method; two variants are left to the table.

    levels: {name: accuracy} drawn as grey lines; ylims: of both panels.
    """
    import matplotlib.pyplot as plt

    shown = {m: line for m, line in found.items() if m not in LEFT_OUT}
    fig, axes = plt.subplots(1, 2, figsize=(8.4, 4.6))
    every = list(shown["words"])
    half = len(every) // 2
    for ax, counts in zip(axes, (every[:half], every[half:])):
        for i, (method, line) in enumerate(shown.items()):
            where = np.arange(half) + 0.035 * (i - 2.5)
            mean = [100 * np.mean(line[n]) for n in counts]
            look = {"color": list(COLOURS.values())[i], "marker": MARKS[i]}
            look |= {"linestyle": DASHES[i], "markersize": 5, "linewidth": 1.2}
            bars = [interval(100 * line[n])[1] for n in counts]
            ax.errorbar(where, mean, bars, capsize=3, label=NAMES[method], **look)
        ax.set(xlabel="labelled verses", xticks=range(half))
        ax.set_xticklabels([str(n) for n in counts])
    for (name, level), dashes in zip(levels.items(), ("-", "--")):
        look = {"color": "0.45", "linewidth": 1, "linestyle": dashes}
        for ax in axes:
            ax.axhline(100 * level, label=name, **look)
    titles = "few labels", "many labels (another scale)"
    for ax, ylim, title in zip(axes, ylims, titles):
        ax.set(ylabel="test accuracy (%)", ylim=ylim, title=title)
    handles, names = axes[0].get_legend_handles_labels()
    fig.legend(handles, names, fontsize=8, ncols=3, loc="outside lower center")
    show(fig, f"Accuracy against labelled verses: {_ends(shown)}. {caption}", caption)


def _ends(shown):
    ends = {
        m: [100 * np.mean(line[n]) for n in (min(line), max(line))]
        for m, line in shown.items()
    }
    return "; ".join(
        f"{NAMES[m]} from {a:.0f} to {b:.0f}" for m, (a, b) in ends.items()
    )
