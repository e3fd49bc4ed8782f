"""Chapter 20: what each paradigm costs, and the advice made from all tables."""

import time

from tinyft.course.experiment import trained_parameters
from tinyft.course.lessons.language import ch20_bert as bert
from tinyft.course.lessons.language import ch20_four_paradigms as runs20
from tinyft.course.lessons.language import ch20_vectors as vec
from tinyft.course.lessons.language.ch20_advice import chosen
from tinyft.course.lessons.language.ch20_results import ZERO, mean
from tinyft.course.lessons.language.ch20_setting import holds, parts
from tinyft.course.prose import say, table
from tinyft.models.classic import NaiveBayes, Tfidf
from tinyft.training import recipes
from tinyft.transfer import linear_probe, spread

SOME = 8  # of 40 steps of BERT are timed


def costs(few):
    """Processor seconds to train on 32 labels and to predict 400 verses, and sizes.

    Returns the rows of `cost_table`, and {name: (seconds to train once,
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
    return rows, {
        name: (train, 1e3 * read / len(test)) for name, _, train, read in rows
    }


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


def cost_table(rows, vectors):
    """What training and predicting cost; vectors: the seconds that skip-gram took."""
    head = ["32 labels", "numbers trained", "s to train once", "s to predict"]
    base = rows[0][3]
    table(
        [*head, "× naive Bayes, predicting"],
        [
            [k, f"{n:,}", f"{t:.2g}", f"{p:.2g}", f"{p / base:.0f}"]
            for k, n, t, p in rows
        ],
    )
    _about_costs(vectors)


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
    """What to do with so many labels, beside what each choice gave, and the prices.

    here, unseen: the `Task`s; price: what `costs` returned.
    """
    do = {4: "ask", 10: "ask", 32: "ask; try a new head beside it"}
    rows = [
        [n, do.get(n, "a new head on all of BERT")]
        + [
            _right(task, m, n)
            for task in (here, unseen)
            for m in (None, "full", "words")
        ]
        for n in here.labels
    ]
    head = ["ask, %", "new head", "naive Bayes", "unseen books: ask", "new head"]
    table(["labels", "do", *head, "naive Bayes"], rows)
    (train, read), ask = price["BERT, full"], price["BERT, prompt, no label"][1]
    bayes = 1e3 * price["TF-IDF + naive Bayes"][1]
    runs = [_tried("full", n) for n in (300, 10)]
    say(
        f"**Prices.** Ask: no training, {ask:.1f} ms a verse. New head: {train:.0f} s a "
        f"run (40 steps), {runs[0]} to {runs[1]} runs to choose a rate, {read:.1f} ms a "
        f"verse. Naive Bayes: milliseconds to train, {bayes:.0f} µs a verse."
    )


def _right(task, method, n):
    """Mean accuracy in per cent; without a method, the recentred prompt."""
    if n not in task.labels:
        return ""
    return (
        f"{100 * task.recentred:.1f}" if method is None else mean(task.found[method][n])
    )


def how_sure(here, unseen):
    """Table: the differences that the advice relies on, here and on the unseen books."""
    asked = [("full", ZERO, "BERT with a new head − ask, recentred")]
    asked += [("prompt", ZERO, "trained prompt − ask, recentred")]
    asked += [("mean", "words", "mean of fixed vectors − naive Bayes")]
    asked += [("full", "words", "BERT with a new head − naive Bayes")]
    asked += [("prompt", "words", "trained prompt − naive Bayes")]
    counts = here.labels
    rows = [
        [name, where] + [task.gap(a, b, n) if n in task.labels else "" for n in counts]
        for a, b, name in asked
        for where, task in (("here", here), ("unseen", unseen))
    ]
    table(["points", "verses", *map(str, counts)], rows)
    pays = [row[2:] for row in rows[:2]]
    holds(
        on_4_a_new_head_loses_here_from_300_it_gains=_signs(pays[0])
        == [-1, 0, 0, 0, 1, 1],
        on_unseen_books_it_gains_from_32_on=_signs(pays[1]) == [0, 1, 1, 1],
        the_trained_prompt_gains_with_1000_there=_signs(rows[3][2:]) == [0, 0, 0, 1],
        vectors_lead_counted_words_up_to_100_here=_signs(rows[4][2:])
        == [1, 1, 1, 1, 0, 0],
        on_unseen_books_with_10_only_and_trail_with_1000=_signs(rows[5][2:])
        == [1, 0, 0, -1],
    )


def _signs(gaps):
    return [gap.sign for gap in gaps if gap]


def settings():
    """Rates and the rest, each with the section that varied it."""
    rows = [
        ["rate, new head on all of BERT", _rates("full"), "Reference, D"],
        ["rate, trained prompt", _rates("prompt"), "Reference, D"],
    ]
    rows[1][1] += "; unseen books: " + _rates("prompt", "poetry", (10, 32))
    rows.append(["α; form of idf", "α by valid, 0.03 to 3; smooth idf", "2; Proofs, A"])
    several = (
        "common one-token words, recentred; of 12 pairs those with *For* were worst"
    )
    rows.append(["words of the prompt", several, "Reference, B"])
    rows.append(["steps, BERT", "40 to 80: what the time allowed", "not varied"])
    shape = f"{vec.DIM}, {vec.WINDOW}, {vec.NEGATIVES}, ¾"
    rows.append(["vectors: width, window, k, power", shape, "by custom"])
    table(["what", "set to (labels)", "varied in"], rows)


def _rates(method, task="saying", counts=runs20.SWEPT):
    return ", ".join(f"{chosen(method, n, task):g} ({n})" for n in counts)
