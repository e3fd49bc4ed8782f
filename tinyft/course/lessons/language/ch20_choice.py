"""Chapter 20: what each paradigm costs, and the advice made from all tables."""

import time

import numpy as np

from tinyft.course.experiment import trained_parameters
from tinyft.course.lessons.language import ch20_bert as bert
from tinyft.course.lessons.language import ch20_four_paradigms as runs20
from tinyft.course.lessons.language import ch20_vectors as vec
from tinyft.course.lessons.language.ch20_advice import chosen
from tinyft.course.lessons.language.ch20_results import ZERO
from tinyft.course.lessons.language.ch20_setting import holds, parts, share
from tinyft.course.prose import say, table
from tinyft.models.classic import NaiveBayes, Tfidf
from tinyft.training import recipes
from tinyft.transfer import linear_probe, spread

SOME = 8  # of 40 steps of BERT are timed


def costs(few, vectors):
    """Processor seconds to train on 32 labels and to predict 400 verses, and sizes.

    vectors: the seconds that skip-gram took.  Returns {name: (seconds to train once,
    milliseconds to read a verse)}.
    """
    test = parts()["test"].texts
    vectoriser, fitting = timed(lambda: Tfidf().fit(few.texts))
    model, more = timed(
        lambda: NaiveBayes(0.3).fit(vectoriser.transform(few.texts), few.labels)
    )
    _, reading = timed(lambda: model.predict(vectoriser.transform(test)))
    rows = [["TF-IDF + naive Bayes", model.log_word.size, fitting + more, reading]]
    rows.append(["mean of vectors, head", *_head(few, vec.mean_of)])
    lstm, taken = timed(lambda: vec.fine_tuned("LSTM", *few, 1e-3, 0, 40))
    rows.append(["skip-gram + LSTM", _size(lstm), taken])
    rows[-1].append(timed(lambda: vec.outputs(lstm, "LSTM", test))[1])
    rows.append(["BERT, frozen, head", *_head(few, bert.states_of)])
    for name in ("partial", "full", "prompt"):
        model, taken = timed(
            lambda m=name: bert.fine_tuned(m, *few, 1e-3, seed=0, steps=SOME)
        )
        rows.append([f"BERT, {name}", _size(model), taken * 40 / SOME])
        rows[-1].append(timed(lambda m=model: bert.score(m))[1])
    rows.append(["BERT, prompt, no label", 0, 0.0, rows[-1][3]])
    _cost_table(rows)
    _about_costs(vectors)
    return {name: (train, 1e3 * read / len(test)) for name, _, train, read in rows}


def _about_costs(vectors):
    """What the table leaves out: choosing a rate, and learning from unlabelled text."""
    one, five = (timed(lambda n=n: recipes.bert_text(n, False))[1] for n in (1, 5))
    tries = [_tried(method, 32) for method in ("full", "prompt")]
    say(
        f"(Seconds of processor, timed once; 400 verses to predict; BERT's training: "
        f"{SOME} steps timed, times {40 // SOME}. A GPU changes the factors.) **On top:** "
        f"with 32 labels the rate took {tries[0]} runs for the new head, {tries[1]} for "
        "the prompt; naive Bayes tried five α. **Once, without labels:** skip-gram's "
        f"vectors {vectors:.0f} s; BERT's 800 steps of pretraining about "
        f"{(five - one) * 200 / 60:.0f} minutes (four steps timed)."
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


def _tried(method, n):
    """How many runs chose the rate of a method with n labels."""
    return len(runs20.grid(method, n)) * len(runs20.choosing(method, n))


def _head(few, features):
    test = parts()["test"].texts
    (Z, y), reading = timed(lambda: (features(few.texts), few.labels))
    probe, taken = timed(lambda: linear_probe(Z, y, 0.1 * spread(Z), "logistic"))
    _, predicting = timed(lambda: probe.predict(features(test)))
    return probe.weight.size + probe.bias.size, reading + taken, predicting


def _size(model):
    return sum(p.size for p in trained_parameters(model))


def timed(step):
    """What a step gives, and its processor seconds."""
    began = time.process_time()
    found = step()
    return found, time.process_time() - began


def decide(here, unseen, price):
    """The decision table in words, with what each row gains.

    here, unseen: the `Task`s; price: what `costs` returned.
    """
    both = here, unseen
    levels, gaps, cost = _levels(both), _gained(both), _prices(price)
    advice = [
        ["no label", "recentre the prompt (5), if kinds are about equally frequent"],
        ["10 or fewer", "the same; with a new head (6) instead:"],
        ["32 to 100", "train all of BERT, head or prompt, by valid (6)"],
        ["300 or more", "the same: here too it pays now (6)"],
        ["no BERT, up to 100", "mean of vectors, logistic regression (3)"],
        ["no BERT, or µs a verse, 300 or more", "TF-IDF and naive Bayes (2)"],
    ]
    head = ["labels", "do (section)", "% right here", "on unseen books"]
    table(
        [*head, "gain, points: here; unseen", "price"],
        [[*row, *a, b, c] for row, a, b, c in zip(advice, levels, gaps, cost)],
    )
    _stands_on(here, unseen)


def _levels(both):
    """Per row of `decide`: per cent right on either task."""

    def right(method, *counts):
        return [
            ", ".join(
                f"{n}: {100 * np.mean(task.found[method][n]):.1f}"
                for n in counts
                if n in task.labels
            )
            for task in both
        ]

    trained = [right("full", *counts) for counts in ((10,), (32, 100), (300, 1000))]
    zero = [share(task.recentred, 400) for task in both]
    return [zero, *trained, right("mean", 10, 32, 100), right("words", 300, 1000)]


def _gained(both):
    """Per row of `decide`: a difference on either task."""
    asked = [("full", ZERO, n) for n in (10, 32, 1000)]
    asked += [("mean", "words", 32), ("words", "full", 1000)]
    lines = ("; ".join(str(task.gap(*one)) for task in both) for one in asked)
    return ["", *(f"{one[2]}: {line}" for one, line in zip(asked, lines))]


def _prices(price):
    """Per row of `decide`: the price, from what `costs` returned."""
    seconds, reading = price["BERT, full"]
    mean, bayes = (
        1e3 * price[name][1]
        for name in ("mean of vectors, head", "TF-IDF + naive Bayes")
    )
    return [
        f"no training; {price['BERT, prompt, no label'][1]:.1f} ms a verse",
        "as below",
        f"{seconds:.0f} s a run of 40 steps; 8 to 20 runs for a rate; "
        f"{reading:.1f} ms a verse",
        "twice the steps",
        f"vectors once; {mean:.0f} µs a verse",
        f"milliseconds to train; {bayes:.0f} µs a verse",
    ]


def _stands_on(here, unseen):
    """What the rows of `decide` rely on, checked."""
    pays = [task.gap("full", ZERO, n) for task in (here, unseen) for n in (32, 1000)]
    holds(
        training_with_32_labels_is_reliable_on_unseen_books_only=pays[0].sign == 0
        and pays[2].sign == 1,
        with_1000_it_is_on_both=pays[1].sign == pays[3].sign == 1,
        head_and_prompt_are_nowhere_reliably_apart=not any(
            here.signs("prompt", "full") + unseen.signs("prompt", "full")
        ),
        vectors_lead_counted_words_with_32_labels_here=here.gap(
            "mean", "words", 32
        ).sign
        == 1,
    )
    say(
        "(**Gain**, both lucks, bold: reliable. BERT against the recentred prompt, vectors "
        "against naive Bayes, naive Bayes against all of BERT.) Head and prompt are "
        "nowhere reliably apart. The last block alone, cheaper to train, is on average at "
        f"most {_most(here, unseen):.1f} points below all of BERT. Fit naive Bayes first "
        "in any case: it costs nothing to know what counted words do."
    )


def _most(*tasks):
    """How far the last block alone falls behind all of BERT at most, in points."""
    gaps = (
        np.mean(task.found["full"][n]) - np.mean(task.found["partial"][n])
        for task in tasks
        for n in task.labels
    )
    return 100 * max(gaps)


def settings():
    """Rates and the rest, each with the section that varied it."""
    rows = [
        [f"rate, {name}", _rates(m), "Reference, D"]
        for m, name in [("full", "new head"), ("prompt", "trained prompt")]
        + [("partial", "last block"), ("LSTM", "LSTM")]
    ]
    rows[1][1] += "; unseen books: " + _rates("prompt", "poetry", (10, 32))
    rows[2][1] += "; safer with 300: 0.003, as one step above 0.01 all fails"
    penalty = "by valid, from 0.0001 to 10 times the features' spread"
    rows.append(["penalty of logistic regression", penalty, "by valid, not shown"])
    rows.append(["α; form of idf", "α by valid, 0.03 to 3; smooth idf", "2; Proofs, A"])
    several = "no label: any, recentred; with labels: try several on valid"
    rows.append(["words of the prompt", several, "Reference, B"])
    rows.append(["steps, LSTM", "40 to 80; 400 tried with 1000 labels", "Reference, D"])
    rows.append(["steps, BERT", "40 to 80: what the time allowed", "not varied"])
    shape = f"{vec.DIM}, {vec.WINDOW}, {vec.NEGATIVES}, ¾"
    rows.append(["vectors: width, window, k, power", shape, "by custom"])
    table(["what", "set to (labels)", "varied in"], rows)


def _rates(method, task="saying", counts=runs20.SWEPT):
    return ", ".join(f"{chosen(method, n, task):g} ({n})" for n in counts)
