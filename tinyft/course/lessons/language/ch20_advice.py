"""Chapter 20: sentences and tables made from the numbers of its cells."""

import numpy as np

from tinyft.course.lessons.language import ch20_four_paradigms as runs20
from tinyft.course.lessons.language import ch20_pairs as pairs
from tinyft.course.lessons.language import ch20_results as results
from tinyft.course.lessons.language import ch20_vectors as vec
from tinyft.course.lessons.language import ch20_words as words
from tinyft.course.lessons.language.ch20_setting import (
    LABELS,
    paired,
    parts,
    percent,
    share,
)
from tinyft.course.prose import say, table

chosen = runs20.rate  # of a method with so many labels, as valid chose it
MEAN, ZERO = runs20.MEAN, results.ZERO


def swept_table(study, methods):
    """Accuracy on valid at every rate of the sweeps, a column for each rate, the best of
    a row in bold: the mean over `choosing`, five draws, but fewer for BERT."""
    rates = sorted({lr for m in methods for lr in runs20.RATES[m]})
    rows = []
    for method in methods:
        for n in runs20.SWEPT:
            if grid := runs20.grid(method, n):
                best = runs20.swept(study, method, n)
                shown = [
                    _right(study, method, n, lr) if lr in grid else "" for lr in rates
                ]
                shown = [f"**{x}**" if lr == best else x for lr, x in zip(rates, shown)]
                rows.append([method, n, len(runs20.choosing(method, n)), *shown])
    table(["valid, %", "labels", "draws", *(f"{lr:g}" for lr in rates)], rows)


def _right(study, method, labels, lr):
    arm = study.where(method=method, labels=labels, task="saying", lr=lr)
    found = arm.values("valid")[: len(runs20.choosing(method, labels))]
    return f"{100 - 100 * np.mean(found):.1f}"


def about_kinds(study):
    """Each LSTM at its best rate against the one used here, on valid, five draws."""
    rows = []
    for kind in list(vec.KINDS)[1:4]:
        gaps = [
            paired(_best(study, kind, n), _best(study, "LSTM", n), "") for n in (10, 300)
        ]
        rows.append([f"{kind} − LSTM", *gaps])
    table(["on valid, each at its best rate, points", "10 labels", "300"], rows)


def _best(study, kind, n):
    arm = study.where(method=kind, labels=n, task="saying")
    values = arm.where(lr=runs20.swept(study, kind, n)).values("valid")
    return 1 - np.array(values[:5])


def vectors_table(here):
    """Naive Bayes, the mean of fixed and of trained vectors, and the LSTM, on test."""
    rows = []
    for n in LABELS:
        row = [percent(here.found[m][n]) for m in ("words", "mean", MEAN, "LSTM")]
        gaps = here.gap("mean", "words", n), here.gap("LSTM", MEAN, n)
        rows.append([n, *row, *map(str, gaps)])
    head = ["naive Bayes, %", "mean, fixed vectors", "mean, trained vectors", "LSTM"]
    table(["labels", *head, "fixed mean − naive Bayes", "LSTM − trained mean"], rows)


def about_longer(study):
    """What five times the steps bring the LSTM with 1000 labels."""
    lr = min(runs20.longer_rates("saying"), key=lambda r: _errors(study, r))
    long = study.where(method=runs20.LONG, task="saying", lr=lr).values("test")
    usual, at = results.of_study(study, "LSTM", 1000), chosen("LSTM", 1000)
    say(
        f"The LSTM with 400 steps (rate {lr:g}, the better of two on valid) minus with 80 "
        f"(rate {at:g}), 1000 labels, in points, by draws: "
        f"{paired(long, usual[: len(long)])}."
    )


def _errors(study, lr):
    return sum(study.where(method=runs20.LONG, task="saying", lr=lr).values("valid"))


def about_zero(raw, recentred):
    """The prompt without labels, beside naive Bayes."""
    first, second = map(_reached, (raw, recentred))
    shift, uneven = results.centre(), results.centre(sayings=590 / 968)
    apart, test = results.apart_on("saying", "test"), parts()["test"]
    tilted = np.mean((apart > uneven) == test.labels)
    before, after = zip(*results.other_words().values())
    say(
        f"No label: **{share(raw, 400)} %** raw, **{share(recentred, 400)} %** recentred "
        "(± covers the choice of 400 test verses, not of the median). Of the numbers of "
        f"labels tried, naive Bayes reaches the raw accuracy with {first}, the recentred "
        f"with {second}. The median on valid is {shift:+.2f}: BERT leans to "
        f"{'sayings' if shift > 0 else 'stories'}. Had valid only the first 65 of its 106 "
        f"sayings (the pool's shares), the median would be {uneven:+.2f}, the accuracy on "
        f"this test, still half and half, {tilted:.1%}."
    )
    say(
        f"**Other words**, one per kind, {len(after)} pairs, on test: raw "
        f"{min(before):.1%} to {max(before):.1%}, recentred {min(after):.1%} to "
        f"{max(after):.1%} (Reference, B)."
    )


def _reached(level):
    counts = [n for n in LABELS if words.over_draws(n).mean() >= level]
    return counts[0] if counts else f"more than {LABELS[-1]}"


def about_training(tuned, body, before, after, centre):
    """What training a prompt has moved: its weights, and the differences on test."""
    old, new = ([p.numpy() for p in m.parameters()] for m in (body, tuned.body))
    step = max(np.abs(b - a).max() for a, b in zip(old, new))
    size = np.sqrt(np.mean(np.concatenate([a.ravel() for a in old]) ** 2))
    moved = after - before
    say(
        f"Trained on 10 labels, rate {chosen('prompt', 10):g}: no weight moves by more "
        f"than {step:.1g} (their root mean square: {size:.1g}); the differences move by "
        f"{np.mean(moved):+.2f} (standard deviation {np.std(moved):.2f}). Same verdict as "
        f"recentred for {np.mean((after > 0) == (before > centre)):.1%} of the test."
    )




def unseen_table(study):
    """The same on the unseen books' valid, for the prompt also recentred afterwards."""
    lines = [(*key, "valid") for key in runs20.UNSEEN]
    lines += [("prompt", n, "valid recentred") for n in (10, 32)]
    rows = []
    for method, n, score in lines:
        arm = study.where(method=method, labels=n, task="poetry")
        seeds = runs20.UNSEEN_SEEDS[n]
        right = {
            lr: 1 - np.mean([arm.where(lr=lr, seed=k).values(score)[0] for k in seeds])
            for lr in runs20.UNSEEN[method, n]
        }
        shown = {lr: f"{100 * share:.1f}" for lr, share in right.items()}
        shown[max(right, key=right.get)] = f"**{100 * max(right.values()):.1f}**"
        name = method + score.removeprefix("valid")
        rows.append([name, n, len(seeds), *(shown.get(lr, "") for lr in runs20.FEW)])
    head = ["unseen books: valid, %", "labels", "draws"]
    table([*head, *(f"{lr:g}" for lr in runs20.FEW)], rows)
