"""What learners are told, in their language: TINYFT_LANGUAGE=zh_CN tinyft grade ...

One table, words.toml, has for each language the sentences as templates:

    "{score} of {most} points" = "得分 {score} / {most}"

A text is translated when it is shown, line by line and sentence by sentence; what stands in
the place of a name is looked up as well. What the table does not have stays English, so a
translation can grow.
"""

import functools
import os
import re
import tomllib
from pathlib import Path

TABLE = Path(__file__).with_suffix(".toml")
NAME = re.compile(r"\{(\w+)\}")
WITHIN = r"(?:(?![.?!] [A-Z]).)+?"  # what stands in for a name: within a sentence
SENTENCE = re.compile(r"(?<=[.?!]) (?=[A-Z])")


def language():
    """What TINYFT_LANGUAGE says: "" is English. LookupError for one without a table."""
    asked = os.environ.get("TINYFT_LANGUAGE", "")
    if asked in ("", "en"):
        return ""
    if asked not in table():
        known = ", ".join(["en", *table()])
        raise LookupError(
            f"TINYFT_LANGUAGE is {asked!r}, and tinyft speaks {known}: choose one of these"
        )
    return asked


@functools.cache
def table():
    """{language: {English template: its translation}}"""
    return tomllib.loads(TABLE.read_text("utf-8"))


def told(text):
    """The text in the learner's language."""
    name = language()
    if not name or not text:
        return text
    return "\n".join(_line(line, name) for line in text.split("\n"))


def _line(line, name):
    whole = _found(line.strip(), name)
    if whole is None:
        whole = " ".join(_found(s, name) or s for s in SENTENCE.split(line.strip()))
    return line[: len(line) - len(line.lstrip())] + whole


def _found(sentence, name):
    """Its translation, None if no template fits."""
    exact = table()[name].get(sentence)
    if exact is not None:
        return exact
    for pattern, made in _patterns(name):
        fits = pattern.fullmatch(sentence)
        if fits:
            values = {k: _found(v, name) or v for k, v in fits.groupdict().items()}
            return made.format(**values)
    return None


@functools.cache
def _patterns(name):
    """(regular expression, translation), what says most first."""
    open_ones = [pair for pair in table()[name].items() if NAME.search(pair[0])]
    open_ones.sort(key=lambda pair: -len(NAME.sub("", pair[0])))
    return [(_pattern(template), made) for template, made in open_ones]


def _pattern(template):
    parts = NAME.split(template)  # text, name, text, name, ..., text
    made = [
        f"(?P<{part}>{WITHIN})" if i % 2 else re.escape(part)
        for i, part in enumerate(parts)
    ]
    return re.compile("".join(made))
