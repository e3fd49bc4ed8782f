"""Chapter 20: sentences and tables made from the numbers of its cells."""

import time

import numpy as np

from tinyft.course.experiment import trained_parameters
from tinyft.course.lessons.language import ch20_bert as bert
from tinyft.course.lessons.language import ch20_four_paradigms as runs20
from tinyft.course.lessons.language import ch20_results as results
from tinyft.course.lessons.language import ch20_vectors as vec
from tinyft.course.lessons.language import ch20_words as words
from tinyft.course.lessons.language.ch20_setting import LABELS, paired, parts, percent
from tinyft.course.prose import say, table
from tinyft.models.classic import NaiveBayes, Tfidf


def chosen(method, labels):
    """The rate of a method with so many labels, as valid chose it."""
    return runs20.rate(method, labels)


def swept_table(study, methods):
    """Accuracy on valid at every rate of the sweeps with 10 and with 300 labels, the mean
    over `choosing`: five draws, but two for BERT with 300."""
    rows = []
    for method in methods:
        for n in runs20.SWEPT:
            count = len(runs20.choosing(method, n))
            arm = study.where(method=method, labels=n, task="saying")
            seen = {lr: _right(arm, lr, count) for lr in runs20.RATES[method]}
            shown = ", ".join(f"{lr:g}: {100 * a:.0f}" for lr, a in seen.items())
            rows.append([method, n, shown, f"{runs20.swept(study, method, n):g}"])
    table(["method", "labels", "right on valid at each rate, %", "best rate"], rows)


def _right(arm, lr, count):
    return 1 - np.mean(arm.where(lr=lr).values("valid")[:count])


def about_vectors(study):
    """With how many labels the LSTM on skip-gram's vectors beats naive Bayes."""
    gaps = {n: _gap(study, n) for n in LABELS}
    ahead, behind = ([n for n in LABELS if gaps[n] == sign] for sign in (1, -1))
    say(
        f"The LSTM on skip-gram's vectors is settled above naive Bayes {_at(ahead)}, "
        f"below it {_at(behind)}."
    )


def _gap(study, n):
    """1, −1 or 0: settled above, settled below, not settled."""
    apart = results.of_study(study, "LSTM", n) - words.over_draws(n)
    return _settled(apart)


def _settled(apart):
    from tinyft.course.experiment import interval

    mean, half = interval(apart)
    return int(np.sign(mean)) if abs(mean) > half else 0


def _at(hits):
    """["with 4 and 10 labels"], or that it is nowhere."""
    *rest, last = map(str, hits) if hits else ("",)
    if not hits:
        return "at no number of labels tried"
    return f"with {', '.join(rest) + ' and ' if rest else ''}{last} labels"


def about_zero(raw, recentred):
    """The prompt without labels, beside naive Bayes."""
    reached = [n for n in LABELS if words.over_draws(n).mean() >= raw]
    say(
        f"No label: **{raw:.1%}** raw, **{recentred:.1%}** recentred, on the 400 test "
        f"verses. Naive Bayes reaches the raw accuracy on average with "
        f"{reached[0] if reached else 'more than 1000'} labels (of those tried). The "
        f"median that recentring subtracts is {results.centre():+.1f}: BERT leans to "
        f"{'sayings' if results.centre() > 0 else 'stories'} for every verse."
    )


def first_settled(found, a, b, sign=1):
    """Labels where a − b is settled, > 0 for sign 1; the seeds that both have."""
    hits = []
    for n in found[a]:
        x, y = found[a][n], found[b][n]
        count = min(len(x), len(y))
        if _settled(x[:count] - y[:count]) == sign:
            hits.append(n)
    return hits


def about_lines(found, raw, recentred):
    """What Figure 1 settles, pair by pair."""
    pairs = [("full", "words"), ("full", "LSTM"), ("LSTM", "words"), ("prompt", "full")]
    pairs += [("full", "frozen"), ("full", "partial"), ("frozen", "words")]
    rows = []
    for a, b in pairs:
        line = [f"{results.NAMES[a][2:]} minus {results.NAMES[b][2:]}"]
        for n in LABELS:
            x, y = found[a][n], found[b][n]
            count = min(len(x), len(y))
            line.append(
                paired(x[:count], y[:count]).replace(", not settled", " (n.s.)")
            )
        rows.append(line)
    table(["points (n.s.: not settled)", *map(str, LABELS)], rows)
    few, many, tens = LABELS[0], LABELS[-1], found["prompt"][10]
    where = {
        (a, b, sign): _at(first_settled(found, a, b, sign))
        for a, b in [("full", "words"), ("full", "LSTM"), ("prompt", "full")]
        + [("full", "frozen"), ("frozen", "words"), ("full", "partial")]
        for sign in (1, -1)
    }
    say(
        f"**What it says.** With {few} labels BERT, all trained, has "
        f"{percent(found['full'][few])} %, naive Bayes {percent(found['words'][few])} %; "
        f"with {many}, {percent(found['full'][many])} and {percent(found['words'][many])}. "
        f"Training all of BERT is settled above naive Bayes "
        f"{where['full', 'words', 1]}, above the LSTM {where['full', 'LSTM', 1]}, above "
        f"the frozen head {where['full', 'frozen', 1]}, above the last block alone "
        f"{where['full', 'partial', 1]}. The frozen head is settled below naive Bayes "
        f"{where['frozen', 'words', -1]}: features that do not move stop gaining."
    )
    say(
        f"**The pattern.** Trained, it is settled above a new head "
        f"{where['prompt', 'full', 1]}, below it {where['prompt', 'full', -1]}. With 10 "
        f"labels it has {percent(tens)} %; recentring had {recentred:.1%} without a "
        f"label, raw {raw:.1%}. Its best rate there, {chosen('prompt', 10):g}, is so "
        "small that perhaps a shift is all that ten labels teach it."
    )


def about_control(unseen, other):
    """The books that nothing has read: which order holds there."""
    say(
        f"Without a label: {other[0]:.1%} raw, {other[1]:.1%} recentred. On unseen books "
        f"BERT, all trained, is settled above naive Bayes "
        f"{_at(first_settled(unseen, 'full', 'words'))}, above the LSTM "
        f"{_at(first_settled(unseen, 'full', 'LSTM'))}; the trained pattern is settled "
        f"above a new head {_at(first_settled(unseen, 'prompt', 'full'))}, below it "
        f"{_at(first_settled(unseen, 'prompt', 'full', -1))}. Where it "
        "is settled, BERT's lead does not come from having read the test; how many points "
        "that reading is worth to BERT, these controls do not say."
    )


def costs(few):
    """Processor seconds to train on 32 labels and to predict 400 verses, and sizes."""
    test, rows = parts()["test"].texts, []
    began = time.process_time()
    vectoriser = Tfidf().fit(few.texts)
    model = NaiveBayes(0.3).fit(vectoriser.transform(few.texts), few.labels)
    middle = time.process_time()
    model.predict(vectoriser.transform(test))
    end = time.process_time()
    rows.append(
        ["TF-IDF + naive Bayes", model.log_word.size, middle - began, end - middle]
    )
    lstm = _timed(lambda: vec.fine_tuned("LSTM", *few, 1e-3, 0, 40))
    rows.append(
        ["LSTM", lstm[0], lstm[1], _seconds(lambda: vec.score(lstm[2], "LSTM"))]
    )
    for method in ("partial", "full", "prompt"):
        size, taken, model = _timed(
            lambda m=method: bert.fine_tuned(m, *few, 1e-3, 0, 40)
        )
        rows.append(
            [f"BERT, {method}", size, taken, _seconds(lambda m=model: bert.score(m))]
        )
    base = rows[0][3]
    table(
        [
            "32 labels",
            "numbers trained",
            "seconds to train",
            "to predict 400",
            "× words",
        ],
        [
            [k, f"{n:,}", f"{t:.2g}", f"{p:.2g}", f"{p / base:.0f}"]
            for k, n, t, p in rows
        ],
    )
    return rows


def _timed(make):
    began = time.process_time()
    model = make()
    taken = time.process_time() - began
    return sum(p.size for p in trained_parameters(model)), taken, model


def _seconds(step):
    began = time.process_time()
    step()
    return time.process_time() - began


def what_to_set(found, unseen, raw, recentred):
    """The advice, each row with the experiment it comes from."""
    ahead = first_settled(found, "full", "words")
    open_ = [n for n in LABELS if n not in ahead]
    there = first_settled(unseen, "full", "words")
    full, lstm = ([chosen(m, n) for n in (10, 300)] for m in ("full", "LSTM"))
    rows = [
        [
            "no label, or a handful",
            f"a prompt: {raw:.0%}, recentred {recentred:.0%} if the kinds are about "
            "equally frequent",
            "section 5",
        ],
        [
            _at(ahead),
            f"train all of BERT: rate {full[0]:g} up to 32 labels, {full[1]:g} beyond; "
            "the last block alone is not settled worse",
            "sections 4, 6",
        ],
        [
            "no pretrained model, but unlabelled text",
            f"skip-gram + LSTM: rate {lstm[0]:g}, beyond 32 labels {lstm[1]:g}",
            "section 3",
        ],
        [
            f"{open_[0]} labels, or no processor to spare" if open_ else "no processor",
            "TF-IDF + naive Bayes: here BERT's lead is not settled; on unseen books it "
            f"is {_at(there)}",
            "section 6, both tasks",
        ],
        ["always", "naive Bayes first: a yardstick for milliseconds", "section 8"],
        ["order decides", "not counted words alone", "section 7"],
        ["α; form of idf", "α by valid, 0.03 to 3; any form", "section 2; Proofs, A"],
        ["steps, width, window, k, power ¾", "as here", "by custom, not varied"],
    ]
    table(["when", "what", "from"], rows)
