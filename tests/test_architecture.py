"""The layers of the house: imports go down only, and NumPy and CuPy have one door."""

import ast
from pathlib import Path

import pytest

import tinyft

ROOT = Path(tinyft.__file__).parent
LAYERS = [
    {"backend"},
    {"kernels"},
    {"autograd"},
    {"ops"},
    {"nn"},
    {"models", "peft", "transfer", "objectives", "optim"},
    {"training"},
    {"grading"},
    {"course"},
    {"cli"},
    {"__main__"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
SIDE = {"data": set(), "io": {"backend", "nn", "models"}, "pretrained": set()}
NUMPY = {"backend", "data", "io", "course", "grading"}
LIBRARY = {
    "01_optimisers": "optim"
}  # chapters whose library has PyTorch's shorter name
# data writes its tokenizers with the same atomic rename as io (docs/decisions.md)
ALLOWED = {("tinyft.data.tokenizer", "io")}


def module_name(path):
    return ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(
        ".__init__"
    )


FILES = {module_name(p): ast.parse(p.read_text("utf-8")) for p in ROOT.rglob("*.py")}


def imported(tree):
    """Every module name an import in the file can mean, at any depth of nesting."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "relative imports hide the layer"
            yield from (f"{node.module}.{a.name}" for a in node.names)


def part(name):
    return (name.split(".") + [""])[1]


@pytest.mark.parametrize("name", sorted(FILES))
def test_imports_go_down(name):
    here = part(name)
    for target in imported(FILES[name]):
        there = part(target)
        if not target.startswith("tinyft.") or there == here or not here:
            continue
        if (name, there) in ALLOWED:
            continue
        if here in SIDE:
            assert there in SIDE[here], f"{name} imports {target}"
        elif there in LEVEL:
            assert LEVEL[there] < LEVEL[here], f"{name} imports {target}"


@pytest.mark.parametrize("name", sorted(FILES))
def test_array_libraries_have_one_door(name):
    roots = {target.split(".")[0] for target in imported(FILES[name])}
    assert "cupy" not in roots or name == "tinyft.backend.library"
    assert "cupyx" not in roots or name == "tinyft.backend.library"
    assert "numpy" not in roots or part(name) in NUMPY


def test_no_import_cycles():
    edges = {}
    for name, tree in FILES.items():
        edges[name] = set()
        for target in imported(tree):
            while target and target not in FILES:
                target = target.rpartition(".")[0]
            if target and target not in (name, "tinyft"):
                edges[name].add(target)
    done, path = set(), []

    def visit(name):
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name in done:
            return
        path.append(name)
        for target in sorted(edges[name]):
            visit(target)
        path.pop()
        done.add(name)

    for name in sorted(edges):
        visit(name)


def test_one_name_everywhere():
    """Chapter, notebook and exercise of one number carry one name."""
    root = ROOT.parent
    notebooks = {p.stem for p in (root / "notebooks").glob("[0-9][0-9]_*.ipynb")}
    exercises = {p.name for p in (root / "exercises").glob("[0-9][0-9]_*")}
    assert notebooks == exercises
    for name in notebooks:
        topic = name[3:]
        stem = LIBRARY.get(name, topic)
        files = (f"{stem}.py", f"{stem}/__init__.py")  # a file, or a folder of them
        assert any(list((root / "tinyft").rglob(file)) for file in files), (
            f"no library file for {name}"
        )
        assert list((root / "tests").rglob(f"test_{topic}.py")), f"no test for {name}"
