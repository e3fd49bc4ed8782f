"""The self-test proves a good grader and finds what is wrong with bad ones."""

import json

import pytest

from tinyft.grading.proof import proofs
from tinyft.grading.proof.selftest import prove


def test_a_good_task_is_proved(chapter, monkeypatch, capsys):
    monkeypatch.setenv("TINYFT_HOME", str(chapter.root))
    path = chapter.root / "selftest.json"
    assert proofs.selftest(json=path) is True
    data = json.loads(path.read_text(encoding="utf-8"))
    assert (data["checks"], data["wrong"], data["caught"], data["named"]) == (
        2,
        5,
        5,
        5,
    )
    assert data["tasks"][0]["seeds"] == 20
    assert data["tasks"][0]["margin"] > 1e9  # mistakes of order 1 against tol = 1e-12
    assert "5 caught, 5 named" in capsys.readouterr().out


BAD = {
    "a check that asserts nothing": (
        {
            "test": ('"multiplied, not divided": x * (1 + 2 * n * lam),', ""),
            "wrong": (
                '"x was changed in place", "return x / (1 + c)", "x /= 1 + c; return x"',
                '"it is cut off", "return x / (1 + c)", "return x[:5] / (1 + c)"',
            ),
        },
        "'it is cut off' gets full marks",
    ),
    "a mistake that is caught but not named": (
        {"test": ('"the 1 is missing": lambda: x / (2 * n * lam),', "")},
        "'the 1 is missing' is caught, not named",
    ),
    "a wrong check": (
        {"test": ("want=x / (1 + 2", "want=x / (3 + 2")},
        "the solution fails test_value for student 0 (and 1 others)",
    ),
    "a loose tolerance": (
        {"test": ("tol=1e-12", "tol=0.2")},
        "is within 10 tolerances of the right answer on this check's data",
    ),
    "a check that does not call the answer": (
        {"test": ("student.scale(np.arange(1.0, 4.0), 2, 0.5)", "np.ones(3)")},
        "the stub passes test_input_stays",
    ),
    "an answer that is the mistake": (
        {"test": ("lambda: x / (1 + n * lam)", "lambda: x / (1 + 2 * n * lam)")},
        "gives the right answer on every draw of every check",
    ),
    "too few wrong answers": (
        {"wrong": ('("the 1 is missing", "(1 + c)", "c"),', "")},
        "4 named wrong answers; at least 5",
    ),
    "a wrong answer that does not apply": (
        {"wrong": ('"(1 + c)", "c"', '"(9 + c)", "c"')},
        "'(9 + c)' occurs 0 times",
    ),
    "a check without the student": (
        {"test": ("def test_input_stays(student, seed):", "def test_input_stays():")},
        "test_input_stays does not use the fixture `student`",
    ),
    "a key that means nothing": (
        {"hints": ("seconds", "secconds")},
        "hints.toml has an unknown key 'secconds'; did you mean seconds?",
    ),
    "no check at all": (
        {"test": ("def test_", "def look_at_")},
        "it holds no check",
    ),
    "a test that cannot be imported": (
        {"test": ("import numpy as np", "import no_such_module")},
        "No module named 'no_such_module'",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_task_is_found_out(chapter, case):
    changes, sentence = BAD[case]
    texts = {}
    for which, (old, new) in changes.items():
        before = getattr(chapter.texts, which)
        assert old in before
        texts[which] = before.replace(old, new)
    proof = prove(chapter.make(**texts), seeds=2)
    assert not proof.ok
    assert any(sentence in fault for fault in proof.faults), proof.faults


def test_a_drifted_stub_is_found_out(chapter):
    chapter.task.answer.write_text(chapter.texts.solution, encoding="utf-8")
    assert prove(chapter.task, seeds=1).faults == [
        "scale.py is not what its solution generates"
    ]
