"""The LSTM classifier: padding, pools, frozen vectors, and order, which no count sees."""

import numpy as np
import pytest

from tinyft import ops, optim
from tinyft.models.classic.naive_bayes import NaiveBayes
from tinyft.models.classic.recurrent import LSTMClassifier
from tinyft.models.classic.vocabulary import Vocabulary

IDS = np.array([[0, 1, 2, 3], [4, 1, 4, 4], [2, 2, 0, 4]])
LENGTHS = np.array([4, 2, 3])


def model(pool="mean", **options):
    return LSTMClassifier(4, 3, 5, 3, pool, rng=0, dtype="float64", **options)


@pytest.mark.parametrize("pool", ["mean", "last"])
def test_padding_is_not_read(pool):
    net = model(pool)
    together = net(IDS, LENGTHS).data
    other = IDS.copy()
    other[1, 2:], other[2, 3:] = [0, 3], 1
    np.testing.assert_array_equal(net(other, LENGTHS).data, together)
    for row, n, want in zip(IDS, LENGTHS, together):
        np.testing.assert_allclose(net(row[None, :n], [n]).data[0], want, rtol=1e-12)


def test_the_pools_by_hand():
    for pool, of in (("mean", lambda h: h.mean(axis=0)), ("last", lambda h: h[-1])):
        net = model(pool)
        for row, n, want in zip(IDS, LENGTHS, net(IDS, LENGTHS).data):
            states = net.lstm(net.embedding(row[None, :n]))[0].data[0]
            found = of(states) @ net.head.weight.data.T + net.head.bias.data
            np.testing.assert_allclose(found, want, rtol=1e-12)


def test_vectors_are_where_it_starts():
    vectors = np.random.default_rng(0).normal(size=(4, 3))
    for frozen in (False, True):
        net = model(vectors=vectors, frozen=frozen)
        np.testing.assert_array_equal(net.embedding.weight.data[:4], vectors)
        assert not net.embedding.weight.data[4].any()
        ops.cross_entropy(net(IDS, LENGTHS), np.array([0, 1, 2])).backward()
        assert (net.embedding.weight.grad is None) == frozen
        assert (
            net.head.weight.grad is not None and net.lstm.weight_hh_l0.grad is not None
        )
    assert LSTMClassifier(4, 3, 5, vectors=vectors).embedding.weight.dtype == "float32"
    vectors[:] = 0
    assert net.embedding.weight.data[:4].any()  # a copy


def test_dropout_acts_in_training_only():
    net = model(dropout=0.5)
    first, second = net(IDS, LENGTHS).data, net(IDS, LENGTHS).data
    assert (first != second).any()
    net.eval()
    np.testing.assert_array_equal(net(IDS, LENGTHS).data, net(IDS, LENGTHS).data)


def test_it_learns_an_order_that_counts_cannot_see():
    """ "x .. y" against "y .. x": one bag of words, so naive Bayes has the prior."""
    rng, texts, labels = np.random.default_rng(0), [], []
    for i in range(64):
        between = " ".join(rng.choice(["a", "b", "c"], rng.integers(0, 4)))
        texts.append(f"x {between} y" if i % 2 else f"y {between} x")
        labels.append(i % 2)
    v, y = Vocabulary(texts), np.array(labels)
    odds = NaiveBayes().fit(v.counts(texts), y).log_odds()
    assert odds[v.index["x"]] == pytest.approx(odds[v.index["y"]])
    net = LSTMClassifier(len(v), 8, 16, pool="last", rng=1)
    optimizer = optim.Adam(net.parameters(), lr=0.02)
    ids, lengths = v.padded(texts)
    for _ in range(60):
        optimizer.zero_grad()
        ops.cross_entropy(net(ids, lengths), y).backward()
        optimizer.step()
    assert (net(ids, lengths).data.argmax(axis=1) == y).all()


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: model("max"), "pool='max'"),
        (lambda: model(frozen=True), "would keep random ones"),
        (lambda: model(vectors=np.ones((5, 3))), r"shape \(5, 3\), expected \(4, 3\)"),
        (lambda: model()(IDS, [4, 0, 3]), "from 1 to 4"),
        (lambda: model()(IDS, [4, 5, 3]), "from 1 to 4"),
        (lambda: model()(IDS, [4, 3]), "3 integers"),
        (lambda: model()(IDS, [4.0, 2.0, 3.0]), "integers"),
    ],
)
def test_what_does_not_fit_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()


def test_an_id_outside_the_vocabulary_is_refused():
    with pytest.raises(IndexError):
        model()(IDS + 2, LENGTHS)
