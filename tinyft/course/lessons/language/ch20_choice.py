"""Chapter 20: what each paradigm costs, and the advice made from all tables."""

import time

from tinyft.course.experiment import trained_parameters
from tinyft.course.lessons.language import ch20_bert as bert
from tinyft.course.lessons.language import ch20_four_paradigms as runs20
from tinyft.course.lessons.language import ch20_vectors as vec
from tinyft.course.lessons.language.ch20_advice import chosen
from tinyft.course.lessons.language.ch20_setting import parts
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
