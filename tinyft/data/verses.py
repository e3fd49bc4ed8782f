"""Verses of the King James Bible in two kinds each: a small real classification task.

    saying   Genesis (story) against Proverbs (saying)
    poetry   Samuel and Kings (story) against Psalms and Job (poetry)

Which kind a single verse comes from is read from the text, nobody labelled it by hand. A
few labels are therefore wrong in spirit: the blessing of Jacob in Genesis is a poem, and
Job begins as a story. The shipped checkpoints of `bible` were trained, without labels,
on all of Genesis and on Proverbs 1-29; the books of `poetry` they have never read.
"""

from typing import NamedTuple

import numpy as np

from tinyft.data.files import DataError
from tinyft.data.text import load_text, words

TASKS = {
    "saying": {"story": ("Genesis",), "saying": ("Proverbs",)},
    "poetry": {
        "story": ("1 Samuel", "2 Samuel", "1 Kings", "2 Kings"),
        "poetry": ("Psalms", "Job"),
    },
}
SPLITS = ("pool", "test")
TESTED = 200  # verses of each kind in a test set


class Verses(NamedTuple):
    """What `load_verses` returns: three rows of equal length N, and two names.

    texts     list of str, one verse each.
    labels    (N,) int64, 0 or 1: the position of the verse's kind in `kinds`.
    chapters  list of str, "Genesis 4": to keep verses of one chapter together.
    kinds     the two names, ("story", "saying").
    """

    texts: list
    labels: np.ndarray
    chapters: list
    kinds: tuple


def load_verses(task="saying", split="pool"):
    """Return the verses of a task as `Verses`, in the order of the Bible.

    task   "saying" or "poetry"; see the head of this file.
    split  "test": 200 verses of each kind from the chapters whose number 4 divides,
           evenly spaced. "pool": all verses of the other chapters, to draw labelled ones
           from (`few_shot`); a verse that has the same words as one of a tested chapter
           is left out.

    No chapter is in both, nothing is random. Raises DataError for an unknown name.
    """
    if task not in TASKS or split not in SPLITS:
        raise DataError(
            f"load_verses: task='{task}', split='{split}' is not known; the tasks are "
            f"{tuple(TASKS)}, the splits {SPLITS}."
        )
    kinds = TASKS[task]
    rows = [
        (verse, label, chapter)
        for label, books in enumerate(kinds.values())
        for chapter, verse in _verses(books)
    ]
    tested = [row for row in rows if _number(row[2]) % 4 == 0]
    kept = _spaced(tested) if split == "test" else _rest(rows, tested)
    texts, labels, chapters = zip(*kept)
    return Verses(list(texts), np.array(labels), list(chapters), tuple(kinds))


def _verses(books):
    """(chapter, verse) of these books, in order."""
    pieces = load_text("kjv", "all").strip("\n").split("\n\n")
    for chapter, verses in zip(pieces[::2], pieces[1::2]):
        if chapter.rpartition(" ")[0] in books:
            yield from ((chapter, verse) for verse in verses.split("\n"))


def _number(chapter):
    return int(chapter.rpartition(" ")[2])


def _spaced(rows):
    """TESTED rows of each label, as far from each other as possible."""
    parts = [[row for row in rows if row[1] == label] for label in (0, 1)]
    return [part[i * len(part) // TESTED] for part in parts for i in range(TESTED)]


def _rest(rows, tested):
    """The rows of the other chapters whose words are not those of a tested one."""
    seen = {tuple(words(row[0])) for row in tested}
    return [
        row for row in rows if _number(row[2]) % 4 and tuple(words(row[0])) not in seen
    ]
