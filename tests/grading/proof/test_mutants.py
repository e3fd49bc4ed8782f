"""Blind mutants: which are made, which survive, how survivors are justified."""

import json

import pytest

from tinyft.grading.proof import proofs
from tinyft.grading.proof.mutants import mutants
from tinyft.grading.proof.mutation import attack


def changes(*lines):
    """{name: the changed block} of a block with these lines."""
    head, tail = "def f(x):\n    # YOUR CODE\n", "    # END YOUR CODE\n"
    source = "import a\n" + head + "".join(f"    {one}\n" for one in lines) + tail
    found = mutants(source)
    assert len(dict(found)) == len(found)  # names are keys
    for _, text in found:
        compile(text, "mutant", "exec")
        assert text.startswith("import a")
    return {name: text.partition("def f(x):\n    ")[2] for name, text in found}


@pytest.mark.parametrize(
    "line, made",
    [
        ("return a + b", ["a - b", "a", "b"]),
        ("return a - b", ["a + b", "b - a", "a", "b"]),
        ("return a * b", ["a / b", "a", "b"]),
        ("return a / b", ["a * b", "b / a", "a"]),
        ("return a @ b", ["b @ a", "a", "b"]),
        ("return a ** b", ["b ** a", "a"]),
        ("return -a", ["a"]),
        ("return (a - b) ** 2", ["a - b", "(a + b) ** 2", "a ** 2", "b ** 2"]),
        ("return abs(a - b)", ["abs(a + b)", "abs(a)", "abs(b)"]),
        ("return 3", ["4", "2", "6"]),
        ("return 0", ["1", "-1"]),
        ("return 0.5", ["1.5", "1.0"]),
        ("return True", ["False"]),
        ("return a < b", ["a <= b", "a > b"]),
        ("return a == b", ["a != b"]),
        ("return a is None", ["a is not None"]),
        ("return a and b", ["a or b", "a", "b"]),
        ("return a.T", ["a"]),
        ("return np.transpose(a)", ["a"]),
        ("return a.transpose()", ["a"]),
        ("return np.sum(a, axis=b)", ["np.mean(a, axis=b)", "np.sum(a)"]),
        ("return sum(a)", ["mean(a)"]),
        ("return g(a, b, c)", ["g(b, a, c)", "g(a, c, b)"]),
        ("return max(a, b)", ["min(a, b)"]),
        ("return a if c else b", ["b if c else a"]),
        ("return a[b:]", ["a[:]"]),
        ("x += a", ["x -= a", "pass"]),
        ("x.sort()", ["pass"]),
    ],
)
def test_the_changes_that_are_made(line, made):
    word = "return " if line.startswith("return ") else ""
    found = [text.strip().removeprefix(word) for text in changes(line).values()]
    for one in made:
        assert one in found, found
    # 2 and the power: what else a square or a slice allows is not listed above
    assert len(found) == len(made) or "**" in line


def test_an_if_is_turned_and_a_text_is_no_statement():
    assert "    if not a:" in "".join(changes("if a:", "    return b")) or any(
        "if not a" in text for text in changes("if a:", "    return b").values()
    )
    assert changes("'a text'") == {}


def test_equal_changes_have_names_of_their_own():
    assert list(changes("return g(2) * g(2)")).count("2 → 3") == 1
    assert "2 → 3 (2)" in changes("return g(2) * g(2)")


def test_only_what_the_learner_writes_is_changed():
    source = (
        "def f(x):\n    y = 1\n    # YOUR CODE\n    return y\n    # END YOUR CODE\n"
    )
    assert mutants(source + "z = 2 + 3\n") == []


def test_a_good_grader_lets_nothing_through(chapter):
    found = attack(chapter.task)
    assert found.ok and found.mutants == found.killed >= 10, found.faults


LOOSE = "tol=1e-12", "tol=0.2"


def test_a_loose_grader_is_found_out_and_may_say_why(chapter, monkeypatch, capsys):
    task = chapter.make(test=chapter.texts.test.replace(*LOOSE))
    found = attack(task)
    assert found.survivors >= 1 and not found.ok
    assert found.mutants == found.killed + found.survivors
    name = found.survived[0]
    assert f"the grader lets this through: {name}" in found.faults
    lines = [f'"{one}" = "the check is loose"\n' for one in found.survived]
    path = task.solution.parent / "survivors.toml"
    path.write_text("[scale]\n" + "".join(lines), encoding="utf-8")
    assert attack(task).ok and attack(task).justified == found.survivors
    monkeypatch.setenv("TINYFT_HOME", str(chapter.root))
    assert proofs.mutants(json=chapter.root / "m.json") is True
    data = json.loads((chapter.root / "m.json").read_text(encoding="utf-8"))
    assert data["survivors"] == data["justified"] == found.survivors
    assert data["tasks"][0]["reasons"][name] == "the check is loose"
    assert "survive (" in capsys.readouterr().out


@pytest.mark.parametrize(
    "text, sentence",
    [
        ('[scale]\n"x → y" = "gone"\n', "excuses what does not survive: x → y"),
        ("[scale", "survivors.toml is not valid TOML"),
    ],
)
def test_a_bad_list_of_survivors_is_told(chapter, text, sentence):
    path = chapter.task.solution.parent / "survivors.toml"
    path.write_text(text, encoding="utf-8")
    assert any(sentence in fault for fault in attack(chapter.task).faults)


def test_a_solution_that_is_not_there_is_told(chapter):
    chapter.task.solution.unlink()
    (fault,) = attack(chapter.task).faults
    assert "No such file" in fault
