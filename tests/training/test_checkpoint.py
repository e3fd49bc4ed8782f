"""A run that is stopped anywhere and resumed ends with the same bytes.

Expected values are those of the uninterrupted run: no tolerance, bytes are compared.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny

from tinyft import data, io, nn, ops, training

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    run, _ = tiny.train(tmp_path_factory.mktemp("whole") / "run.safetensors")
    return tiny.weights(run["model"])


class Stop(Exception):
    pass


@pytest.mark.parametrize("at", [2, 3, 10, 23])
def test_resumed_run_ends_with_the_same_bytes(tmp_path, uninterrupted, at):
    def stop(step, loss):
        if step == at:
            raise Stop

    path = tmp_path / "run.safetensors"
    with pytest.raises(Stop):
        tiny.train(path, on_step=stop)
    assert path.exists() == (at > 3)  # killed in step 3, before its log point
    seen = []
    run, _ = tiny.train(path, on_step=lambda step, loss: seen.append(step))
    assert seen[0] == 3 * ((at - 1) // 3) + 1
    assert tiny.weights(run["model"]) == uninterrupted


def environment():
    root = str(HERE.parent.parent)
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def start(path, out, every, delay=""):
    command = [sys.executable, str(HERE / "tiny.py"), str(path), str(tiny.STEPS), every]
    command += [str(out), *([delay] if delay else [])]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment()
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_a_killed_process_resumes_bit_exactly(tmp_path, uninterrupted, seed):
    """SIGKILL (on Windows TerminateProcess) at a random moment, then a second start."""
    path, out = tmp_path / "run.safetensors", tmp_path / "weights"
    rng = np.random.default_rng(seed)
    process = start(path, out, "3", "0.02")
    last = int(rng.integers(4, 20))
    for line in process.stdout:
        if int(line) == last:
            break
    try:
        process.wait(timeout=float(rng.uniform(0, 0.03)))
    except subprocess.TimeoutExpired:
        pass
    process.kill()
    process.communicate()
    assert not out.exists() and path.exists()
    process = start(path, out, "3")
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert int(printed.split()[0]) > 3  # it did not begin again
    assert out.read_bytes() == uninterrupted


def test_the_old_file_survives_a_kill_in_a_write(tmp_path, uninterrupted, monkeypatch):
    path = tmp_path / "run.safetensors"
    replace, calls = os.replace, []

    def killed(source, target):
        calls.append(source)
        if len(calls) == 3:  # bytes are written, the name is not yet changed
            (tmp_path / f".{path.name}.1234.tmp").write_bytes(b"half a file")
            raise Stop
        replace(source, target)

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(Stop):
        tiny.train(path)
    monkeypatch.undo()
    assert int(io.load(path)["step"]) == 6
    run, _ = tiny.train(path)
    assert tiny.weights(run["model"]) == uninterrupted
    assert [p.name for p in tmp_path.iterdir()] == [path.name]  # leftovers are gone


def saved(tmp_path, **parts):
    path = tmp_path / "run.safetensors"
    training.save_checkpoint(path, **parts)
    return path


def test_a_cut_file_is_a_sentence(tmp_path):
    p = tiny.parts()
    path = saved(tmp_path, **p)
    content = path.read_bytes()
    for cut in (0, 5, 100, len(content) - 1):
        path.write_bytes(content[:cut])
        with pytest.raises(io.CheckpointError, match=r"cut short|damaged"):
            training.load_checkpoint(path, **p)
    path.unlink()
    with pytest.raises(FileNotFoundError, match="There is no file"):
        training.load_checkpoint(path, **p)


def test_what_was_not_saved_cannot_be_asked_for(tmp_path):
    p = tiny.parts()
    path = saved(tmp_path, model=p["model"])
    with pytest.raises(io.CheckpointError, match="saved without optim, schedule"):
        training.load_checkpoint(path, p["model"], p["optimizer"], p["schedule"])
    with pytest.raises(io.CheckpointError, match=r"lacks the state of .* given.main"):
        training.load_checkpoint(path, p["model"], rng=np.random.default_rng(0))
    io.save(path, {"weight": np.ones(3)})
    with pytest.raises(io.CheckpointError, match="not a training checkpoint"):
        training.load_checkpoint(path, p["model"])


def test_another_model_is_refused(tmp_path):
    path = saved(tmp_path, model=tiny.parts()["model"])
    with pytest.raises(KeyError, match=r"Unexpected in the state: 3\."):
        training.load_checkpoint(path, nn.Sequential(nn.Linear(6, 16)))
    with pytest.raises(ValueError, match="do not fit"):
        training.load_checkpoint(
            path, nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.ReLU(), nn.Linear(8, 3))
        )


def test_generators_and_extra_arrays_come_back(tmp_path):
    p, rng = tiny.parts(), {"noise": np.random.default_rng(5)}
    delta = {"blocks.0.A": np.arange(6.0).reshape(2, 3)}
    path = saved(tmp_path, model=p["model"], rng=rng, step=7, extra=delta)
    want = rng["noise"].standard_normal(3)
    got, seen = {"noise": np.random.default_rng(6)}, []
    back = training.load_checkpoint(path, p["model"], rng=got, map_extra=seen.append)
    np.testing.assert_array_equal(got["noise"].standard_normal(3), want)
    np.testing.assert_array_equal(back["extra"]["blocks.0.A"], delta["blocks.0.A"])
    assert back["step"] == 7 and seen == [back["extra"]]


def test_weights_alone_leave_the_generators(tmp_path):
    path = saved(tmp_path, **tiny.parts())
    nn.manual_seed(3)
    before = data.rng_state(nn.init.generator())
    training.load_checkpoint(path, tiny.parts()["model"])
    np.testing.assert_array_equal(data.rng_state(nn.init.generator()), before)


def test_the_same_run_gives_the_same_file(tmp_path):
    files = [tmp_path / name for name in ("a.safetensors", "b.safetensors")]
    for path in files:
        tiny.train(path, steps=4)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_frozen_layers_without_state_are_saved_too(tmp_path):
    """A layer thawed in the middle (gradual unfreezing) has moments from then on."""
    p = tiny.parts()
    model, optimizer = p["model"], p["optimizer"]
    first = next(model.parameters()).requires_grad_(False)
    ops.cross_entropy(model(np.ones((2, 6), "f4")), np.array([0, 1])).backward()
    optimizer.step()
    path = saved(tmp_path, model=model, optimizer=optimizer)
    assert first.grad is None and "optim.state.0.step" not in io.load(path)
    other = tiny.parts()
    training.load_checkpoint(path, other["model"], other["optimizer"])
    again = other["optimizer"].state_dict()
    assert sorted(again) == sorted(optimizer.state_dict())
