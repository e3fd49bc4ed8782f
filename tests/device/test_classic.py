"""The classic models of chapter 20 on a device: the same as on the host."""

import numpy as np

from tinyft import backend, models, ops
from tinyft.models.classic import negatives, noise, pairs

TEXTS = ["a b a c", "b c d", "d d a", "c b"]
LABELS = [0, 1, 0, 1]


def bayes():
    """Weights of new texts and their log posteriors."""
    tfidf = models.Tfidf(sublinear=True).fit(TEXTS)
    model = models.NaiveBayes(0.3, "uniform").fit(tfidf.transform(TEXTS), LABELS)
    x = tfidf.transform(["a d x", "x", "c"])
    return x, model.log_posterior(x), model.log_odds(), model.predict(x)


def test_tfidf_and_naive_bayes(cuda):
    want = bayes()
    with backend.device("cuda"):
        found = bayes()
    assert {backend.device_of(a) for a in found} == {"cuda:0"}
    for got, expected in zip(found, want):
        np.testing.assert_allclose(backend.asnumpy(got), expected, rtol=1e-13)


def gradients():
    """Losses and gradients of skip-gram and of the LSTM, as host arrays."""
    v, rng = models.Vocabulary(TEXTS), np.random.default_rng(0)
    centres, contexts = pairs(v.ids(TEXTS), 2, rng)
    drawn = negatives(rng, contexts, 3, noise(v.frequencies))
    net = models.SkipGram(len(v), 4, rng=0, dtype="float64")
    loss = net(centres, contexts, drawn)
    loss.backward()
    vectors = net.centre.weight
    reader = models.LSTMClassifier(
        len(v), 4, 3, vectors=vectors, rng=0, dtype="float64"
    )
    ids, lengths = v.padded(TEXTS)
    ops.cross_entropy(reader(ids, lengths), LABELS).backward()
    grads = [p.grad for p in (*net.parameters(), *reader.parameters())]
    return [loss, *grads]


def test_skipgram_and_the_lstm(cuda):
    want = gradients()
    with backend.device("cuda"):
        found = gradients()
    assert {a.device for a in found} == {"cuda:0"}
    for got, expected in zip(found, want):
        np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=1e-9, atol=1e-12)
