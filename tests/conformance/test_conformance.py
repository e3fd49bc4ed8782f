"""The stand-in against CuPy's own front end: the same acceptance, shapes, dtypes, waiting.

CuPy runs on the null device (null_device.py) in a process of its own, which says by its
exit code and by a complete file that it came to its end. Values are not compared: those
of the stand-in are NumPy's, those of the null device nobody's.
"""

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from expressions import EXPRESSIONS, KNOWN, VALUES
from null_device import VERSION

HERE = Path(__file__).parent


def missing():
    """Why this cannot run here, or None."""
    found = {}
    for name in ("cupy-cuda12x", "cupy-cuda13x"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    if VERSION not in found.values():
        return (
            f"needs CuPy {VERSION} (pip install cupy-cuda12x=={VERSION}), has {found}"
        )
    tools = [tool for tool in ("gcc", "nm", "ldd") if not shutil.which(tool)]
    return f"needs {', '.join(tools)}" if tools else None


pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))


def record(kind, folder):
    out = folder / f"{kind}.json"
    command = [sys.executable, str(HERE / "record.py"), kind, str(out)]
    env = os.environ | {"PYTHONPATH": str(HERE.parent.parent), "CUDA_PATH": ""}
    ended = subprocess.run(command, env=env, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return json.loads(out.read_text())


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """(CuPy's front end, the stand-in): what record.py wrote of each."""
    folder = tmp_path_factory.mktemp("conformance")
    return record("null", folder), record("stand_in", folder)


def without_lengths(outcome):
    """An outcome whose lengths are left out: they depend on values."""
    return re.sub(r"\((\d+, ?)*\d*\)", "()", str(outcome[0])), outcome[1:]


def test_expressions_agree_or_have_a_known_reason(both, record_property):
    real, ours = (side["expressions"] for side in both)
    assert list(real) == list(ours) == list(dict.fromkeys(EXPRESSIONS))
    wrong, agree = [], 0
    for text in real:
        one, other = real[text], ours[text]
        if text.startswith(VALUES):
            one, other = without_lengths(one), without_lengths(other)
        agree += one == other
        if one != other and not text.startswith(tuple(KNOWN)):
            wrong.append((text, real[text], ours[text]))
    record_property("expressions that agree", f"{agree} of {len(real)}")
    print(f"{agree} of {len(real)} expressions agree")
    assert not wrong


def test_every_operation_runs_on_cupys_front_end_with_the_same_result_shapes(both):
    real, ours = (side["operations"] for side in both)
    assert real.keys() == ours.keys() and len(real) > 500
    for name, one in real.items():
        other = ours[name]
        assert len(one) == 2, (name, one)  # else it is the name of an error
        if "mask" in name and one != other:  # picks as many rows as there are True
            kept = (without_lengths(x)[0] for x in (one, other))
            assert len(set(kept)) == 1, (name, one, other)
        else:
            assert one == other, name


def test_a_step_never_waits_and_copies_only_what_the_stand_in_counts(both):
    """The copies are CuPy's tables of the arrays it joins; nothing of the model's."""
    real, ours = (side["steps"] for side in both)
    assert real.keys() == ours.keys() and len(real) > 30
    for name, one in real.items():
        assert (one["sync"], one["d2h"]) == (0, 0), name
        assert ours[name]["sync"] == 0, name
        assert one["pool"] == 0, name  # the pool is CuPy's own: its blocks are reused
        assert one["h2d"] == ours[name]["h2d"] <= 6, name
    print({name: one["launch"] for name, one in real.items()})


def test_every_function_that_the_library_calls_is_among_the_expressions(both):
    text = " ".join(t for t in EXPRESSIONS if not t.startswith(tuple(KNOWN)))
    used = both[1]["used"]
    assert len(used) > 40
    assert [name for name in used if not re.search(rf"\b{name}\(", text)] == []


def test_a_crash_is_no_pass(tmp_path):
    """Whatever breaks in the other process, its exit code says so."""
    command = [sys.executable, str(HERE / "record.py"), "nothing", str(tmp_path / "o")]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode != 0 and not (tmp_path / "o").exists()
