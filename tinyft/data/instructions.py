"""Instructions on single words, for a model of 0.15 M parameters: constructed data.

    reverse: wisdom   ->   modsiw

The words are real, of Bible and play, three to eight letters each with a vowel; the
instructions are made by the functions of TASKS. One word in nine is for validation and
one for testing: no instruction on it is ever trained.
"""

import re

import numpy as np

from tinyft.data.files import DataError
from tinyft.data.text import SPLITS, load_text
from tinyft.data.tokenizer import CharTokenizer

TASKS = {
    "copy": lambda word: word,
    "reverse": lambda word: word[::-1],
    "first": lambda word: word[0],
    "last": lambda word: word[-1],
    "count": lambda word: str(len(word)),
    "capitals": lambda word: word.upper(),
    "double": lambda word: word + word,
    "vowels": lambda word: "".join(c for c in word if c in "aeiou"),
}
SOURCES = ("shakespeare", "bible")  # whole: no chapter of theirs is an instruction
SEED = 23


def instruction_tasks():
    """The names of the instructions, a tuple."""
    return tuple(TASKS)


def instruction_words(split="train"):
    """The words of "train", "valid" or "test", a sorted list."""
    if split not in SPLITS[:3]:
        raise DataError(
            f"instruction_words: split={split!r} is not one of {SPLITS[:3]}"
        )
    text = "\n".join(load_text(name, "all") for name in SOURCES)
    found = set(re.findall(r"\b[a-z]{3,8}\b", text))
    words = sorted(word for word in found if set(word) & set("aeiou"))
    part = np.random.default_rng(SEED).integers(0, 9, len(words))
    of_part = {0: "valid", 1: "test"}
    return [w for w, p in zip(words, part) if of_part.get(p, "train") == split]


def instruction(task, word):
    """A conversation of two messages: the instruction, then its answer."""
    if task not in TASKS:
        raise DataError(f"instruction: task={task!r} is not one of {list(TASKS)}")
    return [
        {"role": "user", "content": f"{task}: {word}"},
        {"role": "assistant", "content": TASKS[task](word)},
    ]


def instructions(words, rng=None, count=None):
    """Conversations: `count` at random, or (None) every task on every word.

    A generator; with count it draws a word and a task, each as likely as any other.
    """
    if count is None:
        return (instruction(task, word) for task in TASKS for word in words)
    names, words = list(TASKS), list(words)
    picks = zip(rng.integers(0, len(names), count), rng.integers(0, len(words), count))
    return (instruction(names[i], words[j]) for i, j in picks)


def instruction_tokenizer(specials):
    """Characters of the two texts, digits included, and these special tokens."""
    text = "".join(load_text(name, "all") for name in SOURCES)
    return CharTokenizer(text + "0123456789\n", ("[PAD]", *specials))
