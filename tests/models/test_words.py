"""Words of vectors, and first-order swaps, against loops and a measured loss."""

import numpy as np
import pytest

from tinyft import models, ops, peft, tensor

RNG = np.random.default_rng(5)
TABLE = RNG.normal(size=(9, 4))


def test_the_nearest_word_is_the_least_of_all_distances():
    P = RNG.normal(size=(6, 4)) + 0.5
    ids, distances = models.nearest_words(tensor(P), tensor(TABLE))
    for p, word, distance in zip(P, ids, distances):
        every = [np.sqrt(sum((p[i] - e[i]) ** 2 for i in range(4))) for e in TABLE]
        assert int(word) == min(range(9), key=every.__getitem__)
        assert distance == pytest.approx(min(every), rel=1e-12)


def test_it_is_not_the_largest_product():
    """A long row has large products with everything; distance is what counts."""
    table = np.array([[1.0, 0.0], [10.0, 0.0]])
    assert models.nearest_words(np.array([[1.5, 0.0]]), table)[0].tolist() == [0]


def test_a_word_is_its_own_neighbour():
    ids, distances = models.nearest_words(TABLE[[3, 0, 3]], TABLE)
    assert ids.tolist() == [3, 0, 3]
    assert not distances.any()


def test_swap_scores_are_the_slope_of_the_loss_along_each_swap():
    """Central differences of the model's loss, as row t moves towards each word."""
    model = models.gpt2_tiny(0, "float64", vocab=9, dim=4, heads=2, length=12).eval()
    for p in model.parameters():  # so that the prompt matters
        p.data = p.data * 8 if p.ndim > 1 else p.data
    ids, words = RNG.integers(0, 9, (2, 5)), [2, 7, 4]
    prompt = peft.attach(model, peft.Prompt(3, words=words)).deltas["embed"]

    def loss():
        logits = model(tensor(ids[:, :-1]))
        return ops.cross_entropy(logits.reshape(8, 9), tensor(ids[:, 1:].ravel()))

    loss().backward()
    table, start = model.embed.weight.numpy(), prompt.P.numpy().copy()
    scores = models.swap_scores(prompt.P.grad, words, table)
    assert scores.shape == (3, 9)
    for t, v in np.ndindex(3, 9):
        ends = []
        for step in (1e-4, -1e-4):
            moved = start.copy()
            moved[t] += step * (table[v] - table[words[t]])
            prompt.P.data = tensor(moved).data
            ends.append(loss().item())
        assert scores[t, v] == pytest.approx((ends[0] - ends[1]) / 2e-4, abs=1e-7)
    assert np.abs(scores[range(3), words]).max() < 1e-15
    assert np.abs(scores).max() > 1e-3


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: models.nearest_words(TABLE[0], TABLE), r"got \(4,\) and \(9, 4\)"),
        (lambda: models.nearest_words(TABLE[:, :3], TABLE), "of one width C"),
        (lambda: models.nearest_words(np.nan * TABLE, TABLE), "NaN or infinite"),
        (lambda: models.swap_scores(TABLE[:2], [0, 9], TABLE), r"2 integers 0\.\.8"),
        (lambda: models.swap_scores(TABLE[:2], [0], TABLE), "one per row"),
        (lambda: models.swap_scores(TABLE[:2], [0, -1], TABLE), r"0\.\.8"),
        (lambda: models.swap_scores(TABLE[:2], [0.0, 1.0], TABLE), "integers"),
    ],
)
def test_what_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
