"""Chapter 12: its pictures and tables, every number computed.

draw_tasks()                         what the sources and the target look like
draw_rows(errors, other, names)      who errs where: seeds down, test examples across
false_alarms(count)                  three rules on equal recipes
verdicts(errors), advice(...)        the tables of sections 6 and 10
"""

import numpy as np

from tinyft import evaluation, no_grad, ops, tensor
from tinyft.course.experiment import said
from tinyft.course.lessons.safeguards import ch12_negative_transfer as lesson
from tinyft.course.plot import COLOURS, show
from tinyft.transfer import leep, logme


def draw_tasks():
    """Figure 1: five images of the target and of every source, with their labels."""
    import matplotlib.pyplot as plt

    names = ("target, 5–9", *lesson.SOURCES)
    fig, grid = plt.subplots(3, 15, figsize=(9, 3.0))
    for i, name in enumerate(names):
        target = lesson.labelled(1, 0)
        x, y = target if i == 0 else lesson.source_task(name, 0)
        for j in range(5):
            ax = grid[i // 3, 5 * (i % 3) + j]
            ax.imshow(x[j].reshape(8, 8), cmap="gray_r")
            ax.axis("off")
            ax.text(0.5, -0.22, int(y[j]), transform=ax.transAxes, ha="center", size=8)
        grid[i // 3, 5 * (i % 3) + 2].set_title(name, fontsize=9)
    text = (
        "Figure 1. Five images of the target and of each source; below each its label."
    )
    show(fig, f"Rows of 8 × 8 digits with labels: {', '.join(names)}.", text)


def draw_rows(first, second, caption):
    """Figure 2: first − second, (seeds, examples): one row per seed, with its gap."""
    import matplotlib.pyplot as plt
    from matplotlib.colors import ListedColormap

    d = first - second
    order = np.argsort(-d.mean(axis=0), kind="stable")
    fig, ax = plt.subplots(figsize=(8.5, 2.9))
    colours = ListedColormap([COLOURS["blue"], "white", COLOURS["vermilion"]])
    ax.imshow(d[:, order], cmap=colours, aspect="auto", interpolation="nearest")
    for s, gap in enumerate(d.mean(axis=1)):
        ax.text(d.shape[1] + 3, s, f"{gap:+.3f}", va="center", fontsize=8)
    ax.set(xlabel="test example, sorted", ylabel="seed", yticks=range(len(d)))
    ax.grid(visible=False)
    gaps = ", ".join(f"{gap:+.3f}" for gap in d.mean(axis=1))
    show(
        fig,
        f"A matrix of seeds by test examples; the gaps of its rows: {gaps}.",
        caption,
    )


def equal_recipes(rng, seeds=5, examples=300):
    """(errors of one recipe, of another just as good), (seeds, examples), 0/1.

    Each run has a skill, each example a difficulty, in part another one for each recipe;
    an error is a difficulty above the skill, with some luck. The labels that both runs of
    a seed get move both skills. In the mean over all examples the recipes are equal.
    """
    hard, labels = rng.normal(size=examples), 0.2 * rng.normal(size=(seeds, 1))

    def recipe():
        own = 0.4 * rng.normal(size=examples)
        skill = 1.0 + labels + 0.15 * rng.normal(size=(seeds, 1))
        luck = 0.5 * rng.normal(size=(seeds, examples))
        return (hard + own + luck > skill).astype(int)

    return recipe(), recipe()


def false_alarms(count, seed=0):
    """{rule: share of `count` comparisons of equal recipes in which it sees a winner}."""
    rng, found = np.random.default_rng(seed), np.zeros(3)
    for _ in range(count):
        a, b = equal_recipes(rng)
        decided = evaluation.decide(a, b)
        t = evaluation.student(0.95, len(a) - 1)
        found += (
            significant(a[0], b[0]) != 0,
            abs(decided.gap) > t * decided.over_seeds,
            decided.sign != 0,
        )
    rules = "McNemar, one pair", "five seeds", "five seeds and examples"
    return dict(zip(rules, (found / count).tolist()))


def significant(first, second, kind="exact"):
    """McNemar's verdict on two models at 5 %: the gap's sign, 0 where p > 0.05."""
    pairs = evaluation.paired(first, second)
    if pairs.b + pairs.c == 0 or evaluation.mcnemar(pairs.b, pairs.c, kind) > 0.05:
        return 0
    return 1 if pairs.gap > 0 else -1


def verdicts(errors, rates):
    """(titles, rows) of section 6; errors: {name: (seeds, examples)}, with SCRATCH."""
    scratch, rows = errors[lesson.SCRATCH], []
    for name in lesson.SOURCES:
        found = evaluation.decide(errors[name], scratch)
        signs = [significant(a, b) for a, b in zip(errors[name], scratch)]
        seeds = f"{signs.count(1)} / {signs.count(-1)}"
        gap = f"{found.gap:+.3f} ± {found.half:.3f}"
        rate = f"{rates[name]:g}"
        rows.append(
            [name, rate, f"{errors[name].mean():.3f}", gap, seeds, found.verdict]
        )
    head = [
        "source",
        "rate",
        "error",
        "gap ± 95 %",
        "McNemar: worse / better",
        "verdict",
    ]
    return head, rows


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


def agreement(found, gaps):
    """Kendall's τ: the share of pairs of sources in the right order, minus the wrong."""
    pairs = [(i, j) for i in range(len(gaps)) for j in range(i)]
    found, gaps = np.asarray(found), np.asarray(gaps)
    return float(
        np.mean(
            [-np.sign((found[i] - found[j]) * (gaps[i] - gaps[j])) for i, j in pairs]
        )
    )


def draw_scores(found, gaps, caption):
    """Figure 8: each score against the measured gap; found: {name: (LEEP, LogME)}."""
    import matplotlib.pyplot as plt

    fig, both = plt.subplots(1, 2, figsize=(8.5, 3.6), sharey=True)
    text = []
    for k, (ax, title) in enumerate(zip(both, ("LEEP", "LogME"))):
        for i, name in enumerate(sorted(found, key=gaps.get)):
            place = found[name][k], gaps[name]
            ax.plot(*place, "o", color=COLOURS["blue"])
            above = (4, 3) if i % 2 else (4, -9)  # neighbours do not cover each other
            ax.annotate(
                name, place, fontsize=7.5, xytext=above, textcoords="offset points"
            )
        ax.axhline(0, color="0.5", linewidth=1)
        ax.margins(x=0.28)
        ax.set_xlabel(f"{title} (nats), larger is better")
        tau = agreement([v[k] for v in found.values()], [gaps[n] for n in found])
        text.append(f"{title} τ = {tau:.2f}")
    both[0].set_ylabel("transfer gap (error rate)")
    show(
        fig,
        f"Points of the transfer gap against two scores: {'; '.join(text)}.",
        caption,
    )


def by_labels(study):
    """(titles, rows): error from scratch and the gaps, for each number of labels."""
    rows = []
    for k in lesson.LABELS:
        base = lesson.chosen(study.where(source=lesson.SCRATCH, labels=k))[1]
        row = [k, f"{base.mean():.3f}"]
        for name in (lesson.NOISY, lesson.OTHER):
            found = study.where(source=name, labels=k, length=lesson.LENGTH)
            row.append(said(lesson.chosen(found)[1] - base, 3, sign=True))
        rows.append(row)
    sources = (f"gap of {name}" for name in (lesson.NOISY, lesson.OTHER))
    return ["labels per class", "error from scratch", *sources], rows


def sizes(discordance, gaps=(0.03, 0.05, 0.1), ask=0.8):
    """Rows (gap, test examples): where the exact test finds it with the chance `ask`.

    From the normal approximation up in steps of 2 %, so to two digits.
    """
    rows = []
    for gap in gaps:
        share = (1 + gap / discordance) / 2
        N = int(7.85 * (discordance - gap**2) / gap**2)  # (1.96 + 0.84)²
        while evaluation.rejection_overall(N, discordance, share=share) < ask:
            N += N // 50 + 1
        rows.append([f"{gap:.2f}", N])
    return rows
