"""Chapter 12's lesson: new output layers, choice without validation, who is outside."""

import numpy as np
import pytest

from tinyft.course.lessons.safeguards import ch12_negative_transfer as lesson
from tinyft.course.lessons.safeguards import ch12_scores, ch12_tables


def arrays(model):
    return {k: v.numpy() for k, v in model.state_dict().items()}


def test_a_new_layer_replaces_the_output_layer_and_nothing_else():
    kept = arrays(lesson.source(lesson.NAMES, 0, 20))
    fresh = arrays(lesson.source(lesson.NAMES + lesson.NEW, 0, 20))
    differ = {k for k in kept if (kept[k] != fresh[k]).any()}
    assert {k.partition(".")[0] for k in differ} == {"4"}


def test_cross_validation_judges_images_that_did_not_train(monkeypatch):
    seen, train = [], lesson.train

    def spy(model, batches, *rest):
        seen.append(next(batches(np.random.default_rng(0))))
        return train(model, batches, *rest)

    x = lesson.labelled(2, 3)[0]
    lesson.source(lesson.SCRATCH, 3)
    monkeypatch.setattr(lesson, "train", spy)
    scores = lesson.crossed(lesson.SCRATCH, lesson.LENGTH, 3e-3, 3)
    assert [len(y) for _, y in seen] == [5, 5]
    assert all(set(y) == set(lesson.TARGET) for _, y in seen)
    both = np.concatenate([x for x, _ in seen])
    assert len(np.unique(both, axis=0)) == len(np.unique(x, axis=0)) == 10
    assert 0 <= scores["valid error"] <= 1


def test_outside_is_the_share_orthogonal_to_the_ten_images(monkeypatch):
    x = lesson.labelled(2, 0)[0]
    new = np.linalg.svd(x)[2][-1]  # orthogonal to all ten
    given = np.stack([x[0], x[3] - 2 * x[7], new, x[0] + np.linalg.norm(x[0]) * new])
    monkeypatch.setattr(lesson, "parts", lambda: {"test": (given, None)})
    monkeypatch.setattr(lesson, "labelled", lambda count, seed: (x, None))
    want = 0, 0, 1, 0.5**0.5
    assert ch12_tables.outside(0) == pytest.approx(want, abs=1e-5)  # float32


def test_halves_splits_each_seeds_gap_by_outside(monkeypatch):
    far = {seed: np.roll([0.1, 0.2, 0.8, 0.9], seed) for seed in lesson.TEN}
    monkeypatch.setattr(ch12_tables, "outside", far.get)
    harm = np.array([far[seed] > 0.5 for seed in lesson.TEN]).astype(int)
    assert (ch12_tables.halves(harm) == [0, 1]).all()
    errors = {lesson.SCRATCH: 1 + harm, lesson.OTHER: 2 + 2 * harm}
    first, row = ch12_tables.by_half(errors, [lesson.OTHER])[1]
    assert [v[:5] for v in first[1:3]] == ["1.000", "2.000"]
    assert [v[:5] for v in row[1:]] == ["+1.00", "+2.00", "+1.00", "+1.00", "+0.00"]


@pytest.mark.parametrize(("spread", "want"), [(1, ""), (2.6, " (a hint)")])
def test_a_verdict_that_fails_at_the_eighth_is_a_hint(spread, want):
    """Rows ±spread about 2, ten seeds: t = 6/spread, bounds 2.26 (5 %), 3.5 (0.05/8)."""
    second = np.zeros((10, 50))
    first = 2 + spread * np.array([1, -1] * 5)[:, None] + second
    gap, verdict = ch12_tables.worded(first, second)
    assert gap.startswith("+2.000 ±") and verdict == "negative transfer" + want


def test_a_source_learns_its_own_images():
    errors = [ch12_tables.own_error(lesson.OTHER, length) for length in (10, 300)]
    assert errors[0] > 0.3 > 0.05 > errors[1]


def test_scores_of_few_labels_are_another_draws():
    on_many, on_few = (ch12_scores.score(lesson.NOISY, 0, few) for few in (False, True))
    assert on_many != on_few
    found = {"a": (1.0, 3.0), "b": (2.0, 2.0), "c": (3.0, 1.0)}
    assert ch12_scores.taus(found, {"a": 0.0, "b": 1.0, "c": 2.0}) == [-1.0, 1.0]


def test_the_better_recipe_has_the_smaller_error():
    equal = ch12_tables.winners(100)[1]
    gap = ch12_tables.winners(100, better=0.5)[1]
    assert abs(equal) < 0.02 < 0.05 < gap
