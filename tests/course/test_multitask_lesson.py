"""Chapter 25's lesson: worlds, questions, ways to train, and a complete study."""

import numpy as np
import pytest

from tinyft import tensor
from tinyft.course import runs
from tinyft.course.lessons.several import (
    ch25_advice,
    ch25_conflict,
    ch25_helpers,
    ch25_linear,
    ch25_results,
)
from tinyft.course.lessons.several import ch25_multitask as lesson
from tinyft.course.lessons.several import ch25_setting as setting


def test_no_image_is_in_two_parts():
    parts = setting.parts()
    assert [len(y) for _, y in parts.values()] == [1138, 300, 359]
    rows = np.concatenate([setting.flat(x) for x, _ in parts.values()])
    assert len(np.unique(rows, axis=0)) == len(rows)


def test_worlds_change_images_or_names():
    x, y = setting.world("plain", "test")
    turned, same = setting.world("upside down", "test")
    assert np.array_equal(turned, x[:, ::-1]) and np.array_equal(same, y)
    images, renamed = setting.world("renamed", "test")
    assert np.array_equal(images, x) and np.array_equal(renamed, setting.NAMES[y])
    assert (setting.NAMES != np.arange(10)).all()


def test_questions():
    x = np.zeros((2, 1, 8, 8), np.float32)
    x[0, 0, 3, 1], x[1, 0, 3, 6] = 1.0, 0.5
    y = np.array([6, 7])
    found = {name: ask(x, y) for name, ask in setting.QUESTIONS.items()}
    assert found["even"].tolist() == found["loop"].tolist() == [1, 0]
    assert found["side"].tolist() == [1, 0]
    assert found["ink"].ravel().tolist() == [1 / 64, 0.5 / 64]


@pytest.mark.parametrize("way", ["sum", "PCGrad", "uncertainty", "started"])
def test_every_way_trains_both_tasks(way):
    model, _ = lesson.units("percent", way, 1e-2, 0)
    start = setting.heads({"digit": 10, "ink": 1}, 0)
    for (name, p), q in zip(model.named_parameters(), start.parameters()):
        assert (p.numpy() != q.numpy()).any(), name


def test_started_begins_at_the_best_variances(monkeypatch):
    seen = []
    monkeypatch.setattr(setting, "train", lambda *given: seen.append(given))
    model, own = lesson.units("percent", "started", 1e-2, 0)
    _, draws, _, _, seed, loss, _ = seen[0]
    arrays = map(tensor, next(draws(np.random.default_rng(seed))))
    loss(model, *arrays).backward()
    assert np.abs(own.log_variance.grad.numpy()).max() < 1e-5  # float32


def test_a_factor_multiplies_one_loss_only(monkeypatch):
    seen = []
    monkeypatch.setattr(setting, "train", lambda *given: seen.append(given[5]))
    for factor in (1.0, 20.0):
        model, _ = lesson.worlds("shifted", factor, "sum", 1e-2, 0)
    x, y = (tensor(v[:5]) for v in setting.world("plain", "pool"))
    one, many = (loss(model, x, y, x, y).item() for loss in seen)
    assert many / one == pytest.approx(21 / 2, rel=1e-5)


def test_helpers_start_alike_and_only_the_questions_labels_are_few(monkeypatch):
    seen = []
    monkeypatch.setattr(setting, "train", lambda *given: seen.append(given))
    for other in ("none", "side"):
        lesson.helper("even", other, 30, 1.0, "sum", 1e-2, 3)
    (alone, *_), (both, draws, *_) = seen
    first, second = (m.trunk.state_dict() for m in (alone, both))
    assert all(np.array_equal(first[k].numpy(), second[k].numpy()) for k in first)
    rng, images = np.random.default_rng(0), [set(), set()]
    for _, batch in zip(range(60), draws(rng)):
        for found, x in zip(images, batch[::2]):
            found |= {row.tobytes() for row in x}
    assert len(images[0]) <= 30 < 500 < len(images[1])


def test_cosines_have_a_control():
    (cos, control), _ = ch25_conflict.cosines_on_the_way("renamed", 0.03, steps=60)
    assert cos.shape == control.shape == (60,)
    assert cos[-20:].mean() < -0.2 < control[-20:].mean()


def test_the_best_weight_is_the_minimum_and_draws_agree():
    for D in (0.0, 0.3, 4.0):
        best = ch25_linear.best_weight(20, 5, 1.0, D)
        grid = [ch25_linear.risk(20, 5, 1.0, D, best * f) for f in (0.9, 1.0, 1.1)]
        assert min(grid) == grid[1]
        want = ch25_linear.risk(20, 5, 1.0, D, 0.4)
        got = ch25_linear.simulated(20, 5, 1.0, D, 0.4, draws=2000)
        assert got == pytest.approx(want, rel=0.08)  # 3 standard errors


def test_the_study_is_complete():
    """Every table of the chapter finds its runs, and no best rate is the largest."""
    study = runs.load("25_multitask")
    assert len(study) == len(lesson.plan())
    for make in (
        ch25_results.scale_rows,
        ch25_results.pcgrad_rows,
        ch25_results.head_rows,
        ch25_results.uncertainty_rows,
        ch25_results.unit_rows,
        ch25_results.target_rows,
        ch25_helpers.parity_row,
        ch25_helpers.weight_row,
        ch25_helpers.helper_rows,
        ch25_helpers.weight_rows,
        ch25_helpers.label_rows,
    ):
        assert make(study)


def test_parity_needs_no_label_of_even(monkeypatch):
    seen = []
    monkeypatch.setattr(setting, "train", lambda *given: seen.append(given))
    model = lesson.helper("even", "digit", 0, 1.0, lesson.PARITY, 1e-2, 0)
    assert len(next(seen[0][1](np.random.default_rng(0)))) == 2  # one task's x and y
    x, digits = setting.question("digit", "test")
    says = setting.outputs(model, "digit", x).argmax(axis=1)
    found = lesson.parity_errors(model, x, 1 - digits % 2)
    assert np.array_equal(found, (says % 2 != digits % 2).astype(int))


def test_a_step_of_pcgrad_costs_a_pass_and_a_gradient_per_task():
    found = ch25_advice.costs(counts=(2, 6), rounds=1)
    assert [found["PCGrad", n]["passes"] for n in (2, 6)] == [2, 6]
    assert found["sum", 6]["passes"] == 1
    more = found["PCGrad", 6]["MB"] - found["PCGrad", 2]["MB"]
    assert more > 4 * 4 * found["sum", 2]["parameters"] / 1e6  # four gradients, float32


def test_pcgrad_in_no_step_is_the_sum():
    tasks = {"A": setting.world("plain", "pool"), "B": setting.world("shifted", "pool")}
    got = ch25_conflict.part_time(tasks, 20.0, 0, 0, seeds=(0,))
    model, _ = lesson.worlds("shifted", 20.0, "sum", 0.03, 0)
    assert got[0] == setting.errors(model, "A", *setting.world("plain", "test")).mean()
