"""Four texts in two styles: early modern English against Python's own help.

    shakespeare  As You Like It, whole            122 KB
    bible        King James Version, four books   319 KB
    kjv          King James Version, whole        4.2 MB
    pydoc        Python 3.11's help topics        466 KB

The first three are close to each other and far from the fourth: a model trained on one
of them and then on `pydoc` gains there and forgets here. Sources: LICENCES.md.
"""

import lzma
import re

from tinyft.data.files import DataError, read

DOMAINS = ("shakespeare", "bible", "kjv", "pydoc")
SPLITS = ("train", "valid", "test", "all")
WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")


def domains():
    """Return the names that `load_text` knows."""
    return DOMAINS


def load_text(domain, split="train"):
    """Return a text, or its part for training, for validation, for testing.

    The shipped checkpoints have seen the training parts only. `train` is the first nine
    tenths, `valid` and `test` halve the rest; each cut falls after a line end, and
    train + valid + test == all, character for character. The exception is `kjv`, where
    every 40th chapter is for validation and another for testing, and so are the chapters
    that `bible` holds out.
    Raises DataError for an unknown name, and when the shipped file was changed.
    """
    if domain not in DOMAINS:
        raise DataError(f"load_text: '{domain}' is not shipped; take one of {DOMAINS}.")
    if split not in SPLITS:
        raise DataError(
            f"load_text: split='{split}' is not known; take one of {SPLITS}."
        )
    if domain == "kjv":
        return _chapters(lzma.decompress(read("kjv.txt.xz")).decode("utf-8"), split)
    text = read(f"{domain}.txt").decode("utf-8")
    first = _line_end(text, len(text) * 9 // 10)
    second = _line_end(text, (first + len(text)) // 2)
    parts = text[:first], text[first:second], text[second:], text
    return dict(zip(SPLITS, parts))[split]


def _line_end(text, position):
    """The last place at or before `position` that follows a line end."""
    return text.rindex("\n", 0, position) + 1


def _chapters(text, split):
    """The chapters of the whole Bible that belong to `split`, joined again."""
    pieces = text.strip("\n").split("\n\n")  # heading, verses, heading, verses, ...
    chapters = list(zip(pieces[::2], pieces[1::2]))
    kept = [
        f"{head}\n\n{verses}\n"
        for i, (head, verses) in enumerate(chapters)
        if split in ("all", _part_of(i, head))
    ]
    return "\n".join(kept)


def _part_of(index, head):
    """The part of the chapter with this position and heading."""
    if head.startswith("Ecclesiastes") or head in ("Proverbs 30", "Proverbs 31"):
        return "test"  # unseen by the model of `bible`, so unseen by that of `kjv`
    return {19: "valid", 39: "test"}.get(index % 40, "train")


def words(text):
    """Return the words of `text` in lower case, a list of str that may be empty.

    words("Let there be: the LORD's")   ["let", "there", "be", "the", "lord's"]

    A word is a run of letters and digits; an apostrophe between two of them belongs to
    it, and every other sign separates. The classic models read texts this way
    (models/classic/); byte-pair tokens come from a `Tokenizer`. Raises DataError for
    anything but a str: a list of texts would fall into letters.
    """
    if not isinstance(text, str):
        raise DataError(
            f"words: expected one text, a str, got {type(text).__name__}; for several "
            "write [words(text) for text in texts]."
        )
    return WORD.findall(text.lower())
