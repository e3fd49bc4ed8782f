"""Chapter 28's setting: no page is in the training text, and a leak is as planted."""

import numpy as np

from tinyft.course.lessons.life import ch28_contamination as lesson
from tinyft.course.lessons.life import ch28_results as results
from tinyft.course.lessons.life import ch28_setting as setting


def windows(ids, length):
    return {tuple(ids[i : i + length]) for i in range(len(ids) - length + 1)}


def test_groups_are_all_pages_once():
    for seed in (0, 1):
        dealt = np.concatenate(list(setting.groups(seed).values()))
        assert sorted(dealt) == list(range(len(setting.pages())))
    assert (setting.groups(0)[4] != setting.groups(1)[4]).any()


def test_no_line_is_in_the_training_text():
    """16 tokens of a line, its line end with them: only its own verse breaks off there."""
    known = windows(setting.stream().tolist(), setting.LINE)
    lines = setting.pages()[:, 1:].reshape(-1, setting.LINE)
    assert not any(tuple(line) in known for line in lines.tolist())


def test_a_suspect_reads_each_page_as_often_as_its_dose():
    leaks = np.full(setting.STEPS * setting.BATCH, -1)
    leaks[[3, 40, 41]] = 7, 7, 9
    x, y = next(setting.batches(leaks)(np.random.default_rng(0)))
    np.testing.assert_array_equal(x[3], setting.pages()[7][:-1])
    np.testing.assert_array_equal(y[3], setting.pages()[7][1:])
    counts = setting.repeats(0)
    assert sorted(set(counts)) == list(setting.DOSES)
    assert counts.sum() == sum(setting.DOSES) * setting.PAGES


def test_the_order_table_has_the_file_first():
    model = setting.build(0)
    table, loss = setting.order_table(model), setting.losses(model)
    np.testing.assert_allclose(table[0], -loss * setting.LENGTH, rtol=1e-5)
    assert table.shape == (6, len(setting.pages()))


def test_the_blind_baseline():
    """It tells other words apart, and not texts of one kind (900 pairs: ± .15)."""
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 50, (2, 30, 49))
    assert abs(results.blind(a, b) - 0.5) < 0.25
    assert results.blind(a, b + 40) > 0.95


def test_a_plan_of_one_rate_but_for_its_sweep():
    for one in lesson.plan():
        assert one["kind"] == "rate" or one["lr"] == setting.RATE
