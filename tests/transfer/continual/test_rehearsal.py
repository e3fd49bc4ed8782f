"""What a buffer keeps, counted; what it draws; and what it refuses."""

from collections import Counter

import numpy as np
import pytest

from tinyft.transfer.continual import Rehearsal
from tinyft.transfer.continual.rehearsal import balanced


def test_each_class_has_its_share_while_there_is_room():
    y = np.repeat([3, 7, 9], [50, 5, 1])
    for count, want in (
        (3, [1, 1, 1]),
        (5, [2, 2, 1]),
        (9, [4, 4, 1]),
        (20, [14, 5, 1]),
    ):
        rows = balanced(y, count, np.random.default_rng(count))
        assert len(set(rows.tolist())) == count
        assert sorted(Counter(y[rows].tolist()).values(), reverse=True) == want


def test_within_a_class_every_example_has_the_same_chance():
    rng, y = np.random.default_rng(0), np.repeat([0, 1], [4, 6])
    drawn = np.bincount(
        np.concatenate([balanced(y, 4, rng) for _ in range(6000)]), minlength=10
    )
    p = np.repeat([2 / 4, 2 / 6], [4, 6])
    z = (drawn - 6000 * p) / np.sqrt(6000 * p * (1 - p))
    assert np.abs(z).max() < 4


def test_two_tasks_are_kept_and_drawn_together():
    kept, rng = Rehearsal(2), np.random.default_rng(0)
    x = np.arange(20.0).reshape(10, 2)
    kept.keep(x[:5], np.arange(5), rng)
    kept.keep(x[5:], np.arange(5, 10), rng)
    assert kept.size == 4 and len(kept.tasks) == 2
    got_x, got_y = kept.draw(rng, 32)
    np.testing.assert_array_equal(got_x, x[got_y])  # rows stay together
    assert len(set(got_y.tolist())) == 4 and (got_y < 5).sum() == 2
    assert len(kept.draw(rng, 3)[1]) == 3


def test_bad_input_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="cannot be larger than its task"):
        Rehearsal(6).keep(np.ones((5, 2)), np.zeros(5, int), rng)
    with pytest.raises(ValueError, match="0 inputs and 0 labels"):
        Rehearsal(1).keep(np.ones((0, 2)), np.zeros(0, int), rng)
    with pytest.raises(ValueError, match="4 inputs and 5 labels"):
        Rehearsal(1).keep(np.ones((4, 2)), np.zeros(5, int), rng)
    with pytest.raises(ValueError, match="nothing is kept yet"):
        Rehearsal(1).draw(rng, 4)
    for count in (0, -1, 1.5):
        with pytest.raises(ValueError, match="whole number >= 1"):
            Rehearsal(count)
