"""Chapter 22: the verses, who may see which, the pattern and the words of the chapter.

    pool     verses to draw labelled ones from: n to train on, n as the development set
    other    100 verses of other chapters, half of each kind: for recentring, no label
             read; and, with their labels, the large development set one rarely has
    test     400 verses of other chapters again: gives the results, chooses nothing

The pattern is "verse, line end, gap": how would the next verse begin? Its words are
chapter 20's: picked knowing the books, after a look at 400 labelled verses of them.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from tinyft import data, no_grad, objectives, tensor
from tinyft.training.pretrained import load_pretrained

BASE, LENGTH, OTHER = "bert_text", 48, 50  # OTHER: verses of each kind
TEMPLATE = "[CLS]{text}\n{mask}"
WORDS = ("And", "Then"), ("A", "The", "He")
EMPTY = ("N/A", "...", "thing")  # prompts without content


class Part(NamedTuple):
    """Verses and their kinds: texts (n,), an array of str; labels (n,) 0 or 1."""

    texts: np.ndarray
    labels: np.ndarray

    def take(self, rows):
        """The Part of these rows."""
        return Part(self.texts[rows], self.labels[rows])


@cache
def tokens():
    """The tokenizer of the chapter's BERT."""
    return load_pretrained(BASE)[1]


@cache
def kinds(task="saying"):
    """The names of the two classes."""
    return data.load_verses(task, "test").kinds


@cache
def parts(task="saying"):
    """{"pool", "other", "test": Part}; no chapter of the Bible is in two of them."""
    pool, test = data.load_verses(task, "pool"), data.load_verses(task, "test")
    number = np.array([int(name.rpartition(" ")[2]) for name in pool.chapters])
    every, held = Part(np.array(pool.texts), pool.labels), number % 8 == 2
    rows = [np.flatnonzero(held & (pool.labels == k)) for k in (0, 1)]
    rows = np.concatenate([r[np.arange(OTHER) * len(r) // OTHER] for r in rows])
    return {
        "pool": every.take(~held),
        "other": every.take(rows),
        "test": Part(np.array(test.texts), test.labels),
    }


def draw(count, seed, task="saying"):
    """(train, dev): `count` labelled verses each, half of each kind, of the pool.

    A larger draw of the same seed contains the smaller ones.
    """
    pool, rng = parts(task)["pool"], np.random.default_rng(seed)
    mixed = [rng.permutation(np.flatnonzero(pool.labels == k)) for k in (0, 1)]
    half = count // 2
    chosen = [np.concatenate([r[i:][: 2 * half : 2] for r in mixed]) for i in (0, 1)]
    return tuple(pool.take(rows) for rows in chosen)


def verbalizer(words=WORDS, task="saying", **options):
    """The Verbalizer of two groups of words, one per kind."""
    return objectives.Verbalizer(dict(zip(kinds(task), words)), tokens(), **options)


def classifier(model=None, words=WORDS, template=TEMPLATE, task="saying", **options):
    """A PatternClassifier of the chapter's pattern and words, on a fresh BERT."""
    several = {k: options.pop(k) for k in ("combine", "tokens") if k in options}
    return objectives.PatternClassifier(
        model or load_pretrained(BASE)[0],
        objectives.Pattern(template, tokens(), LENGTH),
        verbalizer(words, task, **several),
        **options,
    )


def scores(score, texts, batch=50):
    """`score` of a list of texts, without a tape, as one array (n, K): short texts with
    short ones, so that little is padded."""
    texts = np.array(texts)
    order, out = np.argsort([len(text) for text in texts]), None
    with no_grad():
        for rows in np.split(order, range(batch, len(order), batch)):
            part = score(texts[rows].tolist()).numpy()
            out = np.zeros((len(texts), *part.shape[1:])) if out is None else out
            out[rows] = part
    return out


def accuracy(scores, labels):
    """The share of rows whose largest score is the label's."""
    return float(np.mean(scores.argmax(axis=1) == labels))


def loss(scores, labels):
    """Mean cross-entropy of scores (n, K)."""
    z = scores - scores.max(axis=1, keepdims=True)
    z = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return float(-z[np.arange(len(z)), labels].mean())


def named(labels, task="saying"):
    """Class names of labels 0 and 1."""
    return [kinds(task)[k] for k in labels]


def plain(texts):
    """Token ids (n, T) and mask of "[CLS] text", without a gap, as long as a prompt."""
    rows = [[tokens().cls_id, *tokens().encode(t)[: LENGTH - 3]] for t in texts]
    width = max(map(len, rows))
    ids = [[*row, *[tokens().pad_id] * (width - len(row))] for row in rows]
    return tensor(ids), tensor([[i < len(row) for i in range(width)] for row in rows])
