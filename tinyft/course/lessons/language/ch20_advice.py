"""Chapter 20: sentences and tables made from the numbers of its cells."""

import numpy as np

from tinyft.course.lessons.language import ch20_four_paradigms as runs20
from tinyft.course.lessons.language import ch20_pairs as pairs
from tinyft.course.lessons.language import ch20_results as results
from tinyft.course.lessons.language import ch20_vectors as vec
from tinyft.course.lessons.language import ch20_words as words
from tinyft.course.lessons.language.ch20_setting import (
    LABELS,
    holds,
    paired,
    parts,
    percent,
    share,
)
from tinyft.course.prose import say, table

chosen = runs20.rate  # as valid chose it
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
            paired(_best(study, kind, n), _best(study, "LSTM", n), "")
            for n in (10, 300)
        ]
        rows.append([f"{kind} − LSTM", *gaps])
    table(
        ["on valid, each at its best rate, points, by draws", "10 labels", "300"], rows
    )


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


def about_vectors(here):
    """Vectors against counts, and whether order pays."""
    few = [here.gap("mean", "words", n) for n in (4, 10, 32, 100)]
    holds(
        the_fixed_mean_leads_up_to_100_labels=all(gap.sign == 1 for gap in few),
        LSTM_and_trained_mean_are_nowhere_apart=not any(here.signs("LSTM", MEAN)),
    )
    say(
        "The mean of fixed vectors is reliably above naive Bayes up to 100 labels: by "
        f"{few[2].mean:.0f} to {few[1].mean:.0f} points up to 32, only just with 100. "
        "**Does order pay?** Not that this test could see: LSTM and trained mean are "
        "nowhere reliably apart (section 6 has other books)."
    )


def about_longer(study):
    """What five times the steps bring the LSTM with 1000 labels."""
    lr = min(runs20.longer_rates("saying"), key=lambda r: _errors(study, r))
    long = study.where(method=runs20.LONG, task="saying", lr=lr).values("test")
    usual, at = results.of_study(study, "LSTM", 1000), chosen("LSTM", 1000)
    say(
        f"The LSTM with 400 steps (rate {lr:g}, the better of two on valid) minus with 80 "
        f"(rate {at:g}), 1000 labels, in points, by draws: "
        f"{paired(long, usual[: len(long)], '')}."
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
        f"{'sayings' if shift > 0 else 'stories'}. **With kinds of "
        "unequal frequency** the median moves: with 106 stories and only 65 sayings "
        "in valid it would be "
        f"{uneven:+.2f}, the accuracy here {tilted:.1%}."
    )
    results.about_rare()
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
        f"Trained on one draw of 10 labels, rate {chosen('prompt', 10):g}: no weight moves "
        f"by more than {step:.1g} (their root mean square: {size:.1g}). Training adds "
        f"{np.mean(moved):.2f} to every difference, give or take {np.std(moved):.2f} "
        f"(standard deviation); recentring adds {-centre:.2f} to all. They agree on "
        f"{np.mean((after > 0) == (before > centre)):.1%} of the test."
    )


def verdicts(here):
    """What Figure 2 and the differences say, in sentences that are checked."""
    pairs.hold_verdicts(here)
    gaps, more, taught, mean = (
        {n: here.gap("full", other, n) for n in here.labels}
        for other in ("words", ZERO, "frozen", "mean")
    )
    frozen, fixed = here.found["frozen"], here.found["mean"]
    frozen = max(abs(np.mean(frozen[n]) - np.mean(fixed[n])) for n in here.labels)
    say(
        "- **With few labels BERT leads over counted words**, all of it trained, by "
        f"{gaps[4].mean:.0f}, {gaps[10].mean:.0f} and {gaps[32].mean:.0f} points with "
        f"4, 10 and 32 labels. Over the *mean of vectors* it has {mean[10]} with 10, "
        f"{mean[32]} with 32, and is reliably above it only with 1000 ({mean[1000]}).\n"
        "- **At first no training is surely better than asking.** The recentred prompt "
        f"has {here.recentred:.1%} without a label. Up to 100 labels neither training "
        f"is reliably above it; with 4 a new head has {more[4]} points.\n"
        f"- **With many labels, training pays:** a new head gains {more[300]} (300) and "
        f"{more[1000]} points (1000) over the recentred prompt.\n"
        "- **New head or prompt?** Trained, they are nowhere reliably apart.\n"
        f"- **A frozen BERT** is on average within {100 * frozen:.2f} points of the mean "
        f"of vectors. Training all of it adds {taught[4]} to the frozen one with 4 labels "
        f"and {taught[1000]} with 1000; between them the gain is not settled.\n"
        "- **Counted words catch up.** Their average passes the vectors' and the frozen "
        "head's between 100 and 300 labels (reliably so the frozen head's and the "
        "trained vectors', with 1000). "
        f"With 1000 labels all of BERT is {gaps[1000]} points above them: this test cannot "
        "tell."
    )


def control(unseen):
    """The books that nothing has read: the same questions."""
    study, found = unseen.study, unseen.found
    old = study.where(method="prompt", task="poetry", labels=10, lr=3e-6).values("test")
    more = {n: unseen.gap("full", ZERO, n) for n in unseen.labels}
    bayes = {n: unseen.gap("full", "words", n) for n in unseen.labels}
    order = {n: unseen.gap("LSTM", MEAN, n) for n in unseen.labels}
    still = {n: unseen.gap("frozen", "mean", n) for n in unseen.labels}
    holds(
        BERT_with_a_new_head_leads_counted_words_with_32_labels_only=[
            bayes[n].sign for n in unseen.labels
        ]
        == [0, 1, 0, 0],
        the_prompt_gains_at_its_own_rate=np.mean(found["prompt"][10]) > np.mean(old),
        training_pays_from_32_on=[more[n].sign for n in unseen.labels] == [0, 1, 1, 1],
        head_and_prompt_are_nowhere_apart=not any(unseen.signs("prompt", "full")),
        the_frozen_BERT_leads_the_fixed_mean_with_1000_only=[
            still[n].sign for n in unseen.labels
        ]
        == [0, 0, 0, 1],
        it_is_nowhere_apart_from_the_LSTM=not any(unseen.signs("frozen", "LSTM")),
        order_shows_with_32_only=[g.sign for g in order.values()] == [0, 1, 0, 0],
    )
    say(
        f"- **No label:** {share(unseen.raw, 400)} % raw, {share(unseen.recentred, 400)} % "
        "recentred.\n"
        f"- **A new head pays sooner:** {more[32]} points over the recentred prompt with "
        f"32 labels (just outside 0), {more[100]} with 100, {more[1000]} with 1000.\n"
        f"- **Against counted words** all of BERT, with a new head, has {bayes[32]} "
        f"with 32 labels; with 100 and 1000 ({bayes[100]}, {bayes[1000]}) this test cannot "
        f"tell. The trained prompt has {unseen.gap('prompt', 'words', 1000)} with 1000.\n"
        f"- **Frozen BERT or vectors?** It is above their fixed mean by {still[32]} with "
        f"32, {still[100]} with 100 and, only here reliably, {still[1000]} with 1000; "
        "from the LSTM it is nowhere reliably apart.\n"
        f"- **Does order pay here?** With 32 labels the LSTM is {order[32]} above the mean "
        "of the same vectors, trained: just outside 0, and only there.\n"
        "- **A rate may not carry over:** with 10 labels the first books' rate leaves the "
        f"trained prompt at {results.mean(old)} %, its own at "
        f"{results.mean(found['prompt'][10])} %."
    )
