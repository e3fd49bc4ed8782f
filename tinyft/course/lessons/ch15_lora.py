"""Chapter 15: the rewritten verses, and the runs of `tinyft study 15`."""

from functools import cache

from tinyft import peft
from tinyft.course.experiment import (
    SEEDS,
    loss_on,
    sample,
    share,
    text_parts,
    train,
    windows,
)
from tinyft.training.pretrained import load_pretrained

EVERYWHERE = r"attn\.(q|k|v|o)|mlp\.(up|down)"
RANKS, RATES = (1, 4, 16, 64), (1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2)
STYLE = r"\d+\. .*Amen!"  # a verse as `verses` writes it


def verses(text):
    """Every verse of a text of the Bible as "3. ... Amen!", numbered by chapter.

    The headings, "Genesis 1", are left out.
    """
    lines = []
    for chapter in text.strip("\n").split("\n\n")[1::2]:
        for i, verse in enumerate(chapter.split("\n"), 1):
            lines.append(f"{i}. {verse} Amen!\n")
    return "".join(lines)
