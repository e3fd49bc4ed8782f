"""Data, runs, seeds and costs of the chapters' experiments, against counts by hand."""

import itertools
import math

import numpy as np
import pytest

from tinyft import models, no_grad, ops, peft
from tinyft.course import experiment
from tinyft.course.toys import frozen


def tiny():
    return models.gpt2_tiny(rng=0, vocab=12, dim=16, layers=1, heads=2, length=32)


IDS = np.random.default_rng(0).integers(0, 12, 700)


def test_the_loss_is_the_mean_over_evenly_spread_windows():
    model, losses = tiny(), []
    for i in range(16):
        row = IDS[i * ((700 - 9) // 16) :][:9]
        with no_grad():
            z = model(row[None, :-1])
        losses.append(ops.cross_entropy(z.reshape(-1, 12), row[1:]).item())
    got = experiment.loss_on(model, IDS, length=8, count=16)
    assert got == pytest.approx(np.mean(losses), rel=1e-5)  # float32 sums
    assert model.training


def test_windows_repeat_with_the_seed():
    batches = experiment.windows(IDS, batch=3, length=5)
    (x, y), (again, _) = (next(batches(np.random.default_rng(4))) for _ in "ab")
    assert x.shape == (3, 5)
    np.testing.assert_array_equal(x, again)
    np.testing.assert_array_equal(x[:, 1:], y[:, :-1])


def test_what_trains_is_the_adapter_alone_or_the_model():
    model = tiny()
    assert sum(p.size for p in experiment.trained_parameters(model)) == model.count()
    adapter = peft.attach(model, peft.LoRA(2), r"attn\.q", rng=0)
    found = experiment.trained_parameters(model)
    assert {id(p) for p in found} == {id(p) for p in adapter.parameters()}


def test_a_step_is_adamw_by_hand():
    """From zero moments AdamW without decay moves by lr·sign(g); one step has lr / 1."""
    W = np.eye(3, dtype="f4")
    model, x = frozen(W), np.array([[1.0, 2.0, -1.0]], dtype="f4")

    def batches(rng):
        return itertools.repeat((x,))

    losses = experiment.train(
        model, batches, 0.5, steps=1, loss=lambda model, x: model(x).sum()
    )
    assert losses == pytest.approx([2.0])
    want = W - 0.5 * np.sign(x)
    np.testing.assert_allclose(model.body.weight.numpy(), want, atol=1e-5)


def test_a_seed_gives_every_method_the_same_batches():
    batches = experiment.windows(IDS, 2, 8)

    def losses(lr, seed):
        return experiment.train(tiny(), batches, lr, steps=3, seed=seed)

    assert losses(1e-3, 1)[0] == losses(1e-2, 1)[0] != losses(1e-3, 2)[0]


def test_lines_that_have_a_style_are_counted():
    texts = ["1. a Amen!\nplain\n2. cut", "\n3. b Amen!\n"]
    assert experiment.share(texts, r"\d+\. .*Amen!") == 2 / 3
    assert experiment.share(["never finished"], ".*") == 0.0


def test_the_interval_is_students():
    """t of 95 % and 4 degrees of freedom is 2.776 in every table."""
    mean, half = experiment.interval([1, 2, 3, 4, 5])
    assert mean == 3 and half == pytest.approx(
        2.776 * math.sqrt(2.5) / math.sqrt(5), abs=1e-3
    )
    assert experiment.said([1, 2, 3, 4, 5]) == "3.00 ± 1.96"
    assert experiment.said([1, 2, 3], 1, sign=True) == "+2.0 ± 2.5"
    with pytest.raises(ValueError, match="two or more values, one per seed, not 1"):
        experiment.interval([1.0])


def test_the_interval_holds_as_often_as_it_says():
    """4,000 draws of five: 95 % ± 1.4 % (four standard errors) contain the mean 0."""
    draws = np.random.default_rng(0).normal(size=(4000, 5))
    held = [abs(mean) <= half for mean, half in map(experiment.interval, draws)]
    assert abs(np.mean(held) - 0.95) < 0.014


def test_a_best_rate_lies_inside_its_grid():
    scores = {1e-3: [3.0, 3.2], 1e-2: [2.0, 2.2], 1e-1: [9.0, 2.0]}
    assert experiment.best(scores) == 1e-2
    del scores[1e-1]
    with pytest.raises(ValueError, match=r"0\.01 is at the edge of the grid"):
        experiment.best(scores)


def test_memory_of_adam_is_two_numbers_per_parameter():
    assert experiment.step_memory(lambda: None)[1] < 0.1
    batch = next(experiment.windows(IDS, 2, 8)(np.random.default_rng(0)))
    found = experiment.cost(tiny(), batch)
    state = 2 * 4 * tiny().count() / 1e6
    assert found["trained parameters"] == tiny().count()
    assert state <= found["Adam's state (MB)"] < 1.2 * state + 0.05
    peak = found["beside the base, at the peak (MB)"]
    assert peak > 1.4 * state  # gradients and activations too
    extra = 1e6 * found["file per task (MB)"] - 4 * tiny().count()
    assert 0 < extra < 4000  # names and shapes, and the tied head once more


def test_a_race_alternates_and_does_not_count_the_first_round():
    calls = []
    found = experiment.race({k: lambda k=k: calls.append(k) for k in "ab"}, rounds=2)
    assert calls == list("ababab") and set(found) == {"a", "b"}


def test_parts_are_rewritten_before_they_are_encoded():
    class Tokens:
        def encode(self, text):
            return [len(text), text.count("x")]

    parts = experiment.text_parts("bible", Tokens(), lambda text: text[:5] + "xx")
    assert list(parts) == ["train", "valid", "test"]
    assert parts["valid"].tolist() == [7, 2]


def test_a_difference_is_settled_when_its_interval_leaves_out_zero():
    """mean 2, standard deviation 1: 2 ± 4.303/√3 · 1 with three seeds, by the t-table."""
    assert experiment.settled([1.0, 2.0, 3.0]) == 0
    assert experiment.settled([1.9, 2.0, 2.1]) == 1
    assert experiment.settled([-1.9, -2.0, -2.1]) == -1
    assert experiment.said_gap([0.01, 0.02, 0.03], 1, 100) == "+2.0 ± 2.5 (not settled)"
    assert experiment.said_gap([1.9, 2.0, 2.1]) == "+2.00 ± 0.25"
