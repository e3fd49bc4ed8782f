"""Chapter 22: what a gap says before any training, by words, patterns and calibrations.

One pass over the verses gives the logits of every word, so all verbalizers of single
words are scored from `gap`; several tokens need a pass per number of gaps.
"""

from functools import cache
from math import sqrt

import numpy as np

from tinyft import evaluation, no_grad, objectives, ops, optim, tensor, transfer
from tinyft.course.lessons.answers import ch22_setting as setting
from tinyft.training.pretrained import load_pretrained

AGAINST = ("A", "The", "He", "I", "For", "But")  # each alone against "And"
PATTERNS = (
    "[CLS]{text}\n{mask}",
    "[CLS]{text}{mask}",
    "[CLS]{mask}{text}",
    "[CLS]{mask} it is written: {text}",
)
PHRASES = ("And it came", "And the LORD"), ("My son", "A wise")
PARTS = ("test", "other", "empty")


@cache
def model():
    """The chapter's BERT as it was loaded; nothing here trains it."""
    return load_pretrained(setting.BASE)[0].eval()


@cache
def gap(part, template=setting.TEMPLATE, task="saying"):
    """Logits (n, V) of the gap for the verses of "test" or "other", or for the "empty"
    prompts."""
    pattern = objectives.Pattern(template, setting.tokens(), setting.LENGTH)
    return setting.scores(
        lambda some: objectives.mask_logits(model(), pattern.encode(some))[:, 0],
        texts(part, task),
    )


def texts(part, task="saying"):
    """The verses of a part, or the prompts without content."""
    return setting.EMPTY if part == "empty" else setting.parts(task)[part].texts


def class_scores(part, words=setting.WORDS, combine="sum", **where):
    """Class scores (n, 2) of two groups of single words, from `gap`."""
    made = setting.verbalizer(words, combine=combine)
    return made.class_scores(made.word_logits(tensor(gap(part, **where)))).numpy()


def biases(other, empty):
    """{name: bias (K,)} of the ways to calibrate, from class scores without labels."""
    return {
        "raw": np.zeros(other.shape[1]),
        "content-free": evaluation.content_free_bias(empty),
        "recentred": evaluation.recentring_bias(other),
    }


def calibrated(words=setting.WORDS, combine="sum", **where):
    """{way: test accuracy} of one verbalizer, no label used."""
    test, other, empty = (class_scores(p, words, combine, **where) for p in PARTS)
    labels = setting.parts(where.get("task", "saying"))["test"].labels
    ways = biases(other, empty).items()
    return {way: setting.accuracy(test + b, labels) for way, b in ways}


def half(share, count=400):
    """Half of the 95 % interval of a share of `count` verses, as if independent."""
    return 1.96 * sqrt(share * (1 - share) / count)


def assumed(shares, words=setting.WORDS):
    """Test accuracy when the unlabelled verses are recentred as if class 2 had this
    share of them (it is one half): {share: accuracy}."""
    test, other = class_scores("test", words), class_scores("other", words)
    labels = setting.parts()["test"].labels
    return {
        s: setting.accuracy(
            test + evaluation.recentring_bias(other, np.array([1 - s, s])), labels
        )
        for s in shares
    }


EVEN = "10, five of each class"


def recentred_by(counts, draws=300, seed=0, **where):
    """{n: test accuracies (draws,)}: recentred by n verses of *other*, drawn at random
    without their labels, as if both classes had one half of them. EVEN: ten that do."""
    test, other = (class_scores(part, **where) for part in PARTS[:2])
    labels = setting.parts(where.get("task", "saying"))["test"].labels
    rng, half = (
        np.random.default_rng(seed),
        len(other) // 2,
    )  # other: one class, then one

    def choose(n):
        if n != EVEN:
            return rng.choice(len(other), n, replace=False)
        return np.r_[rng.choice(half, 5, False), half + rng.choice(half, 5, False)]

    def accuracy(rows):
        bias = evaluation.recentring_bias(other[rows])
        return setting.accuracy(test + bias, labels)

    every = (*counts, EVEN)
    return {n: np.array([accuracy(choose(n)) for _ in range(draws)]) for n in every}


COUNT_HEAD = ["unlabelled verses", "accuracy, mean", "worst and best twentieth",
              "draws worse than raw", "unseen books: mean", "worse than raw"]  # fmt: skip


def count_rows(found):
    """Rows of the table on how many unlabelled verses recentring needs.

    found: {task: `recentred_by`}, the read books first, then the unseen ones.
    """
    tasks, rows = list(found), []
    raw = {task: calibrated(task=task)["raw"] for task in tasks}
    for n in found[tasks[0]]:
        one, two = (found[task][n] for task in tasks)
        low, high = np.quantile(one, [0.05, 0.95])
        worse = [np.mean(found[task][n] < raw[task]) for task in tasks]
        rows.append(
            [
                n if n == EVEN else f"{n} at random",
                f"{one.mean():.1%}",
                f"{low:.1%}, {high:.1%}",
                f"{worse[0]:.0%}",
                f"{two.mean():.1%}",
                f"{worse[1]:.0%}",
            ]
        )
    return rows


def best_bias(test, labels):
    """(accuracy, b): the bias on the second class that is best for these labels: what no
    calibration can beat, chosen with every test label."""
    gaps = np.sort(test[:, 0] - test[:, 1])
    options = np.r_[gaps[0] - 1, (gaps[1:] + gaps[:-1]) / 2, gaps[-1] + 1]
    found = [setting.accuracy(test + [0, b], labels) for b in options]
    return max(found), float(options[int(np.argmax(found))])


@cache
def phrases(order, words=PHRASES):
    """{"test", "other": log-probabilities (n, W)} of words of several tokens, and their
    numbers of "tokens"."""
    made = setting.classifier(model(), words, tokens=8, order=order)
    lengths = {len(ids) for ids in made.verbalizer.ids}

    def score(some):
        return made._word_log_probabilities(some, lengths)

    found = {p: setting.scores(score, texts(p)) for p in PARTS[:2]}
    return found | {"tokens": np.array([len(ids) for ids in made.verbalizer.ids])}


def phrase_row(order, per_token, words=PHRASES):
    """(raw test accuracy, share called the second class, recentred accuracy) of phrases,
    their log-probabilities summed over the tokens or averaged."""
    found, labels = phrases(order, words), setting.parts()["test"].labels
    by = found["tokens"] if per_token else 1
    made = setting.verbalizer(words, tokens=8)
    test, other = (made.class_scores(tensor(found[p] / by)).numpy() for p in PARTS[:2])
    bias = evaluation.recentring_bias(other)
    second = float(np.mean(test.argmax(1)))
    return setting.accuracy(test, labels), second, setting.accuracy(test + bias, labels)


def top_words(text, count=6):
    """[(word, probability)] of the likeliest words of one text's gap."""
    pattern = objectives.Pattern(setting.TEMPLATE, setting.tokens(), setting.LENGTH)
    with no_grad():
        z = objectives.mask_logits(model(), pattern.encode([text])).numpy()[0, 0]
    p = np.exp(z - z.max())
    p /= p.sum()
    best = np.argsort(-p)[:count]
    return [(setting.tokens().decode([i]), float(p[i])) for i in best]


def rows_moved(of_logits, lr=1e-3):
    """(largest gradient of a word outside the verbalizer, rows that one step of Adam on
    the decoder moves), the restricted loss being computed from of_logits(logits)."""
    few, _ = setting.draw(4, 0)
    made = setting.classifier()
    objectives.untie(made.model)
    transfer.train_only(made.model, r"head\.decoder")
    prompts = made.pattern.encode(few.texts.tolist())
    z = of_logits(objectives.mask_logits(made.model, prompts)[:, 0])
    scores = made.verbalizer.class_scores(made.verbalizer.word_logits(z))
    ops.cross_entropy(scores, tensor(few.labels)).backward()
    weight = made.model.head.decoder.weight
    before, slope = weight.numpy().copy(), np.abs(weight.grad.numpy()).max(axis=1)
    optim.AdamW([weight], lr=lr, weight_decay=0.0).step()
    rest = np.setdiff1d(np.arange(len(slope)), [i for (i,) in made.verbalizer.ids])
    moved = np.abs(weight.numpy() - before).max(axis=1) > 0
    return float(slope[rest].max()), int(moved.sum())


def pattern_rows():
    """Rows: each pattern, recentred, on the books BERT has read and on the unseen ones."""
    return [
        [
            "`" + template.replace("\n", "⏎") + "`",
            *(
                f"{calibrated(template=template, task=task)['recentred']:.1%}"
                for task in ("saying", "poetry")
            ),
        ]
        for template in PATTERNS
    ]
