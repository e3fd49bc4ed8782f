"""Skip-gram: its loss by loops, its gradient by hand, its optimum enumerated."""

import math

import numpy as np
import pytest

import tinyft
from tinyft import optim, training
from tinyft.autograd import gradcheck
from tinyft.models.classic.sampling import EQUAL, noise
from tinyft.models.classic.shifted_pmi import (
    expected_loss,
    expected_negatives,
    optimum,
)
from tinyft.models.classic.skipgram import SkipGram, batches


def test_the_loss_is_the_sum_of_logarithms():
    model = SkipGram(6, 3, rng=0, dtype="float64")
    rng = np.random.default_rng(0)
    model.context.weight.data = rng.normal(size=(6, 3))
    v, u = model.centre.weight.data, model.context.weight.data
    centres, contexts = np.array([0, 2, 0]), np.array([1, 2, 5])
    drawn = np.array([[3, 3], [2, -1], [-1, -1]])  # repeated, equal, left out
    want = 0.0
    for w, c, row in zip(centres, contexts, drawn):
        want += math.log(1 + math.exp(-v[w] @ u[c]))
        want += sum(math.log(1 + math.exp(v[w] @ u[n])) for n in row if n >= 0)
    found = model(centres, contexts, drawn)
    assert found.item() == pytest.approx(want / 3, rel=1e-14)


def test_its_gradients():
    """Central differences, and by hand: (σ(s) − 1) u_c + Σ σ(s_n) u_n for one centre."""
    rng = np.random.default_rng(3)
    model = SkipGram(5, 4, rng=0, dtype="float64")
    model.context.weight.data = rng.normal(size=(5, 4))
    v, u = model.centre.weight, model.context.weight
    given = np.array([1]), np.array([2]), np.array([[0, 0, 2, -1]])

    def loss(*values):
        for module, value in zip((model.centre, model.context), values):
            module._parameters["weight"] = value
        return model(*given)

    assert gradcheck(loss, v, u, full=True)
    loss(v, u).backward()
    s = 1 / (1 + np.exp(-u.data @ v.data[1]))
    want = (s[2] - 1) * u.data[2] + 2 * s[0] * u.data[0] + s[2] * u.data[2]
    np.testing.assert_allclose(v.grad.numpy()[1], want, rtol=1e-13)
    assert not v.grad.numpy()[[0, 2, 3, 4]].any()
    assert u.grad.numpy()[0] == pytest.approx(2 * s[0] * v.data[1], rel=1e-13)


P = np.array([[2.0, 6.0, 4.0], [1.0, 1.0, 2.0], [3.0, 5.0, 8.0]])  # all pairs seen


def enumerated(equal):
    """Every pair as often as it occurs, with every negative as often as it is expected:
    (centres, contexts, negatives (B, 1)) of one negative per pair, noise = contexts."""
    often = P.sum(axis=0).astype(int).tolist()  # contexts 6, 12, 14 of 32
    rows = []
    for (w, c), n in np.ndenumerate(P):
        drawn = [i for i in range(3) for _ in range(often[i])]
        if equal == "skip":
            drawn = [-1 if i == c else i for i in drawn]
        if equal == "redraw":  # 2340 rows for each pair, whatever its context
            drawn = [i for i in drawn if i != c]
            drawn = drawn * (2340 // len(drawn))
        rows += [(w, c, i) for i in drawn for _ in range(int(n))]
    w, c, i = np.array(rows).T
    return w, c, i[:, None]


@pytest.mark.parametrize("equal", EQUAL)
def test_the_gradient_is_zero_at_the_closed_form(equal):
    """With v = S* and u = I, v·u = S*. At the S* of the other two it is not zero."""
    q = P.sum(axis=0) / P.sum()
    model = SkipGram(3, 3, rng=0, dtype="float64")
    model.context.weight.data = np.eye(3)
    given = enumerated(equal)

    def slope(scores):
        model.centre.weight.data, model.centre.weight.grad = scores, None
        model(*given).backward()
        return abs(model.centre.weight.grad.numpy()).max()

    assert slope(optimum(P, q, 1, equal)) < 1e-12  # 75 000 rows
    for other in set(EQUAL) - {equal}:
        assert slope(optimum(P, q, 1, other)) > 1e-3


def test_shifted_pmi_and_what_three_quarters_do():
    w, c, every = P.sum(axis=1, keepdims=True), P.sum(axis=0), P.sum()
    pmi = np.log(P * every / (w * c))
    np.testing.assert_allclose(
        optimum(P, noise(c, 1), 5), pmi - math.log(5), atol=1e-14
    )
    q = noise(c)
    moved = optimum(P, q, 5) - (pmi - math.log(5))
    np.testing.assert_allclose(
        moved, np.log(c / every / q) * np.ones((3, 1)), atol=1e-14
    )
    assert moved[0, 0] < 0 < moved[0, 2]  # the rarest context and the most frequent


@pytest.mark.parametrize("equal", EQUAL)
def test_the_expected_loss_is_least_there(equal):
    q = noise(P.sum(axis=0))
    N, best = expected_negatives(P, q, 4, equal), optimum(P, q, 4, equal)
    x = tinyft.tensor(best, requires_grad=True)
    loss = expected_loss(x, P, N)
    loss.backward()
    assert abs(x.grad.numpy()).max() < 1e-15
    for step in np.random.default_rng(0).normal(size=(5, 3, 3)):
        assert expected_loss(tinyft.tensor(best + step), P, N).item() > loss.item()


def test_a_pair_never_seen_has_no_finite_score():
    found = optimum(np.array([[2.0, 0.0], [1.0, 1.0]]), np.array([0.5, 0.5]), 2)
    assert found[0, 1] == -math.inf and np.isfinite(found[[0, 1, 1], [0, 0, 1]]).all()


def test_training_goes_to_shifted_pmi():
    """100 words of a Markov text, 4 · 10^4 pairs: within sampling noise of the optimum."""
    rng, k = np.random.default_rng(5), 3
    centres, contexts = (
        np.repeat(np.indices((3, 3))[i].ravel(), 200 * P.ravel().astype(int))
        for i in (0, 1)
    )
    q, model = noise(P.sum(axis=0)), SkipGram(3, 3, rng=1)
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    epoch = lambda: batches(rng, centres, contexts, q, k, 800, "keep")  # noqa: E731
    for lr in (0.02, 0.004):
        optimizer.lr = lr
        training.fit(
            model, lambda m, *b: m(*b), epoch, optimizer, epochs=25, progress=False
        )
    scores = model.centre.weight.data @ model.context.weight.data.T
    assert abs(scores - optimum(P, q, k, "keep")).max() < 0.15
    assert abs(scores - optimum(P, q, k, "keep") - math.log(k)).max() > 0.9


def test_an_epoch_has_every_pair_once():
    rng = np.random.default_rng(0)
    centres = np.arange(10)
    found = list(batches(rng, centres, centres + 1, np.ones(12) / 12, 2, 4))
    assert [len(c) for c, _, _ in found] == [4, 4, 2]
    assert sorted(np.concatenate([c for c, _, _ in found])) == list(range(10))
    assert all((o == c + 1).all() and n.shape == (len(c), 2) for c, o, n in found)


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: expected_negatives(P, np.ones(3) / 3, 1, "drop"), "equal='drop'"),
        (lambda: SkipGram(3, 2)([0], [1], [1]), r"\(B, k\), got \(1,\)"),
        (lambda: SkipGram(3, 2)([0], [1, 2], [[1]]), r"got \(1,\), \(2,\)"),
    ],
)
def test_what_makes_no_sense_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()


def test_a_word_outside_the_table_is_refused():
    with pytest.raises(IndexError):
        SkipGram(3, 2)([0], [3], [[1]])
