"""Chapter 12: its pictures and tables, every number computed.

draw_tasks()                         what the sources and the target look like
draw_rows(errors, other, caption)    who errs where: seeds down, test examples across
winners(count, better)               three rules on two simulated recipes
verdicts(errors), by_half(errors), remedies(study)    the tables of section 6
"""

from functools import cache

import numpy as np

from tinyft import evaluation, no_grad, tensor
from tinyft.course.experiment import said
from tinyft.course.lessons.safeguards import ch12_negative_transfer as lesson
from tinyft.course.plot import COLOURS, show

LEVEL = 1 - 0.05 / len(lesson.SOURCES)  # 5 % for all eight verdicts together


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
    """Figure 3: first − second, (seeds, examples): one row per seed, with its gap."""
    import matplotlib.pyplot as plt
    from matplotlib.colors import ListedColormap

    d = first - second
    order = np.argsort(-d.mean(axis=0), kind="stable")
    fig, ax = plt.subplots(figsize=(8.5, 2.9))
    colours = ListedColormap([COLOURS["blue"], "white", COLOURS["vermilion"]])
    ax.imshow(d[:, order], cmap=colours, aspect="auto", interpolation="nearest")
    for s, gap in enumerate(d.mean(axis=1)):
        ax.text(d.shape[1] + 3, s, f"{gap:+.3f}", va="center", fontsize=8)
    ax.set(
        xlabel="test image, sorted by the mean of its column",
        ylabel="seed",
        yticks=range(len(d)),
    )
    ax.grid(visible=False)
    gaps = ", ".join(f"{gap:+.3f}" for gap in d.mean(axis=1))
    show(
        fig,
        f"A matrix of seeds by test examples; the gaps of its rows: {gaps}.",
        caption,
    )


def two_recipes(rng, better=0.0, seeds=5, examples=300):
    """(errors of one recipe, of another), (seeds, examples), 0/1.

    Each run has a skill, each example a difficulty, in part another one for each recipe;
    an error is a difficulty above the skill, with some luck. The labels that both runs of
    a seed get move both skills. In the mean over all examples the recipes are equal, or
    the second is more skilful by `better`.
    """
    hard, labels = rng.normal(size=examples), 0.2 * rng.normal(size=(seeds, 1))

    def recipe(mean):
        own = 0.4 * rng.normal(size=examples)
        skill = mean + labels + 0.15 * rng.normal(size=(seeds, 1))
        luck = 0.5 * rng.normal(size=(seeds, examples))
        return (hard + own + luck > skill).astype(int)

    return recipe(1.0), recipe(1.0 + better)


def winners(count, better=0.0, seed=0):
    """({rule: share of `count` comparisons with a winner}, gap, its two standard errors).

    Three rules on `two_recipes`: with better=0 every winner is a false alarm. The gap and
    the standard errors over seeds and over examples are means of all comparisons.
    """
    rng, found, means = np.random.default_rng(seed), np.zeros(3), np.zeros(3)
    for _ in range(count):
        a, b = two_recipes(rng, better)
        decided = evaluation.decide(a, b)
        t = evaluation.student(0.95, len(a) - 1)
        found += (
            significant(a[0], b[0]) != 0,
            abs(decided.gap) > t * decided.over_seeds,
            decided.sign != 0,
        )
        means += decided.gap, decided.over_seeds, decided.over_examples
    rules = "McNemar, one pair", "five seeds", "five seeds and images"
    return dict(zip(rules, (found / count).tolist())), *(means / count).tolist()


def significant(first, second, kind="exact"):
    """McNemar's verdict on two models at 5 %: the gap's sign, 0 where p > 0.05."""
    pairs = evaluation.paired(first, second)
    if pairs.b + pairs.c == 0 or evaluation.mcnemar(pairs.b, pairs.c, kind) > 0.05:
        return 0
    return 1 if pairs.gap > 0 else -1


def worded(first, second):
    """(gap ± half width (12.6), verdict); a hint stands at 5 %, not at 0.05/8."""
    found = evaluation.decide(first, second)
    strict = evaluation.decide(first, second, LEVEL)
    hint = " (a hint)" if found.sign and not strict.sign else ""
    return f"{found.gap:+.3f} ± {found.half:.3f}", found.verdict + hint


def verdicts(errors, rates):
    """(titles, rows) of section 6; errors: {name: (seeds, examples)}, with SCRATCH."""
    scratch, rows = errors[lesson.SCRATCH], []
    for name in lesson.SOURCES:
        gap, verdict = worded(errors[name], scratch)
        signs = [significant(a, b) for a, b in zip(errors[name], scratch)]
        seeds = f"{signs.count(1)} / {signs.count(-1)}"
        rate = f"{rates[name]:g}"
        rows.append([name, rate, f"{errors[name].mean():.3f}", gap, seeds, verdict])
    seeds = "McNemar: worse / better"
    return ["source", "rate", "error", "gap (12.6)", seeds, "verdict"], rows


def firm(errors):
    """The sources whose verdict stands at 5 % for all eight together (Bonferroni)."""
    base = errors[lesson.SCRATCH]
    return [
        name
        for name in lesson.SOURCES
        if evaluation.decide(errors[name], base, LEVEL).sign
    ]


def outside(seed):
    """(test images,): the share of each that the ten labelled images do not span.

    |x − its projection|/|x|: 0 is a mixture of the ten, 1 has no pixel in common.
    """
    x = lesson.flat(lesson.parts()["test"][0])
    span = np.linalg.qr(lesson.labelled(2, seed)[0].T)[0]  # (64, 10)
    return np.linalg.norm(x - x @ span @ span.T, axis=1) / np.linalg.norm(x, axis=1)


def halves(values):
    """The mean of each seed, (seeds, 2): on images like its labelled ones, and the others.

    values (seeds, test images).  The half with the smaller `outside`, and the other one.
    """
    far = np.array([outside(seed) for seed in lesson.TEN])
    far = far > np.median(far, axis=1, keepdims=True)
    return np.stack([[v[~f].mean(), v[f].mean()] for v, f in zip(values, far)])


def by_half(errors, names):
    """(titles, rows): gaps on both halves, and as shares of scratch's error there."""
    scratch = errors[lesson.SCRATCH]
    own = halves(scratch)
    rows = [
        [f"(error from {lesson.SCRATCH})", *(said(v, 3) for v in own.T), "", "", ""]
    ]
    for name in names:
        gap = halves(errors[name] - scratch)
        share = (gap / own).T
        pairs = [*gap.T, *share, share[1] - share[0]]
        digits = 3, 3, 2, 2, 2
        rows.append([name, *(said(*p, sign=True) for p in zip(pairs, digits))])
    titles = ["gap, images like the ten", "gap, the others"]
    titles += [f"gap / {lesson.SCRATCH}'s error, {k}" for k in ("like", "others")]
    return ["mean ± 95 % over seeds", *titles, "difference of these"], rows


def own_error(name, length):
    """A source's error on the images and labels it was trained on, mean of the seeds."""
    found = []
    for seed in lesson.TEN:
        x, y = lesson.source_task(name, seed)
        model = lesson.source(name, seed, length, head=True)
        with no_grad():
            logits = model(tensor(x)).numpy()
        found.append(np.mean(logits.argmax(axis=1) != y))
    return float(np.mean(found))


def remedies(study):
    """(titles, rows): gaps (12.6) with more labels, and with a shorter 0–4 source."""

    def gap(name, labels, length=lesson.LENGTH):
        base = arm(study, lesson.SCRATCH, labels)
        return worded(arm(study, name, labels, length), base)

    def row(k, length=lesson.LENGTH):
        steps = f"{length} steps", f"{own_error(lesson.OTHER, length):.0%}"
        return [f"{k} labels per class, {steps[0]}", steps[1]]

    rows = []
    for k in lesson.LABELS:
        error = f"{arm(study, lesson.SCRATCH, k).mean():.3f}"
        noisy = gap(lesson.NOISY, k)[0]
        rows.append([*row(k), error, noisy, *gap(lesson.OTHER, k)])
    for length in (100, 30, 10):
        rows.append([*row(2, length), "", "", *gap(lesson.OTHER, 2, length)])
    own = f"{lesson.OTHER}'s error on its own images"
    gaps = (f"gap of {name} (12.6)" for name in (lesson.NOISY, lesson.OTHER))
    return ["", own, "error from scratch", *gaps, f"verdict on {lesson.OTHER}"], rows


@cache
def _arm(name, lr, labels, length):
    runs = (lesson.fine_tuned(name, s, lr, labels, length) for s in lesson.TEN)
    return np.array([lesson.errors(model) for model in runs])


def arm(study, name, labels=2, length=lesson.LENGTH):
    """The errors (seeds, test images) of an arm at its best rate, trained again."""
    rate = lesson.chosen(study.where(source=name, labels=labels, length=length))[0]
    return _arm(name, rate, labels, length)


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
