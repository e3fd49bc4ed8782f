"""The verses of chapter 20: which are tested, that none is in both parts, the words."""

import numpy as np
import pytest

from tinyft import data
from tinyft.data import DataError


def number(chapter):
    return int(chapter.split()[-1])


@pytest.mark.parametrize("task", ["saying", "poetry"])
def test_no_chapter_and_no_verse_is_in_both_parts(task):
    pool, test = (data.load_verses(task, split) for split in ("pool", "test"))
    assert all(number(c) % 4 for c in pool.chapters)
    assert not any(number(c) % 4 for c in test.chapters)
    read = {" ".join(data.words(text)) for text in test.texts}
    assert not any(" ".join(data.words(text)) in read for text in pool.texts)
    for part in (pool, test):
        assert len(part.texts) == len(part.labels) == len(part.chapters)
        assert part.labels.dtype == np.int64 and all(map(data.words, part.texts))
    assert np.bincount(test.labels).tolist() == [200, 200]


def test_the_counts_of_the_pool():
    """Genesis has 1533 verses, Proverbs 915; three of 699 stand in a tested chapter."""
    pool = data.load_verses("saying")
    assert np.bincount(pool.labels).tolist() == [1188, 699 - 3]
    assert pool.kinds == ("story", "saying")
    repeated = "There is a way that seemeth right unto a man"  # 14:12 and 16:25
    assert not any(text.startswith(repeated) for text in pool.texts)


def test_a_label_is_the_book():
    pool = data.load_verses("poetry")
    for chapter, label in zip(pool.chapters, pool.labels):
        assert label == chapter.startswith(("Psalms", "Job"))
    assert pool.texts[0].startswith("Now there was a certain man of Ramathaimzophim")


def test_the_test_verses_are_spread_over_their_chapters():
    test = data.load_verses("saying", "test")
    assert {number(c) for c in test.chapters[:200]} == set(range(4, 51, 4))
    assert {number(c) for c in test.chapters[200:]} == set(range(4, 32, 4))


def test_the_same_verses_every_time():
    one, two = data.load_verses(), data.load_verses()
    assert one.texts == two.texts and (one.labels == two.labels).all()


@pytest.mark.parametrize("task, split", [("genre", "pool"), ("saying", "train")])
def test_an_unknown_name_is_refused(task, split):
    with pytest.raises(DataError, match="is not known; the tasks are"):
        data.load_verses(task, split)


@pytest.mark.parametrize(
    "text, expected",
    [
        (
            "Let there be light: the LORD's",
            ["let", "there", "be", "light", "the", "lord's"],
        ),
        ("Beer-sheba, 'twas _so_", ["beer", "sheba", "twas", "so"]),
        ("Élan 3rd Haus\u2019s", ["élan", "3rd", "haus\u2019s"]),
        ("...", []),
        ("", []),
    ],
)
def test_words(text, expected):
    assert data.words(text) == expected


def test_words_takes_one_text():
    with pytest.raises(DataError, match="expected one text, a str, got list"):
        data.words(["a text"])
