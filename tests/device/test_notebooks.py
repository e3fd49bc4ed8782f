"""Chapter 00's code with TINYFT_DEVICE=cuda on the stand-in; chapters.py runs them all."""

import json

import chapters
import pytest


def test_a_chapter_runs_on_the_device():
    found = chapters.run(chapters.ROOT / "notebooks" / "00_autograd.ipynb")
    assert found["launches"] > 10_000


CAUGHT = """
from tinyft.course import check
try:
    check('sum', 1 + 1, 3, 0, 'exact')
except AssertionError:
    pass
"""
WRONG = {
    "a failed check was caught": CAUGHT,
    "cell 1": "import numpy as np, tinyft; np.asarray(tinyft.tensor([1.0]).data)",
    "CheckFailed": "from tinyft.course import check; check('sum', 1 + 1, 3, 0, 'exact')",
    "'checks': 0": "print('nothing is proved here')",
    "'launches': 0": "from tinyft.course import check; check('one', 1, 1, 0, 'exact')",
}


@pytest.mark.parametrize("said", WRONG)
def test_a_chapter_that_does_not_pass(said, tmp_path):
    notebook = tmp_path / "99_wrong.ipynb"
    cells = [{"cell_type": "code", "source": [WRONG[said]]}]
    notebook.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    with pytest.raises(AssertionError, match=said):
        chapters.run(notebook)
