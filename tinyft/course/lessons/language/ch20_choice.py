"""Chapter 20: what each paradigm costs, and the advice made from all tables."""

import time

from tinyft.course.experiment import trained_parameters
from tinyft.course.lessons.language import ch20_bert as bert
from tinyft.course.lessons.language import ch20_four_paradigms as runs20
from tinyft.course.lessons.language import ch20_vectors as vec
from tinyft.course.lessons.language.ch20_advice import at, chosen, where
from tinyft.course.lessons.language.ch20_setting import (
    paired,
    parts,
    percent,
)
from tinyft.course.prose import say, table
from tinyft.models.classic import NaiveBayes, Tfidf
from tinyft.transfer import linear_probe, spread

SOME = 8  # of 40 steps of BERT are timed


def costs(few):
    """Processor seconds to train on 32 labels and to predict 400 verses, and sizes."""
    test = parts()["test"].texts
    vectoriser, fitting = _timed(lambda: Tfidf().fit(few.texts))
    model, more = _timed(
        lambda: NaiveBayes(0.3).fit(vectoriser.transform(few.texts), few.labels)
    )
    _, reading = _timed(lambda: model.predict(vectoriser.transform(test)))
    rows = [["TF-IDF + naive Bayes", model.log_word.size, fitting + more, reading]]
    rows.append(["mean of vectors, head", *_head(few, vec.mean_of)])
    lstm, taken = _timed(lambda: vec.fine_tuned("LSTM", *few, 1e-3, 0, 40))
    rows.append(["skip-gram + LSTM", _size(lstm), taken])
    rows[-1].append(_timed(lambda: vec.score(lstm, "LSTM"))[1])
    rows.append(["BERT, frozen, head", *_head(few, bert.states_of)])
    for name in ("partial", "full", "prompt"):
        model, taken = _timed(
            lambda m=name: bert.fine_tuned(m, *few, 1e-3, seed=0, steps=SOME)
        )
        rows.append([f"BERT, {name}", _size(model), taken * 40 / SOME])
        rows[-1].append(_timed(lambda m=model: bert.score(m))[1])
    rows.append(["BERT, prompt, no label", 0, 0.0, rows[-1][3]])
    _cost_table(rows)
    tries = [_tried(method) for method in ("full", "prompt")]
    say(
        f"(Seconds of processor; 400 verses to predict; BERT's training: {SOME} steps "
        f"timed, times {40 // SOME}.) Choosing the rate comes on top: {tries[0]} "
        f"runs for the new head, {tries[1]} for the prompt here; naive Bayes tried five α."
    )


def _cost_table(rows):
    head = ["32 labels", "numbers trained", "s to train once", "s to predict"]
    base = rows[0][3]
    table(
        [*head, "× naive Bayes"],
        [
            [k, f"{n:,}", f"{t:.2g}", f"{p:.2g}", f"{p / base:.0f}"]
            for k, n, t, p in rows
        ],
    )


def _tried(method):
    """How many runs chose the rates of a method."""
    counts = (
        len(runs20.grid(method, n)) * len(runs20.choosing(method, n))
        for n in runs20.SWEPT
    )
    return sum(counts)


def _head(few, features):
    test = parts()["test"].texts
    (Z, y), reading = _timed(lambda: (features(few.texts), few.labels))
    probe, taken = _timed(lambda: linear_probe(Z, y, 0.1 * spread(Z), "logistic"))
    _, predicting = _timed(lambda: probe.predict(features(test)))
    return probe.weight.size + probe.bias.size, reading + taken, predicting


def _size(model):
    return sum(p.size for p in trained_parameters(model))


def _timed(step):
    """What a step gives, and its processor seconds."""
    began = time.process_time()
    found = step()
    return found, time.process_time() - began


def what_to_set(found, unseen, here, there):
    """When to use which, with its figures on both tasks.

    found, unseen: {method: {labels: accuracies}}; here, there: (raw, recentred) accuracy
    of the prompt without labels.
    """
    prompt = (
        "no label",
        "the prompt; recentred, if the kinds are about equally frequent",
    )
    rows = [[*prompt, *map(_levels, (here, there))]]
    four = f"prompt {percent(found['prompt'][4])}, new head {percent(found['full'][4])}"
    rows.append(["4 labels", "the prompt, trained or recentred", four, "not run"])
    for counts, what in [((10, 32, 100, 300), "prompt"), ((10, 32, 100, 300), "full")]:
        name = {"prompt": "the prompt, all of BERT trained", "full": "or a new head"}[
            what
        ]
        sides = [_above(t, what, "words", counts) for t in (found, unseen)]
        rows.append(["10 to 300 labels", name, *sides])
    rows.append(
        ["1000 labels", "the trained prompt, if its price is right; else counts"]
    )
    rows[-1] += [_gain(t, "prompt", "words", 1000) for t in (found, unseen)]
    rows.append(
        ["unlabelled text, no pretrained model", "mean of skip-gram vectors, head"]
    )
    rows[-1] += [_above(t, "mean", "words", tuple(t["mean"])) for t in (found, unseen)]
    order = [_above(t, "LSTM", "mean", tuple(t["mean"])) for t in (found, unseen)]
    rows.append(["", "the LSTM instead of the mean", *order])
    rows.append(["always", "naive Bayes first: a yardstick for milliseconds"])
    rows[-1] += [f"1000 labels: {percent(t['words'][1000])} %" for t in (found, unseen)]
    table(["when", "what", "this task (points)", "unseen books"], rows)


def _levels(levels):
    return f"raw {levels[0]:.1%}, recentred {levels[1]:.1%}"


def _above(found, a, b, counts):
    """Where a is reliably above b, among the counts that were run."""
    counts = [n for n in counts if n in found[a]]
    hits = [n for n in where(found[a], found[b]) if n in counts]
    names = {"words": "naive Bayes", "mean": "the mean"}
    missed = [n for n in counts if n not in hits]
    tail = f"; not settled or below {at(missed)}" if missed and hits else ""
    return f"reliably above {names[b]} {at(hits)}{tail}"


def _gain(found, a, b, n):
    count = min(len(found[a][n]), len(found[b][n]))
    return f"minus naive Bayes {paired(found[a][n][:count], found[b][n][:count])}"


def settings():
    """Rates and the rest, each with the section that varied it."""
    rows = [
        [f"rate, {name}", _rates(m), "6"]
        for m, name in [("full", "new head"), ("prompt", "trained prompt")]
        + [("partial", "last block")]
    ]
    rows.append(["rate, LSTM", _rates("LSTM"), "3"])
    rows.append(["α; form of idf", "α by valid, 0.03 to 3; smooth idf", "2; Proofs, A"])
    rows.append(
        ["words of the prompt", "try several on labelled verses", "Reference, B"]
    )
    rows.append(["BERT's steps, width, window, k, power ¾", "as here", "by custom"])
    table(["what", "set to (labels)", "varied in section"], rows)


def _rates(method):
    return ", ".join(f"{chosen(method, n):g} ({n})" for n in runs20.SWEPT)
