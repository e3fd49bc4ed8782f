"""A small chapter made in tmp_path: one task, two checks, five named wrong answers."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tinyft.grading import exercise

sys.path.insert(0, str(Path(__file__).parent / "sandbox"))  # for hostile.py

SOLUTION = '''"""Scale a vector."""

import numpy as np


def scale(x, n, lam):
    """y = x / (1 + 2nλ)   (9.4).  x (d,), returns (d,)."""
    # YOUR CODE: equation (9.4)
    c = 2 * n * lam
    return x / (1 + c)
    # END YOUR CODE
'''

TEST = '''import numpy as np
import pytest

from tinyft.grading import compare, fail


@pytest.mark.points(2)
@pytest.mark.draws((7, 0.3), (4, 0.8))
def test_value(student, rng, draw):
    """The value on random data."""
    x, (n, lam) = rng.normal(size=5), draw
    compare(
        student.scale(x.copy(), n, lam),
        want=x / (1 + 2 * n * lam),
        mistakes={
            "n·λ instead of 2n·λ": lambda: x / (1 + n * lam),
            "2λ instead of 2n·λ": lambda: x / (1 + 2 * lam),
            "the 1 is missing": lambda: x / (2 * n * lam),
            "multiplied, not divided": x * (1 + 2 * n * lam),
        },
        tol=1e-12,
        equation="(9.4)",
    )


def test_input_stays(student, seed):
    """What is returned is an array; that x stays is looked after for every call."""
    if np.shape(student.scale(np.arange(1.0, 4.0), 2, 0.5)) != (3,):
        fail("another shape", "Return one value for each of x.", "(9.4)")
'''

WRONG = """WRONG = {
    "scale": [
        ("n·λ instead of 2n·λ", "2 * n * lam", "n * lam"),
        ("2λ instead of 2n·λ", "2 * n * lam", "2 * lam"),
        ("the 1 is missing", "(1 + c)", "c"),
        ("multiplied, not divided", "return x / (1", "return x * (1"),
        ("x was changed in place", "return x / (1 + c)", "x /= 1 + c; return x"),
    ],
}
"""

HINTS = """[scale]
title = "Scale a vector"
seconds = 2.5
megabytes = 300
hints = ["Look at (9.4).", "Divide.", "x / (1 + c)"]
"""


def make(root, solution=SOLUTION, test=TEST, wrong=WRONG, hints=HINTS):
    """Write exercises/09_scale under root and return its task, stub generated."""
    folder = root / "exercises" / "09_scale"
    (folder / "solutions").mkdir(parents=True, exist_ok=True)
    files = {
        "solutions/scale.py": solution,
        "test_scale.py": test,
        "wrong_answers.py": wrong,
        "hints.toml": hints,
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    (task,) = exercise.find_tasks(root)
    exercise.write_stub(task)
    return task


@pytest.fixture(scope="session")
def blueprint():
    """make(root, **texts) and the texts it uses when none are given."""
    texts = SimpleNamespace(solution=SOLUTION, test=TEST, wrong=WRONG, hints=HINTS)
    first, _, _ = TEST.partition("\n\n\ndef test_input_stays")
    return SimpleNamespace(make=make, texts=texts, first_check=first + "\n")


@pytest.fixture
def chapter(tmp_path, blueprint):
    """The finished task under tmp_path, the texts, and make(**texts) to change it."""

    def again(**changed):
        return make(tmp_path, **changed)

    task = make(tmp_path)
    return SimpleNamespace(task=task, make=again, root=tmp_path, texts=blueprint.texts)
