"""The JSON reader: what json.loads gives, and a sentence where a limit is exceeded."""

import json
import time

import pytest

from tinyft.io.json_text import DEPTH, JSONError, parse_json, read_json

GOOD = [{}, [], 1, "a", None, {"a": [1, 2.5e-3, True, {"b": 'x"\\[[[['}]}, "\u2603\\"]


@pytest.mark.parametrize("value", GOOD)
def test_values_are_those_of_the_parser(value, tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    assert read_json(path) == value
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(value).encode())  # an editor's mark
    assert read_json(path) == value


@pytest.mark.parametrize(
    "text, words",
    [
        ("[" * 10_000 + "]" * 10_000, "levels deep"),
        ('{"a":' * 10_000 + "1" + "}" * 10_000, "levels deep"),
        ("[" * 100_000, "levels deep"),
        ('{"alpha": 1, "b": 2, "alpha": 3}', "'alpha' is given twice"),
        ('[{"x": {"y": 1, "y": 1}}]', "'y' is given twice"),
        ('{"a": NaN}', "NaN is not a number"),
        ("[-Infinity]", "-Infinity is not a number"),
        ("[1e999]", "1e999 is too large"),
        ("9" * 5000, "is not JSON that can be read"),  # Python's limit for integers
        ('{"a": ', "is not JSON that can be read"),
        ("", "is not JSON that can be read"),
    ],
)
def test_a_sentence_for_what_is_refused(text, words):
    with pytest.raises(JSONError, match=words) as caught:
        parse_json(text, "config.json")
    assert str(caught.value).startswith("config.json")


def test_the_depth_counts_brackets_outside_strings_only():
    assert parse_json("[" * DEPTH + "]" * DEPTH, "x")
    with pytest.raises(JSONError, match="levels deep"):
        parse_json("[" * (DEPTH + 1) + "]" * (DEPTH + 1), "x")
    text = '["' + "[{" * 1000 + '", "\\"[[[' + "[" * 1000 + '"]'
    assert parse_json(text, "x") == json.loads(text)


def test_a_hostile_text_takes_linear_time():
    """A string that never ends, full of escaped quotes: a second at most for 2 MB."""
    start = time.perf_counter()
    for text in ('"\\"' * 700_000, '{"' + '\\"' * 1_000_000):
        with pytest.raises(JSONError):
            parse_json(text, "x")
    assert time.perf_counter() - start < 5


def test_size_and_encoding(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("[" + " " * 100 + "]", encoding="utf-8")
    assert read_json(path, limit=102) == []
    with pytest.raises(JSONError, match=r"a.json is larger than 101 bytes"):
        read_json(path, limit=101)
    path.write_bytes(b'{"a": "\xff"}')
    with pytest.raises(JSONError, match="not UTF-8"):
        read_json(path)
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "none.json")


def test_constants_of_other_programs_where_the_caller_checks_them():
    assert parse_json("[Infinity, 1e999]", "x", finite=False) == [float("inf")] * 2
