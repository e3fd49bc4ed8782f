"""`tinyft bench` runs peers in alternation, and says so when a peer is missing."""

import json
import sys

import numpy as np
import pytest

from tinyft.course.run.bench import bench
from tinyft.course.run.execute import CourseError
from tinyft.grading.places import PACKAGE_PARENT

sys.path.insert(0, str(PACKAGE_PARENT / "benchmarks"))


def test_the_smallest_workload_reports_ratio_memory_and_equal_losses(tmp_path):
    out = tmp_path / "bench.json"
    assert bench("S", "tinyft,tinyft", 2, 1, "cpu", False, out) == 0
    told = json.loads(out.read_text())
    first, second = told["rows"]
    assert told["machine"]["processor"] and told["machine"]["blas"]
    assert first["ratio"] == 1.0
    assert first["losses"] == second["losses"]  # the same bits: the same program
    assert second["losses_agree"] and second["rounds"] == 2
    assert second["losses"][0] > second["losses"][2]  # it trains


def test_a_peer_that_is_not_installed_is_said_and_the_rest_runs(tmp_path, monkeypatch):
    import compare

    monkeypatch.setitem(compare.PEERS, "torch", "peer_nothing.py")
    rows = compare.compare("S", ["tinyft", "torch"], rounds=1, steps=1)
    assert [r["peer"] for r in rows] == ["tinyft", "torch"]
    assert "torch ended" in rows[1]["error"]


def test_without_the_repository_it_says_where_the_benchmarks_are(monkeypatch, tmp_path):
    monkeypatch.setattr("tinyft.course.run.bench.PACKAGE_PARENT", tmp_path)
    with pytest.raises(CourseError, match="part of the repository"):
        bench("S", "tinyft", 1, 1, "cpu", False, None)


def test_weights_are_the_models_own_names():
    import workloads
    from peer_tinyft import make

    for name in ("S", "R8", "T"):
        values = workloads.weights(name)
        model, _ = make(name, values)
        state = model.state_dict()
        for key, value in values.items():
            np.testing.assert_array_equal(state[key].numpy(), value)


def test_values_of_public_names_do_not_depend_on_their_order():
    import real

    shapes = {"a.weight": (3, 2), "bn.weight": (4,), "conv.weight": (5, 2, 3, 3)}
    values = real.values(shapes)
    for name in reversed(shapes):
        np.testing.assert_array_equal(
            real.values({name: shapes[name]})[name], values[name]
        )
    assert values["bn.weight"].tolist() == [1, 1, 1, 1]
    assert values["conv.weight"].std() == pytest.approx(np.sqrt(2 / 18), rel=0.3)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of transformers
@pytest.mark.parametrize("name", ["lstm", "minilm", "mobilenet"])
def test_real_workloads_are_pytorchs_step(name):
    """The first loss of both peers; float32, so to 1e-4."""
    for module in ("torch", "transformers", "peft"):
        pytest.importorskip(module)
    import real_tinyft
    import real_torch

    ours, theirs = real_tinyft.build(name)(), real_torch.build(name)()
    assert ours == pytest.approx(theirs, rel=1e-4)
