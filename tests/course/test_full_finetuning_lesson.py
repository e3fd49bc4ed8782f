"""Chapter 05's lesson: the parts of its study, and its counts, against plain forms."""

import numpy as np
import pytest

from tinyft import transfer
from tinyft.course.lessons.transfer import ch05_digits as digits
from tinyft.course.lessons.transfer import ch05_edge as page
from tinyft.course.lessons.transfer import ch05_full_finetuning as lesson


def test_the_parts_do_not_meet_and_are_shifted():
    held, (x, y) = digits.held_out("inverted"), digits.few_labels("inverted", 30, 0)
    assert [len(held[k][1]) for k in ("valid", "test")] == [120, 239]
    rows = {row.tobytes() for k in held for row in held[k][0]}
    assert not rows & {row.tobytes() for row in x}
    assert len(y) == 30 and x.shape == (30, 1, 8, 8)
    assert x[:, 0, :, 0].mean() > 0.9  # the margin is white


def test_labels_are_drawn_by_the_seed_and_nested():
    small, large = (digits.few_labels("renamed", n, 3) for n in (8, 16))
    assert np.array_equal(large[0][:8], small[0]) and np.array_equal(
        large[1][:8], small[1]
    )
    assert not np.array_equal(small[1], digits.few_labels("renamed", 8, 4)[1])


def test_halves_share_nothing():
    first, second = lesson.halves((np.arange(9), np.arange(9)))
    assert [*first[0], *second[0]] == list(range(9)) and len(first[1]) == 4


@pytest.mark.parametrize("way", lesson.WAYS)
def test_a_run_of_the_study(monkeypatch, way):
    monkeypatch.setattr(lesson, "STEPS", 10)
    monkeypatch.setattr(lesson.follow, "__defaults__", (10,))
    found = lesson.run(way=way, labels=8, lr=1e-3, seed=0)
    assert found["step"] in (0, 5, 10) and 0 < found["distance"] < 5
    if way == "to the end":
        assert found["step"] == 10


def test_a_run_stopped_at_the_start_has_not_moved(monkeypatch):
    monkeypatch.setattr(lesson.follow, "__defaults__", (5,))
    model = digits.base()
    start = transfer.snapshot(model)
    lesson.follow(model, digits.few_labels("inverted", 8, 0), 1e-3, 0, {}, steps=0)
    assert 0 < transfer.distance(model, start)  # one step is taken after the last look


@pytest.mark.parametrize("r", [1, 3])
def test_the_edge_is_two_over_the_top_eigenvalue(r):
    rng = np.random.default_rng(0)
    X, A = rng.normal(size=(20, 5)), rng.normal(size=(r, 5))
    top = np.linalg.eigvalsh(A @ X.T @ X @ A.T / 20)[-1]
    assert page.edge(X, A, 6.0) == pytest.approx(2 / ((6 / r) ** 2 * top), rel=1e-12)
    rooted = page.edge(X, A, 6.0, rslora=True)
    assert rooted == pytest.approx(2 / (36 / r * top), rel=1e-12)


def test_work_of_two_layers_by_hand():
    assert page.work([3, 5, 2]) == 2 * 15 + 3 * 10
    # W: 15 + 2·10; B three times: 3·2·(5 + 2); A: two times 2·3, three times 2·5
    assert page.work([3, 5, 2], r=2) == 35 + 42 + 12 + 30
