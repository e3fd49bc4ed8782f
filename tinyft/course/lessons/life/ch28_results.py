"""Chapter 28: the study read and drawn, and a baseline that never sees the model."""

import numpy as np

from tinyft import evaluation, models
from tinyft.course import plot
from tinyft.course.experiment import interval, said
from tinyft.course.lessons.life import ch28_contamination as lesson
from tinyft.course.lessons.life import ch28_setting as setting
from tinyft.course.plot import COLOURS

NAMES = {
    "one set": "one set: suspect − clean on the test set alone",
    "one model": "one model: test − shadow by the suspect alone",
    "10 pages": "DiD, 10 test pages, permutation p",
    "interval": "DiD, interval",
    "DiD": "DiD, permutation p",
    "recall": "DiD of greedy recall, permutation p",
    "order": "order of the lines",
    "both": "DiD and order both",
    "any": "DiD or order, corrected",
}


def by_dose(study, score):
    """{dose: a value per seed (20,)} of an audits' score, "DiD" or "AUC loss"."""
    audits = study.where(kind="audit")
    return {dose: np.array(audits.values(f"{score} {dose}")) for dose in setting.DOSES}


def alarms(study, test, alpha=lesson.ALPHA):
    """{dose: of how many seeds the test finds the group contaminated}."""
    found = by_dose(study, f"p {test}")
    return {dose: int((p <= alpha + 1e-9).sum()) for dose, p in found.items()}


def false_alarms(study, test):
    """Shares of false alarms, one per pair of clean models (6 groups each)."""
    return np.array(study.where(kind="null").values(test))


def percent(shares):
    """Mean ± half of the 95 % interval over pairs, in per cent; where all pairs agree there
    is no spread to make an interval of, and the text says so."""
    if np.ptp(shares) == 0:
        return f"{100 * shares[0]:.0f} in all {len(shares)} pairs"
    return said(100 * np.asarray(shares), 1)


def power_rows(study, tests):
    """A row per test: alarms of 20 suspects at each dose."""
    return [[NAMES[test], *alarms(study, test).values()] for test in tests]


def discordant(study, one, other, doses):
    """Suspects that one test finds and the other does not, with McNemar's exact p, for a
    dose each: the suspects of one dose are independent runs."""
    text = []
    for dose in doses:
        a, b = (
            by_dose(study, f"p {test}")[dose] <= lesson.ALPHA + 1e-9
            for test in (one, other)
        )
        only, rest = int((a & ~b).sum()), int((b & ~a).sum())
        p = f", p = {evaluation.mcnemar(only, rest):.3f}" if only + rest else ""
        text.append(f"dose {dose}: {one} {only}, {other} {rest}{p}")
    return "; ".join(text)


def auc_rows(study):
    """A row per score: the mean AUC over seeds ± half its 95 % interval at each dose."""
    return [
        [name, *(said(values, 2) for values in by_dose(study, f"AUC {name}").values())]
        for name in lesson.SCORES
    ]


def blind(members, others, folds=5, seed=0):
    """The AUC of a bag of words: naive Bayes on token counts, fitted on other folds.

    members, others: token ids (n, T), (m, T). It sees the texts and no language model.
    """
    rows = np.concatenate([members, others])
    counts = np.array([np.bincount(r, minlength=setting.VOCAB) for r in rows[:, 1:]])
    labels = np.repeat([1, 0], [len(members), len(others)])
    fold = np.concatenate([np.arange(len(part)) % folds for part in (members, others)])
    fold = np.random.default_rng(seed).permutation(folds)[fold]
    lead = np.zeros(len(rows))
    for k in range(folds):
        bayes = models.classic.NaiveBayes().fit(
            counts[fold != k] * 1.0, labels[fold != k]
        )
        lead[fold == k] = np.diff(bayes.log_posterior(counts[fold == k] * 1.0))[:, 0]
    return evaluation.auc(lead[labels == 1], lead[labels == 0])


def draw_doses(study, caption):
    """DiD against dose: a dot per seed, the mean with its 95 % interval."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(7, 3.6))
    found = list(by_dose(study, "DiD").values())
    rng = np.random.default_rng(0)
    for x, values in enumerate(found):
        at = x + rng.uniform(-0.12, 0.12, len(values))
        ax.plot(at, values, "o", color=COLOURS["sky"], markersize=4, alpha=0.7)
        mean, half = interval(values)
        look = {"color": COLOURS["blue"], "marker": "D", "capsize": 4}
        ax.errorbar(x + 0.25, mean, half, **look)
    ax.axhline(0, color="0.3", linestyle=":")
    ax.set_xticks(range(len(setting.DOSES)), setting.DOSES)
    ax.set(xlabel="times each page was read", ylabel="DiD (nats per token)")
    text = ", ".join(f"{d} times {v.mean():+.2f}" for d, v in zip(setting.DOSES, found))
    plot.show(
        fig, f"Dots of the DiD per seed against the dose. Means: {text}.", caption
    )


def draw_interaction(clean, suspect, caption):
    """The idea of the DiD: mean losses (shadow, test) of both models as two lines, and
    where the suspect's would end if it ran parallel to the clean one's."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(6, 3.6))
    parallel = suspect[0] + clean[1] - clean[0]
    looks = (("clean", clean, "black", "s-"), ("suspect", suspect, "blue", "o-"))
    for name, means, colour, look in looks:
        ax.plot((0, 1), means, look, color=COLOURS[colour], label=name)
    ax.plot((0, 1), (suspect[0], parallel), ":", color="0.4", label="if parallel")
    arrow = {"arrowstyle": "->", "color": COLOURS["vermilion"], "linewidth": 2}
    ax.annotate("", (1.04, suspect[1]), (1.04, parallel), arrowprops=arrow)
    did = suspect[1] - parallel
    ax.text(1.07, (suspect[1] + parallel) / 2, f"DiD\n{did:+.2f}", va="center")
    ax.set_xticks((0, 1), ("shadow (nobody read it)", "test (dose 16)"))
    ax.set(xlabel="30 pages each", ylabel="nats per token", xlim=(-0.2, 1.35))
    fig.legend(loc="outside lower center", ncols=3)
    alt = (
        f"Two lines of mean loss from shadow to test: clean {clean[0]:.2f} to "
        f"{clean[1]:.2f}, "
        f"suspect {suspect[0]:.2f} to {suspect[1]:.2f}; parallel it would end at "
        f"{parallel:.2f}, and an arrow from there marks the DiD of {did:+.2f}."
    )
    plot.show(fig, alt, caption)


def draw_null(values, observed, caption):
    """A histogram of permuted DiDs with the observed one as a line."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(6.4, 2.8))
    ax.hist(values, bins=40, color=COLOURS["sky"])
    ax.axvline(observed, color=COLOURS["vermilion"], linestyle="--")
    ax.set(xlabel="DiD of a random choice of test pages", ylabel="choices")
    alt = (
        f"Histogram of {len(values)} permuted DiDs, from {min(values):+.2f} to "
        f"{max(values):+.2f}; the observed one is at {observed:+.3f}."
    )
    plot.show(fig, alt, caption)


def advice(study):
    """Rows: a situation, what to do, the result here with its section, the price."""
    return [
        [
            "a clean model like the suspect, fresh texts of the test's pool",
            "DiD, permutation p",
            f"{_wrong(study, 'DiD')}; {_found(study, 'DiD', 4, 8, 16)} (3, 6)",
            "a second model",
        ],
        [
            "a file whose order means nothing",
            "the order test",
            f"{_wrong(study, 'order')}; {_found(study, 'order', 2, 4, 8)} (5, 6)",
            "a pass per page and order of its verses",
        ],
        [
            "both of these",
            '"either, corrected" to search, "both" to accuse',
            f"either: {_wrong(study, 'any')}, {_found(study, 'any', 4)}; both: "
            f"{_wrong(study, 'both')}, {_found(study, 'both', 4)} (6)",
            "the sum of the two",
        ],
        *_warnings(study),
    ]


def _warnings(study):
    """The rows of `advice` on what not to do."""
    newer = study.where(kind="newer")
    same, later = (newer.values(f"alarms {k} psalms") for k in lesson.REFERENCES)
    auc = {name: by_dose(study, f"AUC {name}")[16].mean() for name in lesson.SCORES}
    return [
        [
            "few test pages",
            "find more",
            f"10 pages: {_found(study, '10 pages', 8)}; 30 pages: "
            f"{_found(study, 'DiD', 8)} (3)",
            "fresh texts",
        ],
        [
            "no shadow, or one of other books",
            "no DiD",
            f"false alarms (%) with other books: {percent(same)}; {percent(later)} if the "
            "reference has read such books (6)",
            "nothing",
        ],
        [
            "one text to judge",
            "do not, without a clean model",
            f"AUC at dose 16: loss {auc['loss']:.2f}, minus clean "
            f"{auc['minus clean']:.2f}, clean alone {auc['clean alone']:.2f} (4)",
            "nothing",
        ],
    ]


def _found(study, test, *doses):
    at = alarms(study, test)
    return "of 20 suspects " + ", ".join(f"{at[d]} at dose {d}" for d in doses)


def _wrong(study, test):
    return f"false alarms (%) {percent(false_alarms(study, test))}"
