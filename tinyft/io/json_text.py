"""JSON from files that others wrote, with limits that are checked before parsing.

    read_json(path, limit=2**26)    the value in a file of at most `limit` bytes
    parse_json(text, where)         the value of a text; `where` names it in errors

Refused with a sentence: a text that is too long or nested too deep (Python's parser
recurses), a key given twice (the last one would win silently), NaN and Infinity (they
are not JSON), and numbers that overflow. Every refusal is a JSONError.
"""

import json
import os
import re

SIZE = 2**26  # bytes: ten times the largest tokenizer.json in common use
DEPTH = 64  # configs and tokenizers nest fewer than ten levels
# A string, also one that is cut off: linear time, whatever the text is.
STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
OTHERS = re.compile(r"[^][{}]+")


class JSONError(ValueError):
    """A text that is not JSON, or that exceeds a limit; the message says which."""


def read_json(path, limit=SIZE, finite=True):
    """Return the value in a JSON file, UTF-8, of at most `limit` bytes.

    finite=False lets NaN and Infinity through: other programs write them into fields
    that the caller checks one by one. Raises FileNotFoundError, JSONError.
    """
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size > limit:
            raise JSONError(
                f"{path} is larger than {limit} bytes, the limit for its kind."
            )
        content = file.read()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise JSONError(f"{path} is not JSON: it is not UTF-8 ({error}).") from None
    return parse_json(text, path, finite)


def parse_json(text, where, finite=True):
    """Return the value of a JSON text; `where` says in errors where it comes from."""
    _check_depth(text, where)
    try:
        return json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_no_number if finite else float,
            parse_float=_finite if finite else float,
        )
    except (ValueError, RecursionError) as error:
        raise JSONError(f"{where} is not JSON that can be read: {error}.") from None


def _check_depth(text, where):
    depth = 0
    for bracket in OTHERS.sub("", STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > DEPTH:
            raise JSONError(
                f"{where} nests lists and objects more than {DEPTH} levels deep, which "
                "no file of its kind does; it is damaged or hostile."
            )


def _unique(pairs):
    found = dict(pairs)
    if len(found) < len(pairs):
        seen = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise JSONError(f"the key {twice!r} is given twice")
    return found


def _no_number(name):
    raise JSONError(f"{name} is not a number of JSON")


def _finite(text):
    number = float(text)
    if number in (float("inf"), -float("inf")):
        raise JSONError(f"the number {text[:40]} is too large for a float")
    return number
