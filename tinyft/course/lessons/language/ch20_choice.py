"""Chapter 20: what each paradigm costs, and the advice made from all tables."""

import time

from tinyft.course.experiment import trained_parameters
from tinyft.course.lessons.language import ch20_bert as bert
from tinyft.course.lessons.language import ch20_four_paradigms as runs20
from tinyft.course.lessons.language import ch20_vectors as vec
from tinyft.course.lessons.language.ch20_advice import chosen
from tinyft.course.lessons.language.ch20_results import ZERO, mean
from tinyft.course.lessons.language.ch20_setting import holds, parts, share
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
    """The decision table in words: what to do, how well it did, at what price.

    here, unseen: the `Task`s; price: what `costs` returned.
    """
    train, read = price["BERT, full"]
    tries = {n: [_tried(m, n) for m in ("full", "prompt")] for n in (10, 32, 300)}
    mean, bayes = (
        1e3 * price[name][1]
        for name in ("mean of vectors, head", "TF-IDF + naive Bayes")
    )
    asked = f"no training; {price['BERT, prompt, no label'][1]:.1f} ms a verse"
    runs = {n: f"{a} or {b} runs for a rate" for n, (a, b) in tries.items()}
    trained = f"{train:.0f} s a run; {runs[10]} (head or prompt); {read:.1f} ms a verse"
    advice = [
        ["no label", "ask: the prompt, recentred (5)", None, (), asked],
        ["up to 10", "the same; a new head may lose (6)", "full", (4, 10), trained],
        ["32", "the same; try a new head beside it (6)", "full", (32,)] + [runs[32]],
        ["100 or more", "train all of BERT with a new head (6)", "full"]
        + [(100, 1000), f"twice the steps; {runs[300]}"],
        ["up to 32, no BERT", "mean of vectors, logistic regression (3)", "mean"]
        + [(10, 32), f"vectors once; {mean:.0f} µs a verse"],
        ["any number, where speed matters", "TF-IDF and naive Bayes (2)", "words"]
        + [(100, 1000), f"milliseconds; {bayes:.0f} µs a verse"],
    ]
    table(
        ["labels", "do (section)", "accuracy here, %", "on unseen books, %", "price"],
        [
            [have, do, *(_right(task, m, counts) for task in (here, unseen)), cost]
            for have, do, m, counts, cost in advice
        ],
    )


def _right(task, method, counts):
    """ "10: 89.5, 32: 91.5"; without a method, the recentred prompt."""
    if method is None:
        return share(task.recentred, 400)
    found = task.found[method]
    return ", ".join(f"{n}: {mean(found[n])}" for n in counts if n in found)


def how_sure(here, unseen):
    """Table: the differences that the advice relies on, here and on the unseen books."""
    asked = [("full", ZERO, "BERT with a new head − ask, recentred")]
    asked += [("prompt", ZERO, "trained prompt − ask, recentred")]
    asked += [("mean", "words", "mean of fixed vectors − naive Bayes")]
    asked += [("full", "words", "BERT with a new head − naive Bayes")]
    counts = sorted({4, *unseen.labels})
    rows = [
        [name, where] + [task.gap(a, b, n) if n in task.labels else "" for n in counts]
        for a, b, name in asked
        for where, task in (("here", here), ("unseen", unseen))
    ]
    table(["points", "verses", *map(str, counts)], rows)
    pays = [row[2:] for row in rows[:2]]
    holds(
        training_on_4_loses_here=pays[0][0].sign == -1,
        elsewhere_it_never_loses_reliably=not any(
            g.sign < 0 for row in pays for g in row[1:]
        ),
        it_gains_here_with_1000_only=[g.sign for g in pays[0][1:]] == [0, 0, 0, 1],
        on_unseen_books_from_32_on=[g.sign for g in pays[1][1:]] == [0, 1, 1, 1],
        the_trained_prompt_gains_there_with_1000_only=[g.sign for g in rows[3][3:]]
        == [0, 0, 0, 1],
        vectors_lead_counted_words_up_to_100_here=[g.sign for g in rows[4][2:]]
        == [1, 1, 1, 1, 0],
        on_unseen_books_with_10_only_and_trail_with_1000=[g.sign for g in rows[5][3:]]
        == [1, 0, 0, -1],
    )


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
