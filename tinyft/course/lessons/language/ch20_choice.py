"""Chapter 20: what each paradigm costs, and the advice made from all tables."""

import time

from tinyft.course.experiment import trained_parameters
from tinyft.course.lessons.language import ch20_bert as bert
from tinyft.course.lessons.language import ch20_four_paradigms as runs20
from tinyft.course.lessons.language import ch20_vectors as vec
from tinyft.course.lessons.language import ch20_words as words
from tinyft.course.lessons.language.ch20_advice import chosen
from tinyft.course.lessons.language.ch20_results import ZERO, mean
from tinyft.course.lessons.language.ch20_setting import PENALTIES, holds, parts
from tinyft.course.prose import say, table
from tinyft.models.classic import NaiveBayes, Tfidf
from tinyft.training import recipes
from tinyft.transfer import linear_probe, spread

WARM = "a tenth of them warm-up"  # `experiment.train`
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
    do = {4: "ask", 10: "ask; or the mean of vectors, at a hundredth of the price"}
    do[32] = "ask, the mean of vectors, a new head: try all three"
    do[100] = "a new head on all of BERT"
    methods = None, "mean", "full", "words"
    rows = [
        [n, do.get(n, "naive Bayes, or train BERT: cannot tell")]
        + [_right(task, m, n) for task in (here, unseen) for m in methods]
        for n in here.labels
    ]
    head = ["ask, %", "mean of vectors", "new head", "naive Bayes", "unseen books: ask"]
    table(["labels", "do", *head, *head[1:4]], rows)
    (train, read), ask = price["BERT, full"], price["BERT, prompt, no label"][1]
    bayes, mean_of = (
        1e3 * price[k][1] for k in ("TF-IDF + naive Bayes", "mean of vectors, head")
    )
    runs = [_tried("full", n) for n in (300, 10)]
    holds(
        naive_Bayes_reads_fifty_times_faster=50 * bayes < 1e3 * read,
        reading_the_mean_costs_less_than_a_twentieth_of_asking=20 * mean_of < 1e3 * ask,
    )
    say(
        f"**Prices.** Ask: no training, {ask:.1f} ms a verse. New head: {train:.0f} s a "
        f"run (40 steps), {runs[0]} to {runs[1]} runs to choose a rate, {read:.1f} ms a "
        f"verse. Naive Bayes and the mean of vectors: milliseconds to train, {bayes:.0f} "
        f"and {mean_of:.0f} µs a verse. (Once, without labels: BERT's pretraining, the "
        "vectors; Reference, F.)"
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
    asked += [(ZERO, "mean", "ask, recentred − mean of fixed vectors")]
    asked += [("full", "mean", "BERT with a new head − mean of fixed vectors")]
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
    signs = [_signs(row[2:]) for row in rows]
    holds(
        on_4_a_new_head_loses_here_from_300_it_gains=signs[0] == [-1, 0, 0, 0, 1, 1],
        on_unseen_books_it_gains_from_32_on=signs[1] == [0, 1, 1, 1],
        asking_leads_the_mean_with_4_labels_here=signs[2] == [1, 0, 0, 0, 0, 0],
        and_with_10_on_unseen_books=signs[3] == [1, 0, 0, 0],
        a_new_head_leads_the_mean_with_1000_here=signs[4] == [0, 0, 0, 0, 0, 1],
        and_from_32_on_on_unseen_books=signs[5] == [0, 1, 1, 1],
        vectors_lead_counted_words_up_to_100_here=signs[6] == [1, 1, 1, 1, 0, 0],
        on_unseen_books_with_10_only_and_trail_with_1000=signs[7] == [1, 0, 0, -1],
        a_new_head_leads_naive_Bayes_up_to_100_here=signs[8] == [1, 1, 1, 1, 0, 0],
        and_with_32_only_on_unseen_books=signs[9] == [0, 1, 0, 0],
        the_trained_prompt_leads_it_up_to_300_here=signs[10] == [1, 1, 1, 1, 1, 0],
        and_with_10_32_and_1000_on_unseen_books=signs[11] == [1, 1, 0, 1],
    )


def _signs(gaps):
    return [gap.sign for gap in gaps if gap]


def settings():
    """What each paradigm was trained with, from the code, and where it was varied."""
    berts = f"{min(bert.STEPS.values())} to {max(bert.STEPS.values())} of {bert.BATCH}"
    own = "; unseen books: " + _rates("prompt", "poetry", (10, 32))
    alphas = ", ".join(f"{a:g}" for a in words.ALPHAS)
    weights = ", ".join(f"{p:g}" for p in PENALTIES)
    lstm = f"{berts} verses, {WARM}"
    rows = [
        ["1 naive Bayes", f"α by valid: {alphas}", "none", "2; idf: Proofs, A"],
        ["2 mean of vectors", f"penalty by valid: {weights}", "none", "by valid"],
        ["2 LSTM", "rate " + _rates("LSTM"), lstm, "rate: Reference, D"],
        ["3 BERT, new head", "rate " + _rates("full"), lstm, "rate: Reference, D"],
        ["4 prompt, no label", "words; the median", "none", "words: Reference, B"],
        ["4 prompt, trained", "rate " + _rates("prompt") + own, lstm, "Reference, D"],
    ]
    shape = f"width {vec.DIM}, window {vec.WINDOW}, k {vec.NEGATIVES}, rate {vec.LR:g}"
    rows.append(
        ["(skip-gram)", shape, f"{vec.STEPS} of {vec.BATCH} pairs", "by custom"]
    )
    head = ["paradigm", "set to (labels)", "steps", "varied in"]
    table(head, rows)


def _rates(method, task="saying", counts=runs20.SWEPT):
    return ", ".join(f"{chosen(method, n, task):g} ({n})" for n in counts)
