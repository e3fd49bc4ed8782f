"""Sentences of a notebook: true, or their cell stops."""

import numpy as np
import pytest

from tinyft.course import prose


@pytest.mark.parametrize("condition", [1 < 2, np.bool_(True)])
def test_a_true_sentence_shows_nothing(condition, capsys):
    prose.holds(condition, "that one is less")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("condition", [2 < 1, np.bool_(False)])
def test_a_sentence_that_is_no_longer_true_stops_its_cell(condition):
    with pytest.raises(AssertionError, match="says that early layers win; its numbers"):
        prose.holds(condition, "that early layers win")
