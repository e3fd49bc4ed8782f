"""The layers of the house: imports go down only, files stay short, NumPy has one door.

docs/rooms.py says which rooms lie at which height; docs/architecture.md explains them.
"""

import ast
import importlib.util
from collections import Counter
from pathlib import Path

import pytest

import tinyft

ROOT = Path(tinyft.__file__).resolve().parents[1]
spec = importlib.util.spec_from_file_location("rooms", ROOT / "docs" / "rooms.py")
rooms = importlib.util.module_from_spec(spec)
spec.loader.exec_module(rooms)

NUMPY = {"backend", "data", "io", "course", "grading"}
MOST_LINES, MOST_FILES, MOST_OF_A_FUNCTION, MOST_OF_A_METHOD = 250, 15, 40, 80

# What is longer than it should be, and by how much: these numbers only go down.
LONG_FILES = {}
FULL_ROOMS = {}
LONG_FUNCTIONS = {}
LONG_METHODS = {}
SETTLING = set()  # packages whose rooms may still know each other
UPWARD = set()  # (file, room above it)

each_file = pytest.mark.parametrize("name", sorted(rooms.FILES))


def place(name):
    return rooms.FILES[name].relative_to(rooms.PACKAGE).as_posix()


def lines(name):
    return len(rooms.FILES[name].read_text("utf-8").splitlines())


@each_file
def test_imports_go_down(name):
    """Into the own room or a floor below; a package's __init__ may also show its rooms."""
    if name == "tinyft":
        return
    here = rooms.room_of(name)
    assert here in rooms.HEIGHT, (
        f"docs/rooms.py does not say on which floor {here} lies"
    )
    face = rooms.FILES[name].name == "__init__.py"
    for target in rooms.uses(name):
        there = rooms.room_of(target)
        if there == here or (face and there.startswith(f"{here}/")):
            continue
        both = {here.partition("/")[0], there.partition("/")[0]}
        if len(both) == 1 and both <= SETTLING:
            continue
        down = rooms.HEIGHT[there] < rooms.HEIGHT[here]
        assert down or (name, there) in UPWARD, f"{name} imports {target}"


@each_file
def test_array_libraries_have_one_door(name):
    roots = {target.split(".")[0] for target in rooms.imported(rooms.TREES[name])}
    assert not {"cupy", "cupyx"} & roots or name == "tinyft.backend.library"
    assert "numpy" not in roots or rooms.room_of(name).split("/")[0] in NUMPY


def test_no_import_cycles():
    done, path = set(), []

    def visit(name):
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name in done:
            return
        path.append(name)
        for target in sorted(rooms.uses(name)):
            visit(target)
        path.pop()
        done.add(name)

    for name in sorted(rooms.FILES):
        visit(name)


@each_file
def test_a_file_is_short(name):
    assert lines(name) <= LONG_FILES.get(place(name), MOST_LINES)


@each_file
def test_a_function_is_short(name):
    for node in ast.walk(rooms.TREES[name]):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            most = LONG_FUNCTIONS.get(f"{place(name)} {node.name}", MOST_OF_A_FUNCTION)
            assert node.end_lineno - node.lineno + 1 <= most, node.name


@pytest.mark.parametrize(
    "name", [n for n in sorted(rooms.FILES) if n.startswith("tinyft.peft.methods.")]
)
def test_a_method_is_read_in_one_sitting(name):
    assert lines(name) <= LONG_METHODS.get(place(name), MOST_OF_A_METHOD)


def test_a_room_has_few_files():
    """Beside its __init__."""
    found = Counter(map(rooms.room_of, rooms.FILES))
    for room, count in found.items():
        assert count - 1 <= FULL_ROOMS.get(room, MOST_FILES), room


def test_the_drawing_is_current():
    """`python docs/rooms.py` draws it again."""
    drawn = (ROOT / "docs" / "rooms.svg").read_text("utf-8")
    assert drawn == rooms.drawing()


def test_a_sideways_import_would_be_seen():
    """The rules can fail: peft and transfer do not know each other, nn knows neither."""
    height = rooms.HEIGHT
    assert height["peft"] == height["transfer"] > height["nn"]
    assert height["peft"] < height["peft/methods"] < height["peft/huggingface"]
    tree = ast.parse("def f():\n    from tinyft.peft import LoRA")
    assert list(rooms.imported(tree)) == ["tinyft.peft.LoRA"]
