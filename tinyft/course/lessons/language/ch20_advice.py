"""Chapter 20: sentences and tables made from the numbers of its cells."""

import numpy as np

from tinyft.course.lessons.language import ch20_four_paradigms as runs20
from tinyft.course.lessons.language import ch20_results as results
from tinyft.course.lessons.language import ch20_vectors as vec
from tinyft.course.lessons.language import ch20_words as words
from tinyft.course.lessons.language.ch20_setting import (
    LABELS,
    paired,
    parts,
    percent,
    settled,
    share,
)
from tinyft.course.prose import say, table

chosen = runs20.rate  # of a method with so many labels, as valid chose it


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
            paired(_best(study, kind, n), _best(study, "LSTM", n)) for n in (10, 300)
        ]
        rows.append([f"{kind} − LSTM", *gaps])
    table(["on valid, each at its best rate, points", "10 labels", "300"], rows)


def _best(study, kind, n):
    arm = study.where(method=kind, labels=n, task="saying")
    values = arm.where(lr=runs20.swept(study, kind, n)).values("valid")
    return 1 - np.array(values[:5])


def vectors_table(study):
    """Counts, the mean of fixed and of trained vectors, and the LSTM, on test."""
    rows = []
    for n in LABELS:
        fixed, trained, lstm = (results.of_study(study, m, n) for m in READERS)
        row = [*map(percent, (words.over_draws(n), fixed, trained, lstm))]
        rows.append([n, *row, paired(trained, fixed), paired(lstm, trained)])
    head = ["naive Bayes, %", "mean, fixed vectors", "mean, trained vectors", "LSTM"]
    table(["labels", *head, "mean: trained − fixed", "LSTM − trained mean"], rows)


def about_vectors(study):
    """Where the means beat naive Bayes, where order pays, what more steps bring."""
    bayes = {n: words.over_draws(n) for n in LABELS}
    fixed, trained, lstm = (_everywhere(study, m) for m in READERS)
    far = {m: _everywhere(study, m, "poetry") for m in READERS}
    say(
        f"The mean of fixed vectors is {stands(fixed, bayes, 'naive Bayes')}. **Does "
        f"order pay?** The LSTM is {stands(lstm, trained, 'the trained *mean*')}, and "
        f"{stands(lstm, fixed, 'the fixed one')}. On the unseen books of section 6 it is "
        f"{stands(far['LSTM'], far[runs20.MEAN], 'the trained mean')}, and "
        f"{stands(far['LSTM'], far['mean'], 'the fixed one')}."
    )
    lr = min(runs20.longer_rates("saying"), key=lambda r: _errors(study, r))
    long = study.where(method=runs20.LONG, task="saying", lr=lr).values("test")
    say(
        f"The LSTM with 400 steps minus with 80, 1000 labels (rate {lr:g}), in points: "
        f"{paired(long, lstm[1000][: len(long)])}."
    )


READERS = "mean", runs20.MEAN, "LSTM"


def _everywhere(study, method, task="saying"):
    counts = results.LATEST[task]
    return {n: results.of_study(study, method, n, task) for n in counts}


def _errors(study, lr):
    return sum(study.where(method=runs20.LONG, task="saying", lr=lr).values("valid"))


def where(a, b, sign=1):
    """Labels where a − b is settled, > 0 for sign 1; the seeds that both have."""
    hits = []
    for n in (n for n in a if n in b):
        count = min(len(a[n]), len(b[n]))
        if settled(a[n][:count], b[n][:count]) == sign:
            hits.append(n)
    return hits


def at(hits):
    """Text: "with 4 and 10 labels"; "" for none."""
    if not hits:
        return ""
    *rest, last = map(str, hits)
    return f"with {', '.join(rest) + ' and ' if rest else ''}{last} labels"


def stands(a, b, name):
    """Text: where a is reliably above b and where below; b is called `name`."""
    above, below = at(where(a, b)), at(where(a, b, -1))
    if above and below:
        return f"reliably above {name} {above}, below it {below}"
    if above or below:
        return f"reliably {'above' if above else 'below'} {name} {above or below}"
    return f"neither reliably above nor below {name}"


def about_zero(raw, recentred):
    """The prompt without labels, beside naive Bayes."""
    reached = [n for n in LABELS if words.over_draws(n).mean() >= raw]
    shift, uneven = results.centre(), results.centre(sayings=590 / 968)
    apart, test = results.apart_on("saying", "test"), parts()["test"]
    tilted = np.mean((apart > uneven) == test.labels)
    (low, up), (least, most) = (
        (min(some), max(some)) for some in zip(*results.other_words().values())
    )
    say(
        f"No label: **{share(raw, 400)} %** raw, **{share(recentred, 400)} %** recentred "
        "(± : what 400 test verses leave open, not the median). Naive Bayes "
        "reaches the raw accuracy on "
        f"average with {reached[0] if reached else 'more than 1000'} labels (of those "
        f"tried). The median on valid is {shift:+.2f}: on the whole BERT leans to "
        f"{'sayings' if shift > 0 else 'stories'}. With 65 of valid's 106 sayings, the "
        f"pool's shares (968 to 590), the median is {uneven:+.2f} and the accuracy "
        f"{tilted:.1%}, {'still above' if tilted > raw else 'no longer above'} raw."
    )
    say(
        "**Other words**, one per kind, And against each of "
        f"{', '.join(results.OTHERS)}, on valid: raw "
        f"{low:.1%} to {up:.1%}, recentred {least:.1%} to {most:.1%}."
    )


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


PAIRS = [("full", "words"), ("prompt", "words"), ("frozen", "words"), ("mean", "words")]
PAIRS += [("full", "mean"), ("full", "frozen"), ("full", "partial"), ("prompt", "full")]
PAIRS += [("prompt", results.ZERO), ("full", results.ZERO)]
CLOSE = PAIRS[0], *PAIRS[-4:]  # what section 8 decides by


def differences(found, recentred, pairs=PAIRS, what="points"):
    """Paired differences, method against method. Returns how many there are."""
    found, rows = with_recentred(found, recentred), []
    for a, b in pairs:
        line = [f"{results.SHORT[a]} − {results.SHORT[b]}"]
        for n in found[a]:
            count = min(len(found[a][n]), len(found[b][n]))
            line.append(paired(found[a][n][:count], found[b][n][:count], " (n.s.)"))
        rows.append(line)
    table([f"{what} (n.s.: not settled)", *map(str, found["full"])], rows)
    return len(rows) * len(found["full"])


def with_recentred(found, recentred):
    """The accuracies and, for every draw the same, that of the recentred prompt."""
    level = {n: np.full(len(found["full"][n]), recentred) for n in found["full"]}
    return found | {results.ZERO: level}


def about_lines(found, raw, recentred):
    """What Figure 1 settles, pair by pair."""
    few, many, bayes = LABELS[0], LABELS[-1], found["words"]
    found = with_recentred(found, recentred)
    say(
        f"**What it says.** With {few} labels the trained prompt has "
        f"{percent(found['prompt'][few])} %, naive Bayes {percent(bayes[few])} %; "
        f"with {many}, {percent(found['prompt'][many])} and {percent(bayes[many])}. The "
        f"trained prompt is {stands(found['prompt'], bayes, 'naive Bayes')}; BERT with a "
        f"new head, all trained, {stands(found['full'], bayes, 'naive Bayes')}; the frozen "
        f"head {stands(found['frozen'], bayes, 'naive Bayes')}."
    )
    zero = found[results.ZERO]
    say(
        "**Is training worth it?** Against the *recentred* prompt, which no label trains: "
        f"the trained prompt is {stands(found['prompt'], zero, 'it')}; the new head "
        f"{stands(found['full'], zero, 'it')}; its last block alone "
        f"{stands(found['partial'], zero, 'it')}. Trained, the prompt is "
        f"{stands(found['prompt'], found['full'], 'the new head')}. All of BERT is "
        f"{stands(found['full'], found['partial'], 'the last block alone')}, which is "
        "cheaper (section 8)."
    )


def about_control(unseen, other):
    """The books that nothing has read: which order holds there."""
    full, prompt, bayes, mean = (unseen[m] for m in ("full", "prompt", "words", "mean"))
    say(
        f"Without a label: {share(other[0], 400)} % raw, {share(other[1], 400)} % "
        f"recentred. On unseen books the new head is {stands(full, bayes, 'naive Bayes')} "
        f"and {stands(full, mean, 'the mean of vectors')}; the trained prompt is "
        f"{stands(prompt, bayes, 'naive Bayes')} and "
        f"{stands(prompt, mean, 'the mean of vectors')}. The frozen head is "
        f"{stands(unseen['frozen'], bayes, 'naive Bayes')}. *There* the lead cannot come "
        "from having read the test; how much it adds in Figure 1, these controls do not "
        "say."
    )
