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
    """Naive Bayes, the mean of the vectors and the LSTM on test, and the differences."""
    rows = []
    for n in LABELS:
        bayes = words.over_draws(n)
        mean, lstm = (results.of_study(study, m, n) for m in ("mean", "LSTM"))
        row = [*map(percent, (bayes, mean, lstm))]
        rows.append([n, *row, paired(mean, bayes), paired(lstm, mean)])
    head = ["naive Bayes, %", "mean of vectors, %", "LSTM, %"]
    table(["labels", *head, "mean − naive Bayes", "LSTM − mean"], rows)


def about_vectors(study):
    """Where the vectors beat naive Bayes, where the LSTM beats their mean, more steps."""
    bayes = {n: words.over_draws(n) for n in LABELS}
    mean, lstm = (
        {n: results.of_study(study, m, n) for n in LABELS} for m in ("mean", "LSTM")
    )
    lr = min(runs20.longer_rates("saying"), key=lambda r: _errors(study, r))
    long = study.where(method=runs20.LONG, task="saying", lr=lr).values("test")
    say(
        f"The mean is reliably above naive Bayes {at(where(mean, bayes))}, below it "
        f"{at(where(mean, bayes, -1))}. The LSTM is reliably above the *mean*, which "
        f"knows no order, {at(where(lstm, mean))}, below it {at(where(lstm, mean, -1))}. "
        f"400 steps instead of 80 with 1000 labels (rate {lr:g}), in points: "
        f"{paired(long, lstm[1000][: len(long)])}."
    )


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
    """Text: "with 4 and 10 labels", or that it is nowhere."""
    if not hits:
        return "for none of the label counts tried"
    *rest, last = map(str, hits)
    return f"with {', '.join(rest) + ' and ' if rest else ''}{last} labels"


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
        "(± : what 400 test verses leave open). Naive Bayes reaches the raw accuracy on "
        f"average with {reached[0] if reached else 'more than 1000'} labels (of those "
        f"tried). The median on valid is {shift:+.2f}: on the whole BERT leans to "
        f"{'sayings' if shift > 0 else 'stories'}. Were valid's kinds 968 to 590, as in "
        f"the pool, the median would be {uneven:+.2f} and the accuracy {tilted:.1%}."
    )
    say(
        "**Other words**, one per kind, And against each of "
        f"{', '.join(results.OTHERS)}, on valid: raw "
        f"{low:.1%} to {up:.1%}, recentred {least:.1%} to {most:.1%}."
    )


PAIRS = [("full", "words"), ("prompt", "words"), ("frozen", "words"), ("mean", "words")]
PAIRS += [("full", "mean"), ("prompt", "full"), ("full", "frozen"), ("full", "partial")]


def differences(found):
    """Paired differences, method against method; how many are settled by luck."""
    rows = []
    for a, b in PAIRS:
        line = [f"{results.NAMES[a][2:]} − {results.NAMES[b][2:]}"]
        for n in found[a]:
            count = min(len(found[a][n]), len(found[b][n]))
            line.append(paired(found[a][n][:count], found[b][n][:count], " (n.s.)"))
        rows.append(line)
    table(["points (n.s.: not settled)", *map(str, found["full"])], rows)
    count = len(PAIRS) * len(found["full"])
    say(
        f"Only draws that both methods have are compared, so a row need not be the "
        f"difference of two rows above. These are {count} intervals of 95 %: of true "
        f"zeros, one in twenty, {count / 20:.0f} of {count}, would look settled by chance. "
        "Trust the large ones and those that recur along a row."
    )


def about_lines(found, raw, recentred):
    """What Figure 1 settles, pair by pair."""
    few, many = LABELS[0], LABELS[-1]
    above = {pair: at(where(found[pair[0]], found[pair[1]])) for pair in PAIRS}
    below = {pair: at(where(found[pair[0]], found[pair[1]], -1)) for pair in PAIRS}
    say(
        f"**What it says.** With {few} labels the trained prompt has "
        f"{percent(found['prompt'][few])} %, naive Bayes {percent(found['words'][few])} %; "
        f"with {many}, {percent(found['prompt'][many])} and "
        f"{percent(found['words'][many])}. Reliably above naive Bayes: the trained prompt "
        f"{above['prompt', 'words']}; BERT with a new head {above['full', 'words']}, and "
        f"it is reliably above the mean of vectors {above['full', 'mean']}. The frozen "
        f"head is reliably below naive Bayes {below['frozen', 'words']}: perhaps "
        "features that do not move stop gaining."
    )
    say(
        f"**Prompt or new head?** Trained, the prompt is reliably above the new head "
        f"{above['prompt', 'full']}, below it {below['prompt', 'full']}. With 10 labels "
        f"it has {percent(found['prompt'][10])} %; recentring had {recentred:.1%} without "
        f"a label, raw {raw:.1%}."
    )


def about_control(unseen, other):
    """The books that nothing has read: which order holds there."""
    full, prompt, bayes, mean = (unseen[m] for m in ("full", "prompt", "words", "mean"))
    say(
        f"Without a label: {share(other[0], 400)} % raw, {share(other[1], 400)} % "
        f"recentred. On unseen books the new head is reliably above naive Bayes "
        f"{at(where(full, bayes))}, the trained prompt {at(where(prompt, bayes))}; above "
        f"the mean of vectors {at(where(full, mean))} and {at(where(prompt, mean))}. The "
        f"trained prompt is reliably above the new head {at(where(prompt, full))}, below "
        f"it {at(where(prompt, full, -1))}. *There* the lead cannot come from having read "
        "the test; how much it adds in Figure 1, these controls do not say."
    )
