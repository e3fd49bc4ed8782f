"""Chapter 30's helpers: the ring against direct sums, and ranks in one process."""

import numpy as np
import pytest

from tinyft import optim
from tinyft.course.lessons.scaling import ch30_joins as joins
from tinyft.course.lessons.scaling import ch30_ring as ring
from tinyft.course.lessons.scaling import ch30_scaling_out as lesson


@pytest.mark.parametrize("p", [2, 3, 5, 8])
@pytest.mark.parametrize("N", [3, 16, 37])
def test_the_ring_sums_and_counts(p, N):
    """Same bits everywhere; in all 2 (p - 1) N numbers, whether p divides N or not."""
    rng = np.random.default_rng(N)
    buffers = [rng.normal(size=N) for _ in range(p)]
    kept = [one.copy() for one in buffers]
    sums, sent = ring.all_reduce(buffers)
    np.testing.assert_allclose(sums[0], np.sum(kept, axis=0), rtol=0, atol=1e-13)
    assert all((one == sums[0]).all() for one in sums)
    assert sent.sum() == 2 * (p - 1) * N * 8
    np.testing.assert_array_equal(buffers, kept)


def test_ring_and_tree_cross_where_the_formula_says():
    for p in (4, 8, 64):
        at = ring.crossing(p, 20e-6, 1e9)
        a, b = (f(p, at, 20e-6, 1e9) for f in (ring.ring_seconds, ring.tree_seconds))
        assert a == pytest.approx(b, rel=1e-12)


def test_zero_shares_what_its_stage_says():
    per_number = [ring.zero_bytes(1, 8, stage) for stage in range(4)]
    assert per_number == [16, 8 + 1, 4 + 12 / 8, 2]


def test_the_picture_shows_a_ring_that_ends_with_all_sums():
    bits, new = ring.states(4)
    assert bits.shape == (7, 4, 4) and (bits[-1] == 15).all()
    assert (new[1:].sum(axis=2) == 1).all()  # a rank gets one chunk in each round


def test_zero_3_gathers_twice_and_keeps_the_sums_where_they_are_owned():
    weights, slopes = np.arange(6.0), [np.full(6, r + 1.0) for r in range(3)]
    seen, owned, sent = ring.zero_3(weights, slopes)
    assert len(seen) == 6 and all((one == weights).all() for one in seen)
    assert all((chunk == 6).all() for chunk in owned)
    assert sent.tolist() == [3 * 2 * 2 * 8] * 3


def test_the_least_point_of_a_parabola():
    losses = [(i - 2.3) ** 2 for i in range(6)]
    assert lesson.minimum(losses) == pytest.approx(2.3)


def test_simulated_ranks_end_where_one_does():
    steps = lesson.batches(steps=2, rows=5)
    ends = []
    for size in (1, 4):
        model = lesson.fresh()
        joins.trained(model, steps, lambda p: optim.SGD(p, 0.1), size=size)
        ends.append(lesson.values(model))
    moved = np.linalg.norm(ends[0] - lesson.values(lesson.fresh()))
    assert np.linalg.norm(ends[1] - ends[0]) < 1e-4 * moved  # float32


def test_a_row_keeps_its_last_targets():
    (x, y), kept = lesson.batches(steps=1, rows=3)[0], [1, 5, 48]
    cut = lesson.answers_only((x, y), kept)[1]
    assert (cut != -100).sum(axis=1).tolist() == kept
    np.testing.assert_array_equal(cut[cut != -100][:1], y[0, -1:])
