"""Chapter 24's lesson: the reader, the features, who may see which text."""

import numpy as np
import pytest

from tinyft.course.lessons.alignment import ch24_preferences as lesson
from tinyft.course.lessons.alignment import ch24_setting as setting
from tinyft.course.lessons.alignment import ch24_steps as steps


@pytest.fixture(scope="module")
def ids():
    return setting.sample(setting.gpt(), 64, 0)


def test_taste_counts_words_not_letters():
    rows = [setting.tokens().encode(t) for t in ("The other, THEE this then", "And he")]
    assert [int(setting.th_words([row])[0]) for row in rows] == [4, 0]
    assert [float(setting.taste([row])[0]) for row in rows] == [-1.0, -9.0]


def test_the_reader_prefers_the_better_text_more_often(ids):
    pairs = setting.compare(ids, 4000, 1)
    lead = setting.taste(ids)[pairs.chosen] - setting.taste(ids)[pairs.rejected]
    assert (pairs.chosen != pairs.rejected).all()
    for size in (1.0, 3.0):
        some = np.abs(lead) == size
        if some.sum() > 100:
            want = 1 / (1 + np.exp(-setting.SURE * size))
            assert np.mean(lead[some] > 0) == pytest.approx(
                want, abs=5 * np.sqrt(0.25 / some.sum())
            )


def test_parts_and_counts(ids):
    part = setting.parts(np.arange(setting.TEXTS))
    assert [len(p) for p in part.values()] == [1024, 512, 2560]
    assert (setting.counts(ids).sum(axis=1) == setting.LENGTH).all()
    assert lesson.features(ids, "counts and square").shape == (64, 1025)


def test_log_probabilities_of_whole_texts_are_those_of_pairs(ids):
    gpt, pairs = setting.gpt(), setting.Pairs(np.arange(0, 8), np.arange(8, 16))
    both = setting.pair_logps(gpt, setting.token_pairs(ids, pairs))
    assert both.reshape(-1) == pytest.approx(
        setting.text_logps(gpt, ids[:16]), abs=1e-3
    )


def test_best_moves_are_found_from_labels_per_step():
    right = steps.compare(60, 0)["process"][1]
    assert right == pytest.approx(1 - (15 / 16) ** 8, abs=0.08)  # 400 groups
