"""DataParallel under `mpiexec`, against one process on whole batches.

Tolerances: sums of 37 rows in float64, in another order, over five steps: 1e-15 each.
"""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
MPIEXEC = Path(sys.executable).with_name("mpiexec")
SAME = (
    "frozen_norms full_batch accumulated clipped batchnorm exact_running_mean "
    "ignored_targets"
)
OTHERS = "audited lora dropout starts_alike unused refused"


def start(size, folder, *names):
    pytest.importorskip("mpi4py", reason='pip install "tinyft[mpi]" brings it')
    if not MPIEXEC.exists():
        pytest.skip(
            'no mpiexec beside this Python: pip install "tinyft[mpi]" brings one'
        )
    environment = os.environ | {
        "PYTHONPATH": str(HERE.parents[2]),
        "OPENBLAS_NUM_THREADS": "1",
    }
    command = [
        MPIEXEC,
        "-n",
        str(size),
        sys.executable,
        HERE / "ranks.py",
        folder,
        *names,
    ]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=300
    )


def results(size, folder, *names):
    ended = start(size, folder, *names)
    assert ended.returncode == 0, ended.stderr[-3000:]
    line = next(x for x in ended.stdout.splitlines() if x.startswith("results "))
    return json.loads(line.removeprefix("results "))


@cache
def found(size):
    names = f"{SAME} {OTHERS}".split()
    return results(size, "none", *names, "fewer_rows_than_ranks")


@pytest.mark.parametrize("size", [2, 3, 5])
@pytest.mark.parametrize("case", [*SAME.split(), "fewer_rows_than_ranks"])
def test_ranks_end_where_one_process_does(size, case):
    assert found(size)[case]["values"] < 1e-14
    assert found(size)[case]["losses"] < 1e-14


@pytest.mark.parametrize("size", [2, 3])
def test_an_adapter_sends_what_it_trains(size):
    lora = found(size)["lora"]
    assert lora["values"] < 1e-6  # float32, Adam's first steps
    assert lora["bytes"] == lora["expected bytes"]


@pytest.mark.parametrize("size", [2, 3])
def test_an_audit_passes_a_mean_over_targets_and_finds_another_mean(size):
    audited = found(size)["audited"]
    difference, factor = audited["right"]
    assert difference < 1e-14 and abs(factor - 1) < 1e-14
    assert audited["by row"][0] > 0.05
    assert audited["steps"] == audited["bytes"] == 0  # no step of a run


@pytest.mark.parametrize("size", [2, 3])
def test_dropout_masks_are_independent_and_rank_0_has_those_of_one_process(size):
    masks = [np.array(one) for one in found(size)["dropout"]["masks"]]
    np.testing.assert_array_equal(masks[0], found(size)["dropout"]["alone"])
    for other in masks[1:]:
        assert np.abs(other - masks[0]).max() > 0.01


@pytest.mark.parametrize("size", [2, 3])
def test_all_begin_with_the_values_of_rank_0(size):
    assert found(size)["starts_alike"]["all"] == [0.0] * size


@pytest.mark.parametrize("size", [2, 3])
def test_a_parameter_without_gradient_on_some_ranks(size):
    unused = found(size)["unused"]
    assert unused["never"]  # none anywhere: an optimizer skips it
    assert len(set(unused["extra"])) == 1 and unused["extra"][0] > 0


@pytest.mark.parametrize(
    "name, words",
    [
        ("drifted", ["drifted apart", "b.bias", "rank 1"]),
        ("own shuffle", ["the batches drawn", "rank 1"]),
        ("no target", ["no rank has a target"]),
        ("other parameters", ["train different parameters", "a.weight"]),
    ],
)
def test_what_the_ranks_refuse_is_a_sentence(name, words):
    for word in words:
        assert word in found(2)["refused"][name]


@pytest.mark.parametrize(
    "case, words",
    [("dies", "disk"), ("leaves", "enough"), ("too_few_for_norms", "freeze")],
)
def test_a_rank_that_dies_ends_the_others(case, words):
    ended = start(2, "none", case)
    assert ended.returncode != 0
    assert words in ended.stderr and "they are ended too" in ended.stderr


def test_a_checkpoint_of_two_ranks_goes_on_on_three(tmp_path):
    results(2, tmp_path, "saved", "resumed")
    after = results(3, tmp_path, "went_on", "goes_on")
    assert after["went_on"]["values"] < 1e-13  # Adam divides by roots
    assert after["goes_on"] == {"step": 3, "taken": 3}
