"""The faults of `tinyft faults`: which are made, where, and what the first run watches."""

import ast
import sys

import pytest

from tinyft.course.faults import plant, trial

LIBRARY = '''
def used(x, w, flag, n=3):
    """Not 1 fault in a docstring."""
    if n < 0:
        raise ValueError(f"n is {n + 1}")
    if flag:
        x = x * 2
    print(sum(range(n), 4))
    return x - w

def unused(x):
    return x + 1

SCALES = {
    "used": lambda n: 2 * n,
    "unused": lambda n: 3 * n,
}

def _check_numbers(n):
    assert n + 1

class Kept:
    limit = 5

    def __repr__(self):
        return str(1 + 1)
'''


@pytest.fixture
def labels(tmp_path):
    """labels(kinds) of all faults of LIBRARY after a run in which `used` was called."""

    def labels(source=LIBRARY, **kinds):
        (tmp_path / "lib.py").write_text(source)
        seen = {"lib.py": {"lines": [*range(3, 10), 15, 20, 27], "names": {"2": kinds}}}
        found = plant.sample(tmp_path, seen, None, seed=0)
        for fault in found:
            ast.parse(fault.text)
            assert fault.file == "lib.py" and fault.line in [*range(3, 11), 15]
        return [fault.label.removeprefix("lib.py used: ") for fault in found]

    return labels


def test_faults_are_made_in_executed_bodies_only(labels):
    found = labels()
    assert "return x - w → return x + w" in found
    assert "x = x * 2 → x = x" in found and "x = x * 2 → x = x * 3" in found
    assert "if flag: → if True:" in found and "if flag: → if False:" in found
    assert any("lambda n: 2 / n" in label for label in found)
    spared = "3 /", "n < 0", "raise", "n + 1", "x + 1", "Not 1 fault", "limit", "str("
    for words in spared:
        assert not any(words in label for label in found), words
    assert not any(label.endswith("(nothing)") for label in found)  # print(…) stays
    assert len(found) == len(set(found))


def test_tensors_are_detached_and_confused_arrays_are_confused(labels):
    found = labels(x="tensor (2,)", w="tensor (2,)", n="array (2,)")
    assert "return x - w → return x.detach() - w" in found
    assert "return x - w → return w - w" in found
    assert not any("n.detach()" in label for label in found)
    assert not any("detach" in label or "w - w" in label for label in labels())


def test_arguments_are_swapped_only_between_arrays(labels):
    source = LIBRARY.replace("sum(range(n), 4)", "dot(x, w)")
    swapped = "print(dot(x, w)) → print(dot(w, x))"
    assert labels(source, x="array (2,)", w="array (2,)").count(swapped) == 1
    assert swapped not in labels(source, x="array (2,)", w="array (3,)")


def test_a_draw_is_repeatable_and_takes_statements_first(tmp_path):
    (tmp_path / "lib.py").write_text(LIBRARY)
    seen = {"lib.py": {"lines": list(range(3, 10)), "names": {}}}
    first, again, other = (plant.sample(tmp_path, seen, 4, s) for s in (1, 1, 2))
    assert first == again != other
    # four statements can be changed: `if flag`, `x = …`, `print(…)`, `return …`
    assert sorted(fault.line for fault in first) == [6, 7, 8, 9]


def test_the_watch_sees_lines_and_kinds(tmp_path):
    file = tmp_path / "lib.py"
    cells = [
        (1, f"exec(compile({LIBRARY!r}, {str(file)!r}, 'exec'))"),
        (2, "from tinyft import tensor\nimport numpy as np"),
        (3, "def deep():\n    deep()\ntry:\n    deep()\nexcept RecursionError: pass"),
        (4, "used(tensor(np.ones(2), requires_grad=True), np.ones(2), False)"),
    ]
    watch, before = trial.Watch([str(file)]), sys.gettrace()
    report = trial.run(cells, watch)
    assert sys.gettrace() is before  # a coverage tool or a debugger goes on
    assert report["kind"] == "passed"
    seen = watch.as_json()[str(file)]
    assert {4, 6, 8, 9} <= set(seen["lines"]) and not {5, 7, 12} & set(seen["lines"])
    assert seen["names"][2] == {"x": "tensor (2,)", "w": "array (2,)"}
