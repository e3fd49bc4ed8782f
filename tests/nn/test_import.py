"""`import tinyft` needs NumPy alone and loads the rest when it is asked for."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tinyft

ROOT = Path(tinyft.__file__).parents[1]
LATER = "nn optim models peft transfer objectives training data io".split()


def loaded(code):
    """Names of the modules in a fresh process after `code`."""
    script = f"{code}\nimport json, sys; print(json.dumps(sorted(sys.modules)))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    out = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert out.returncode == 0, out.stderr
    return set(json.loads(out.stdout))


def test_import_loads_numpy_and_the_engine_only():
    numpy_alone = loaded("import numpy")
    extra = loaded("import tinyft") - numpy_alone
    foreign = {
        m
        for m in extra
        if m.partition(".")[0] not in {"tinyft", *sys.stdlib_module_names}
    }
    assert foreign == set()
    layers = {m.split(".")[1] for m in extra if m.startswith("tinyft.")}
    assert layers == {"autograd", "backend", "kernels", "later", "ops"}
    assert not {m for m in extra if m.startswith("tinyft.ops.")}  # at their first use
    assert not {"importlib.metadata", "tinyft.backend.diagnose"} & extra
    assert len({m for m in extra if m.startswith("tinyft")}) <= 27


def test_every_function_is_in_the_file_that_the_table_names():
    for package in (tinyft, tinyft.ops, tinyft.autograd, tinyft.backend):
        for name in dir(package):
            assert getattr(package, name) is not None or name.startswith("_")
    used = loaded("import tinyft; tinyft.tensor([1.0]) + 1.0")
    assert "tinyft.ops.array.elementwise" in used
    assert "tinyft.ops.neural.conv" not in used


def test_every_part_is_there_at_its_first_use():
    names = loaded(f"import tinyft\nfor n in {LATER}: getattr(tinyft, n)")
    assert {f"tinyft.{n}" for n in LATER} <= names
    assert "tinyft.nn" in loaded("from tinyft import nn")
    assert not {"torch", "rich", "matplotlib"} & names


def test_the_public_names_are_listed_and_others_refused():
    assert {*LATER, "manual_seed", "tensor", "ops"} <= set(dir(tinyft))
    with pytest.raises(AttributeError, match="module 'tinyft' has no attribute 'nm'"):
        _ = tinyft.nm
