"""Chapter 20: what each paradigm costs, and the advice made from all tables."""

import time

from tinyft.course.experiment import trained_parameters
from tinyft.course.lessons.language import ch20_bert as bert
from tinyft.course.lessons.language import ch20_four_paradigms as runs20
from tinyft.course.lessons.language import ch20_results as results
from tinyft.course.lessons.language import ch20_vectors as vec
from tinyft.course.lessons.language.ch20_advice import chosen, stands, with_recentred
from tinyft.course.lessons.language.ch20_setting import LABELS, paired, parts, percent
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
        f"timed, times {40 // SOME}. A GPU changes the factors.) Choosing the "
        f"rate comes on top: {tries[0]} runs for the new head, {tries[1]} for the "
        "prompt here; naive Bayes tried five α."
    )


def _cost_table(rows):
    head = ["32 labels", "numbers trained", "s to train once", "s to predict"]
    base = rows[0][3]
    table(
        [*head, "× naive Bayes, predicting"],
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
    both = [
        with_recentred(f, level[1]) for f, level in ((found, here), (unseen, there))
    ]
    zero, few, many = results.ZERO, (4, 10), (32, 100, 300, 1000)

    def row(when, what, a, b, counts):
        return [when, what, *(_gaps(one, a, b, counts) for one in both)]

    recentre = "recentre the prompt, if the kinds are about equally frequent"
    rows = [["no label", recentre, *map(_levels, (here, there))]]
    rows += [
        row("4 or 10", "the same: trained prompt − recentred", "prompt", zero, few),
        row("", "the same: new head, all of BERT − recentred", "full", zero, few),
        row("32 or more", "train: new head, all − recentred", "full", zero, many),
        row("", "trained prompt − new head, all", "prompt", "full", many),
        row("", "new head: all − last block (cheaper)", "full", "partial", many),
        row("", "new head, all − naive Bayes (cheapest)", "full", "words", many),
        row("no BERT", "mean of vectors − naive Bayes", "mean", "words", LABELS),
        row("", "the LSTM − mean, vectors trained", "LSTM", runs20.MEAN, LABELS),
    ]
    levels = [f"1000: {percent(t['words'][1000])} %" for t in both]
    rows.append(["always", "naive Bayes first: a yardstick for milliseconds", *levels])
    head = ["labels", "what; difference in points (n.s.: not settled)"]
    table([*head, "this task", "unseen books"], rows)


def _levels(levels):
    return f"raw {levels[0]:.1%}, recentred {levels[1]:.1%}"


def _gaps(found, a, b, counts):
    """a − b for each of the counts that were run: "10: +1.0 ± 0.5; ..."."""
    said = []
    for n in (n for n in counts if n in found[a] and n in found[b]):
        some = min(len(found[a][n]), len(found[b][n]))
        said.append(f"{n}: {paired(found[a][n][:some], found[b][n][:some], ' n.s.')}")
    return "; ".join(said)


def advice(found, unseen, here, there):
    """The advice as sentences, made from the rows of `what_to_set`."""
    both = [
        with_recentred(f, level[1]) for f, level in ((found, here), (unseen, there))
    ]

    def stand(a, b, name):
        return [stands(one[a], one[b], name) for one in both]

    head = stand("full", results.ZERO, "that")
    prompt = stand("prompt", results.ZERO, "that")
    against = stand("prompt", "full", "the head")
    whole = stand("full", "partial", "the last block alone")
    say(
        "- **No label, or a handful:** recentre the prompt, if the kinds are about equally "
        f"frequent. A new head is {head[0]}; on the unseen books {head[1]}. The "
        f"trained prompt is {prompt[0]}; there {prompt[1]}.\n"
        f"- **32 labels or more:** train. The trained prompt is {against[0]}; there "
        f"{against[1]}. All "
        f"of BERT is {whole[0]}; there {whole[1]}. Where nothing is settled, take the "
        "cheaper.\n- **Many labels and milliseconds:** naive Bayes."
    )


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
    rows.append(["steps, LSTM", "40 to 80; 400 tried with 1000 labels", "3"])
    rows.append(["steps, BERT", "40 to 80: what the time allowed", "not varied"])
    rows.append(["vectors: width, window, k, power ¾", "as here", "by custom"])
    table(["what", "set to (labels)", "varied in section"], rows)


def _rates(method):
    return ", ".join(f"{chosen(method, n):g} ({n})" for n in runs20.SWEPT)
