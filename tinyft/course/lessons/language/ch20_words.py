"""Chapter 20: naive Bayes on weighted words, fitted where it may be and where not."""

from functools import cache

import numpy as np

from tinyft import data
from tinyft.backend import asnumpy
from tinyft.course.lessons.language.ch20_setting import (
    PENALTIES,
    SEEDS,
    accuracy,
    draw,
    gap,
    holds,
    parts,
    percent,
)
from tinyft.course.prose import say, table
from tinyft.models.classic.naive_bayes import NaiveBayes
from tinyft.models.classic.tfidf import Tfidf
from tinyft.transfer import linear_probe, spread

ALPHAS = (0.03, 0.1, 0.3, 1.0, 3.0)


def tables(vectoriser, few, task="saying"):
    """Weights of the labelled verses, of valid and of test, by a fitted vectoriser."""
    texts = few.texts, parts(task)["valid"].texts, parts(task)["test"].texts
    return [vectoriser.transform(some) for some in texts]


def chosen(few, X, valid, task="saying"):
    """The NaiveBayes whose α is best on valid; of equally good ones the largest α."""
    labels = parts(task)["valid"].labels
    models = [NaiveBayes(alpha).fit(X, few.labels) for alpha in ALPHAS]
    return max(models, key=lambda m: (accuracy(m.predict(valid), labels), m.alpha))


def right(count, seed, task="saying", fit_on=None, **options):
    """Which test verses TF-IDF and naive Bayes get right, (400,), from one draw.

    fit_on: texts that the vectoriser is fitted on, by default the labelled ones alone.
    options: of Tfidf.
    """
    few = draw(count, seed, task)
    vectoriser = Tfidf(**options).fit(few.texts if fit_on is None else fit_on)
    X, valid, test = tables(vectoriser, few, task)
    predicted = chosen(few, X, valid, task).predict(test)
    return asnumpy(predicted) == parts(task)["test"].labels


@cache
def over_draws(count, task="saying", options=()):
    """`right` for each of ten draws, a table (10, 400)."""
    return np.array([right(count, seed, task, **dict(options)) for seed in SEEDS])


@cache
def logistic(count):
    """`over_draws` with logistic regression in the place of naive Bayes, its penalty by
    valid. With a penalty the weights are a mix of the labelled rows, so it is fitted on
    their few coordinates; no word is lost by that."""
    held = [parts()[k].labels for k in ("valid", "test")]
    found = []
    for seed in SEEDS:
        few = draw(count, seed)
        X, valid, test = map(asnumpy, tables(Tfidf().fit(few.texts), few))
        _, size, axes = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
        Z = [some @ axes[size > 1e-9 * size[0]].T for some in (X, valid, test)]
        probes = [
            (p, linear_probe(Z[0], few.labels, p * spread(Z[0]), "logistic"))
            for p in PENALTIES
        ]
        best = max(probes, key=lambda b: (accuracy(b[1].predict(Z[1]), held[0]), b[0]))
        found.append(asnumpy(best[1].predict(Z[2])) == held[1])
    return np.array(found)


def best_words(texts, labels, count):
    """The `count` words whose share of verses differs most between the kinds, in units of
    its standard deviation."""
    vectoriser = Tfidf("none", norm=None).fit(texts)
    held = asnumpy(vectoriser.transform(texts)) > 0
    first, second = (held[labels == k].mean(axis=0) for k in (0, 1))
    mean = held.mean(axis=0)
    order = np.argsort(-np.abs(second - first) / np.sqrt(mean * (1 - mean) + 1e-9))
    return [vectoriser.vocabulary.words[i] for i in order[:count]]


def only(texts, known):
    """The texts without the words that are not in `known`; "nothing" where none is left."""
    known = set(known)
    kept = (" ".join(w for w in data.words(str(text)) if w in known) for text in texts)
    return np.array([text or "nothing" for text in kept])


def leaked_vectoriser(count):
    """`over_draws` with words and df taken from the labelled and the test verses."""
    test = list(parts()["test"].texts)
    both = ([*draw(count, seed).texts, *test] for seed in SEEDS)
    return np.array([right(count, k, fit_on=texts) for k, texts in enumerate(both)])


def selected(count, honest, size=50):
    """`over_draws` with the `size` words that differ most between the kinds: chosen on
    the labelled verses, or (honest=False) on test and its labels."""
    found = []
    for seed in SEEDS:
        few = draw(count, seed)
        known = best_words(*(few if honest else parts()["test"]), size)
        kept = type(few)(only(few.texts, known), few.labels)
        vectoriser = Tfidf().fit(kept.texts)
        rest = (only(parts()[k].texts, known) for k in ("valid", "test"))
        valid, test = (vectoriser.transform(texts) for texts in rest)
        model = chosen(kept, vectoriser.transform(kept.texts), valid)
        found.append(asnumpy(model.predict(test)) == parts()["test"].labels)
    return np.array(found)


def judge(build, alpha, count=32):
    """Print the accuracy on test of build(texts, labels, alpha).predict(text), the mean
    over the ten draws, and what the first draw's words say."""
    models = [build(*draw(count, seed), alpha) for seed in SEEDS]
    test = parts()["test"]
    found = [
        accuracy([model.predict(text) for text in test.texts], test.labels)
        for model in models
    ]
    says = models[0].says
    order = sorted(says, key=lambda word: (says[word], word))
    print(
        f"α = {alpha:<5g} {percent(found)} % right | strongest weight "
        f"{max(map(abs, says.values())):4.1f} | for story: {', '.join(order[:4])}",
        f"| for saying: {', '.join(order[:-5:-1])}",
    )


def about_leaks(rows):
    """What the two leaks bring. rows: {labels: (honest, leak A, 50 fair, 50 on test)}."""
    lines = [
        [n, percent(honest), gap(a, honest), gap(b, fair)]
        for n, (honest, a, fair, b) in rows.items()
    ]
    head = ["honest, all words, %", "A − honest, points", "B − 50 words, honest"]
    table(["labels", *head], lines)
    holds(
        A_gains_nothing_reliable=not any(line[2].sign for line in lines),
        B_inflates_an_honest_choice=all(line[3].sign == 1 for line in lines),
    )
    n, (honest, _, fair, b) = list(rows.items())[-1]
    shown = (percent(some).split(" ")[0] for some in (fair, b, honest))
    say(
        "{} labels: 50 words chosen honestly {} %, by test labels {}, all words {}.".format(
            n, *shown
        )
    )
