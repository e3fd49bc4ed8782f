"""Two text domains: early modern English against Python's own help.

    shakespeare  As You Like It, whole            122 KB
    bible        King James Version, four books   319 KB
    pydoc        Python 3.11's help topics        466 KB

The first two are close to each other and far from the third: a model trained on one of
them and then on `pydoc` gains there and forgets here. Sources: LICENCES.md.
"""

from tinyft.data.files import DataError, read

DOMAINS = ("shakespeare", "bible", "pydoc")
SPLITS = ("train", "valid", "all")


def domains():
    """Return the names that `load_text` knows."""
    return DOMAINS


def load_text(domain, split="train"):
    """Return a text: `train` is the first nine tenths, `valid` the rest, `all` both.

    The cut falls after a line end and train + valid == all, character for character.
    Raises DataError for an unknown name, and when the shipped file was changed.
    """
    if domain not in DOMAINS:
        raise DataError(f"load_text: '{domain}' is not shipped; take one of {DOMAINS}.")
    if split not in SPLITS:
        raise DataError(
            f"load_text: split='{split}' is not known; take one of {SPLITS}."
        )
    text = read(f"{domain}.txt").decode("utf-8")
    cut = text.rindex("\n", 0, len(text) * 9 // 10) + 1
    return {"train": text[:cut], "valid": text[cut:], "all": text}[split]
