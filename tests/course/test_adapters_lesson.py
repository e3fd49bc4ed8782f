"""Chapter 14's texts, its three adapters on one base, and the reading of its study."""

import numpy as np
import pytest

from tinyft import peft
from tinyft.course.experiment import logits
from tinyft.course.lessons.peft import ch14_adapters as lesson
from tinyft.course.lessons.peft import ch14_advice as advice
from tinyft.course.lessons.peft import ch14_proofs as proofs
from tinyft.course.runs import Runs
from tinyft.course.toys import set_random

IDS = np.arange(12).reshape(2, 6)


@pytest.fixture
def own():
    """{text: a base with an adapter drawn at random}."""
    models = {name: lesson.base() for name in lesson.CHANGED}
    for seed, model in enumerate(models.values()):
        adapter = peft.attach(model, peft.pfeiffer(16))
        set_random(adapter.parameters(), np.random.default_rng(seed), 0.1)
    return models


def test_words_of_each_line_are_reversed_and_lines_stay():
    assert lesson.backwards("to be or\n\nnot to be") == "or be to\n\nbe to not"


def test_batches_take_the_texts_in_turn():
    draw = lesson.batches("CAPITALS", "help")(np.random.default_rng(0))
    for name in ("CAPITALS", "help", "CAPITALS"):
        ids, (x, y) = lesson.texts()[name]["train"], next(draw)
        assert x.shape == y.shape == (4, 32)
        starts = np.flatnonzero(ids[: -len(x[0])] == x[0, 0])
        assert any((ids[s : s + 32] == x[0]).all() for s in starts)


def test_together_carries_every_adapter(own):
    model = lesson.together(own)
    for name, one in own.items():
        got = logits(peft.switch(model, name), IDS)
        np.testing.assert_array_equal(got, logits(one, IDS))


def test_the_equal_mix_has_equal_weights_and_gives_the_queries_back(own, monkeypatch):
    model = lesson.together(own)
    fusion = lesson.fuse(model, seed=0)
    before, seen = logits(model, IDS), []

    def losses(model):
        logits(model, IDS)
        seen.extend(d.weights.numpy() for d in fusion.deltas.values())
        return {}

    monkeypatch.setattr(lesson, "losses", losses)
    lesson.equal_mix(model, fusion)
    assert len(seen) == 3
    for weights in seen:  # exp(0) three times, divided by their sum, in float32
        np.testing.assert_allclose(weights, 1 / 3, rtol=1e-6)
    np.testing.assert_array_equal(logits(model, IDS), before)


def test_a_difference_is_paired_and_says_when_it_is_not_settled():
    """Seeds that vary together differ by exactly 0.5; noise of mean 0 settles nothing."""
    values = np.array([1.0, 2.0, 4.0, 3.0, 9.0])
    assert advice.gap(values, values - 0.5) == "+0.500 ± 0.000"
    noise = np.array([-1.0, 1.0, -2.0, 2.0, 0.5])
    assert advice.gap(values + noise, values).endswith("(not settled)")


def test_mixing_reads_text_block_and_adapter_in_their_order():
    names = list(lesson.CHANGED)

    def scores(seed):
        weights = {
            f"w {t} {b} {a}": 100 * i + 10 * b + j + seed / 10
            for i, t in enumerate(names)
            for b in range(3)
            for j, a in enumerate(names)
        }
        return weights | {"valid": 0.0}

    made = [
        {
            "settings": {"method": "fusion", "lr": lr, "seed": seed},
            "scores": scores(seed) | {"valid": abs(lr - 2)},
        }
        for lr in (1, 2, 3)
        for seed in range(5)
    ]
    found = advice.mixing(Runs(made))
    assert found.shape == (5, 3, 3, 3)
    assert found[4, 2, 1, 0] == 210.4


def test_numbers_of_an_adapter():
    """Counted on a real one: two matrices, two biases."""
    adapter = peft.attach(lesson.base(), peft.pfeiffer(16))
    assert advice.adapter(128, 16, 3) == adapter.count() == 12_720


def test_the_simplex_is_searched_to_its_edges():
    """The point of a triangle that is nearest to one outside: by hand, on an edge."""
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    w = proofs.simplex(corners, np.array([0.3, -1.0]))
    np.testing.assert_allclose(w, [0.7, 0.3, 0.0], atol=1e-12)  # sums of two terms
