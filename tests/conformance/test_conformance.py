"""The stand-in against CuPy's own front end: the same acceptance, shapes, dtypes, waiting.

CuPy runs on the null device (null_device.py) in a process of its own, which says by its
exit code and by a complete file that it came to its end. Values are not compared: those
of the stand-in are NumPy's, those of the null device nobody's.
"""

import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
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
    tools = [tool for tool in ("gcc", "g++", "nm", "ldd") if not shutil.which(tool)]
    return f"needs {', '.join(tools)}" if tools else None


# These steps solve a linear system, in libraries (cuBLAS, cuSOLVER) that are not there:
# their calls and shapes are compared, their values only on the stand-in and on a card.
UNSOLVED = ("gpt OFT adamw", "gpt HRA adamw")

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))


def record(kind, folder, *given):
    """What record.py writes; its exit code must be 0."""
    out = folder / f"{'-'.join((kind, *given[:1]))}.json"
    command = [sys.executable, str(HERE / "record.py"), kind, *given, str(out)]
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


WAYS = pytest.mark.parametrize("way", ["fused", "generic"])


@WAYS
def test_every_operation_runs_on_cupys_front_end_with_the_same_result_shapes(way, both):
    real, ours = (side[f"operations {way}"] for side in both)
    assert real.keys() == ours.keys() and len(real) > 500
    for name, one in real.items():
        other = ours[name]
        assert len(one) == 2, (name, one)  # else it is the name of an error
        if "mask" in name and one != other:  # picks as many rows as there are True
            kept = (without_lengths(x)[0] for x in (one, other))
            assert len(set(kept)) == 1, (name, one, other)
        else:
            assert one == other, name


@WAYS
def test_a_step_never_waits_and_copies_only_what_the_stand_in_counts(way, both):
    """The copies are CuPy's tables of the arrays it joins; nothing of the model's."""
    real, ours = (side[f"steps {way}"] for side in both)
    assert real.keys() == ours.keys() and len(real) > 30
    for name, one in real.items():
        assert (one["sync"], one["d2h"]) == (0, 0), name
        assert ours[name]["sync"] == 0, name
        assert one["pool"] == 0, name  # the pool is CuPy's own: its blocks are reused
        assert one["h2d"] == ours[name]["h2d"] <= 6, name


def test_a_step_launches_what_the_performance_page_says(both):
    """To 3 per cent, so that a launch more or less of the generic way breaks nothing."""
    page = (HERE.parent.parent / "docs" / "performance.md").read_text("utf-8")
    section = page[page.index("## On a GPU") :]
    for name, fused in both[0]["workloads fused"].items():
        ways = both[0]["workloads generic"][name], fused
        counted = [way[what] for what in ("launch", "gemm", "copy") for way in ways]
        counted.append(fused["h2d"])
        (row,) = re.findall(rf"^\| {name} \| (.*) \|$", section, re.MULTILINE)
        told = [int(number) for number in row.split("|")]
        print(name, "counted", counted, "told", told)
        np.testing.assert_allclose(counted, told, rtol=0.03, err_msg=name)
        assert fused["launch"] < ways[0]["launch"] * 0.7
        assert [w["sync"] for w in ways] == [name in "TR"] * 2  # they read the loss


def test_the_fused_kernels_get_from_cupy_what_they_get_from_the_stand_in(both):
    """CuPy's own passing of pointers and numbers, then the kernels on the CPU: the
    values are those of the stand-in, bit for bit, which tests/device compares with
    NumPy's."""
    real, ours = (side["kernels"] for side in both)
    assert real.keys() == ours.keys() and len(real) > 10
    for name, arrays in real.items():
        assert arrays == ours[name], name


CARDS = "75", "90"  # the oldest that CUDA 13 knows (Turing), and Hopper


def test_every_kernel_compiles_for_each_card(both, tmp_path):
    """Ours and all that CuPy generates for our operations and steps, by NVRTC."""
    try:
        found = importlib.util.find_spec("nvidia.cuda_nvrtc")
    except ModuleNotFoundError:
        found = None
    if found is None:
        pytest.skip("needs NVRTC (pip install nvidia-cuda-nvrtc-cu12)")
    sources, given = both[0]["sources"], tmp_path / "sources.json"
    assert sum(any("REAL" in o for o in options) for _, options in sources) >= 2
    given.write_text(json.dumps({"sources": sources}))
    with ThreadPoolExecutor(len(CARDS)) as pool:  # a process each
        compiled = pool.map(lambda c: record("compile", tmp_path, c, str(given)), CARDS)
    for card, found in zip(CARDS, compiled):
        print(f"{found['compiled']} kernels compile for sm_{card}")
        assert found["compiled"] == len(sources) > 250
        assert "fmaxx" in found["broken"]  # and what does not compile says so


def test_experimental_cupys_own_kernels_give_numpys_values(tmp_path):
    """EXPERIMENTAL: CuPy's kernels and ours, compiled for the CPU (cpu_device.py);
    losses of three steps in float32, operations and their gradients, sums in other
    orders."""
    found = record("values", tmp_path)
    assert found["failed"] == [] and len(found["steps"]) > 60
    for name, (host, device) in found["steps"].items():
        if not name.startswith(UNSOLVED):
            np.testing.assert_allclose(device, host, rtol=2e-5, err_msg=name)
        assert host[0] != host[-1]
    assert len(found["operations"]) > 500
    for name, error in found["operations"].items():
        # Thrust sorts on a card, cuBLAS solves; nothing here stands for them
        if name.startswith(("sort ", "solve ")):
            continue
        assert error < {"float64": 1e-11, "float32": 1e-5}[name.split()[-1]], name


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
