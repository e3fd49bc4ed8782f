r"""How a text falls into words before byte-pair merges, as the public models do it.

    split("gpt2")("I'll pay 9 ½")      ["I", "'ll", " pay", " 9", " ½"]

    gpt2       's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
    digits     each number on its own first, then gpt2 (StarCoder, SmolLM2)
    llama3     numbers in threes, one sign before a word, line ends together
    qwen2      as llama3, each number on its own

Python's `re` has no \p{L}. Its \w is exactly the letters, the numbers and "_", so the
numbers are all that has to be listed: \d has the decimal ones, unicodedata the others
(½, ², Ⅷ). Its \s has four control characters more than Unicode's white space.
Sources: GPT-2's encoder.py; the tokenizer.json files of the models named.
"""

import re
import unicodedata
from functools import cache

SPACE = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
LAST = 0x20000  # no number and no punctuation lies above
NAMES = ("gpt2", "digits", "llama3", "qwen2")


@cache
def ranges(*kinds):
    """The characters of these Unicode categories, "Nl", as the inside of a class."""
    found = [i for i in range(LAST) if unicodedata.category(chr(i)) in kinds]
    starts = [i for i, before in zip(found, [-2, *found]) if i != before + 1]
    ends = [i for i, after in zip(found, [*found[1:], -2]) if i != after - 1]
    return "".join(
        f"{re.escape(chr(a))}-{re.escape(chr(b))}" for a, b in zip(starts, ends)
    )


@cache
def split(name):
    """The function str -> list of words, of one of NAMES; joined they are the text."""
    number = rf"\d{ranges('Nl', 'No')}"
    if name == "digits":
        single, rest = re.compile(f"([{number}])"), split("gpt2")
        return lambda text: [w for part in single.split(text) for w in rest(part)]
    letter, sign = rf"[^\W_{number}]", rf"(?:[^{SPACE}\w]|_)"
    blank = rf"[{SPACE}]+(?![^{SPACE}])|[{SPACE}]+"
    if name == "gpt2":
        pattern = f"'(?:[sdmt]|ll|ve|re)| ?{letter}+| ?[{number}]+| ?{sign}+|{blank}"
    else:
        many = "{1,3}" if name == "llama3" else ""
        pattern = (
            rf"'(?i:[sdmt]|ll|ve|re)|(?:[^\r\n\w]|_)?{letter}+|[{number}]{many}"
            rf"| ?{sign}+[\r\n]*|[{SPACE}]*[\r\n]+|{blank}"
        )
    return re.compile(pattern).findall
