"""Chapter 20: word vectors by skip-gram, and what reads them: an LSTM, or their mean.

Vectors are trained on the text the BERT was trained on, without a label: once without
the verses of valid and test ("clean"), once with them ("all").
"""

from functools import cache

import numpy as np

from tinyft import data, nn, no_grad, ops, tensor
from tinyft.backend import asnumpy
from tinyft.course.experiment import train
from tinyft.course.lessons.language.ch20_setting import (
    HELD,
    TASKS,
    features_head,
    parts,
    verdicts,
)
from tinyft.models.classic.recurrent import LSTMClassifier
from tinyft.models.classic.sampling import noise
from tinyft.models.classic.skipgram import SkipGram, batches
from tinyft.models.classic.vocabulary import Vocabulary
from tinyft.models.classic.windows import keep_probability, pairs, thinned

DIM, WINDOW, NEGATIVES, BATCH, STEPS, LR = 48, 5, 5, 4096, 400, 1e-2
LENGTH = 2.0  # of the vectors, root mean square: what the LSTM's weights are made for
TRAINED_MEAN = "mean, vectors trained"
KINDS = {  # of reader: (vectors, frozen, what is read; "words" has no LSTM)
    "LSTM": ("clean", False, "mean"),
    "LSTM, vectors frozen": ("clean", True, "mean"),
    "LSTM, last state": ("clean", False, "last"),
    "LSTM, random vectors": (None, False, "mean"),
    "LSTM, vectors from all": ("all", False, "mean"),
    TRAINED_MEAN: ("clean", False, "words"),
}


class MeanClassifier(nn.Module):
    """A linear layer on the mean of a text's word vectors: logits (B, 2), no order.

    weight: (V + 1, d), the vectors it starts from, the last row for unknown words. It
    takes the place of LSTMClassifier where its vectors should train in the same way.
    """

    def __init__(self, weight, rng=None):
        words, dim = weight.shape
        self.embedding = nn.Embedding(words, dim, rng=rng)
        self.embedding.weight.data = weight
        self.head = nn.Linear(dim, 2, rng=rng)

    def forward(self, ids, lengths):
        ids, lengths = asnumpy(ids), asnumpy(lengths)
        there = np.arange(ids.shape[1]) < lengths[:, None]  # (B, T): no padding
        share = tensor((there / lengths[:, None]).astype("f4")[:, :, None])
        return self.head(ops.sum(self.embedding(tensor(ids)) * share, axis=1))


@cache
def unlabelled(which="clean"):
    """The lines of the play and of the four books that the BERT was trained on."""
    text = "\n".join(data.load_text(k, "train") for k in ("shakespeare", "bible"))
    lines = [line for line in text.split("\n") if data.words(line)]
    if which == "all":
        return lines
    held = {str(x) for k in TASKS for p in ("valid", "test") for x in parts(k)[p].texts}
    return [line for line in lines if line not in held]


@cache
def vectors(which="clean", power=0.75):
    """(Vocabulary, vectors (V, 48), loss before every step) by skip-gram, seed 0."""
    lines, rng = unlabelled(which), np.random.default_rng(0)
    vocabulary = Vocabulary(lines, least=3)
    keep = keep_probability(vocabulary.frequencies)
    near = pairs(thinned(rng, vocabulary.ids(lines), keep), WINDOW, rng)
    q = noise(vocabulary.frequencies, power)

    def endless(rng):
        while True:
            yield from batches(rng, *near, q, NEGATIVES, BATCH)

    model = SkipGram(len(vocabulary), DIM, rng=0)
    losses = train(model, endless, LR, STEPS, 0, lambda m, *batch: m(*batch))
    return vocabulary, model.centre.weight.numpy(), losses


def neighbours(word, count=6, which="clean"):
    """The words whose vectors have the largest cosine with this word's."""
    vocabulary, W, _ = vectors(which)
    U = W / np.linalg.norm(W, axis=1, keepdims=True)
    order = np.argsort(-(U @ U[vocabulary.index[word]]))
    return [vocabulary.words[i] for i in order[1 : count + 1]]


def padded(vocabulary, texts):
    """Ids (n, T) and lengths (n,), as host arrays."""
    ids, lengths = vocabulary.padded(list(map(str, texts)))
    return asnumpy(ids), lengths


def mean_of(texts):
    """The mean vector of every text's known words, (n, 48); 0 where none is known."""
    vocabulary, W, _ = vectors()
    found = np.zeros((len(texts), DIM))
    for i, ids in enumerate(vocabulary.ids(list(map(str, texts)))):
        found[i] = W[ids].mean(axis=0) if len(ids) else 0.0
    return found


@cache
def means(task="saying", part="test"):
    """`mean_of` the verses of a part."""
    return mean_of(parts(task)[part].texts)


def mean_head(count, seed, task="saying"):
    """`verdicts` of logistic regression on the means: order is lost."""
    return features_head(lambda part: means(task, part), count, seed, task)


def fine_tuned(kind, texts, labels, lr, seed, steps=80):
    """A reader of one of KINDS, an LSTM with 48 units, trained on labelled verses."""
    model = _reader(kind, seed)
    ids, lengths = padded(vectors(KINDS[kind][0] or "clean")[0], texts)

    def endless(rng):
        while True:
            order = rng.permutation(len(labels))
            for rows in np.array_split(order, -(-len(order) // 16)):
                T = lengths[rows].max()
                yield ids[rows][:, :T], lengths[rows], labels[rows]

    def loss(model, ids, lengths, labels):
        return ops.cross_entropy(model(ids, lengths), labels)

    train(model, endless, lr, steps, seed, loss)
    return model


def _reader(kind, seed):
    which, frozen, pool = KINDS[kind]
    vocabulary, W, _ = vectors(which or "clean")
    W = (LENGTH * W / np.sqrt(np.mean(np.sum(W * W, axis=1)))).astype("f4")
    if pool == "words":
        return MeanClassifier(np.pad(W, ((0, 1), (0, 0))), rng=seed)
    given = {"vectors": W if which else None, "frozen": frozen, "rng": seed}
    return LSTMClassifier(len(vocabulary), DIM, DIM, pool=pool, **given)


def outputs(model, kind, texts):
    """The two scores of every text by such an LSTM, a host array (n, 2)."""
    ids, lengths = padded(vectors(KINDS[kind][0] or "clean")[0], texts)
    with no_grad(), model.evaluating():
        return model(tensor(ids), lengths).numpy()


def judged(model, kind, task="saying"):
    """`verdicts` of such an LSTM, with its wrong test verses."""
    held = (parts(task)[k] for k in HELD)
    return verdicts(
        *(outputs(model, kind, p.texts).argmax(axis=1) != p.labels for p in held)
    )


def score(model, kind, task="saying"):
    """Accuracy of such an LSTM on test."""
    return judged(model, kind, task)["test"]
