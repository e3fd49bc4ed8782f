"""What a checkpoint was made for travels with it; who writes it is alone.

Every refusal leaves model, optimizer, schedule, stream and generators as they were.
"""

import errno
import importlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinyft
from tinyft import data, io, kernels, models, nn, optim, training
from tinyft.io import atomic, lock
from tinyft.training import recipes

SIZES = {"vocab": 16, "dim": 8, "layers": 1, "heads": 2, "length": 8, "hidden": 16}


def gpt(**changes):
    return models.gpt2_tiny(rng=0, **{**SIZES, **changes})


def net(act=nn.ReLU, p=0.5, **options):
    return nn.Sequential(
        nn.Linear(3, 4, rng=0, **options), act(), nn.Dropout(p), nn.Linear(4, 2, rng=1)
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.safetensors"


def bytes_of(model):
    return [t.numpy().tobytes() for t in model.state_dict().values()]


FITTING = {  # arrays of one shape, another function
    "heads": (gpt, lambda: gpt(heads=4), "config.heads: 2 in the file, 4 here"),
    "activation": (
        gpt,
        lambda: gpt(activation="gelu"),
        "'gelu_tanh' in the .* 'gelu' here",
    ),
    "causality": (
        gpt,
        lambda: gpt(causal=False),
        "config.causal: True in .* False here",
    ),
    "base": (
        lambda: gpt(positions="rotary"),
        lambda: gpt(positions="rotary", rotary_base=500.0),
        "config.rotary_base: 10000.0 in the file, 500.0 here",
    ),
    "module": (net, lambda: net(nn.Tanh), "1: ReLU in the file, Tanh here"),
    "gelu": (
        lambda: net(nn.GELU),
        lambda: net(lambda: nn.GELU("tanh")),
        "1, approximate: 'none' in the file, 'tanh' here",
    ),
    "stride": (
        lambda: nn.Conv2d(1, 1, 3, rng=0),
        lambda: nn.Conv2d(1, 1, 3, stride=2, rng=0),
        "the model, stride: ",
    ),
}


@pytest.mark.parametrize("name", FITTING)
@pytest.mark.parametrize("resuming", [True, False])
def test_another_function_of_the_same_arrays_is_refused(path, name, resuming):
    make, other, words = FITTING[name]
    training.save_checkpoint(path, make())
    training.load_checkpoint(path, make())
    model = other()
    before = bytes_of(model)
    with pytest.raises(io.CheckpointError, match=words) as caught:
        training.load_checkpoint(path, model)
    assert "nothing was loaded" in str(caught.value) and str(path) in str(caught.value)
    assert bytes_of(model) == before


def test_weights_alone_may_get_another_dropout_a_run_may_not(path):
    model = net(p=0.5)
    training.save_checkpoint(path, model, optim.SGD(model.parameters()))
    other = net(p=0.0)
    training.load_checkpoint(path, other)
    with pytest.raises(io.CheckpointError, match=r"2, p: 0.5 in the file, 0.0 here"):
        training.load_checkpoint(path, other, optim.SGD(other.parameters()))
    double = net(dtype="float64")
    with pytest.raises(io.CheckpointError, match="parameters: float32 in the file"):
        training.load_checkpoint(path, double, optim.SGD(double.parameters()))


OPTIMIZERS = [
    (lambda m: optim.Adam(m.parameters()), "optimizer: AdamW in the file, Adam here"),
    (
        lambda m: optim.AdamW(m[0].parameters()),
        "group 0: .*3.weight 3.bias in the file",
    ),
    (
        lambda m: optim.AdamW([m[3].bias, m[3].weight, *m[0].parameters()]),
        "group 0: 0.weight 0.bias 3.weight 3.bias in the file, 3.bias 3.weight",
    ),
    (
        lambda m: optim.AdamW(
            [{"params": m[0].parameters()}, {"params": m[3].parameters()}]
        ),
        "group 1: None in the file, 3.weight 3.bias here",
    ),
]


@pytest.mark.parametrize("make, words", OPTIMIZERS)
def test_another_optimizer_or_order_of_parameters_is_refused(path, make, words):
    model = net()
    training.save_checkpoint(path, model, optim.AdamW(model.parameters(), lr=0.5))
    other = net()
    optimizer = make(other)
    before = bytes_of(other), optimizer.state_dict()["groups.0.lr"]
    with pytest.raises(io.CheckpointError, match=words):
        training.load_checkpoint(path, other, optimizer)
    assert (bytes_of(other), optimizer.state_dict()["groups.0.lr"]) == before


def whole(seed=0, **stream):
    rng = np.random.default_rng(seed)
    model = nn.Sequential(nn.Linear(3, 2, rng=rng), nn.Dropout(0.5, rng.spawn(1)[0]))
    optimizer = optim.AdamW(model.parameters(), lr=0.1)
    return {
        "model": model,
        "optimizer": optimizer,
        "schedule": optim.Schedule(optimizer, optim.schedule.linear, total=9),
        "rng": rng.spawn(1)[0],
        "stream": data.BatchStream(
            rng.spawn(1)[0], np.arange(9.0), **{"batch_size": 2, **stream}
        ),
        "early_stopping": training.EarlyStopping(),
    }


def snapshot(p):
    parts = ("optimizer", "schedule", "stream", "early_stopping")
    states = [
        {k: np.asarray(v).tolist() for k, v in p[n].state_dict().items()} for n in parts
    ]
    generators = [p["rng"], p["model"][1].rng, nn.init.generator()]
    return (
        bytes_of(p["model"]),
        repr(states),
        [g.bit_generator.state for g in generators],
    )


LATE = {
    "stream": lambda s: s.update({"stream.position": np.array(99)}),
    "stream length": lambda s: s.update({"stream.count": np.array(8)}),
    "schedule": lambda s: s.update({"schedule.base": np.ones(3)}),
    "early": lambda s: s.pop("early.best"),
    "moments": lambda s: s.update({"optim.groups.0.lr": np.array(np.nan)}),
    "generator": lambda s: s.update({"rng.given.main": np.ones(6)}),
    "no generator": lambda s: s.pop("rng.model.1.rng"),
    "weights": lambda s: s.update({"model.0.weight": np.ones((2, 2), "f4")}),
}


@pytest.mark.parametrize("name", LATE)
def test_a_part_that_does_not_fit_leaves_every_part_as_it_was(path, name):
    """Also the parts that would have been loaded before it."""
    p = whole()
    p["schedule"].step(), next(p["stream"]), p["rng"].random()
    training.save_checkpoint(path, step=3, **p)
    state, about = io.load_with_metadata(path)
    LATE[name](state)
    io.save(path, state, about)
    other = whole(seed=1)
    before = snapshot(other)
    with pytest.raises((ValueError, KeyError)):
        training.load_checkpoint(path, **other)
    assert snapshot(other) == before


def test_another_batch_size_is_refused(path):
    training.save_checkpoint(path, **whole())
    with pytest.raises(data.DataError, match="batch_size = 2, this one has 3"):
        training.load_checkpoint(path, **whole(batch_size=3))
    with pytest.raises(data.DataError, match="shuffle = 1, this one has 0"):
        training.load_checkpoint(path, **whole(shuffle=False))


def test_metadata_must_agree_and_extra_comes_back(path):
    model, extra = net(), {"best": np.array([1.5, 2.5])}
    optimizer = optim.SGD(model.parameters())
    kept = training.Checkpoint(
        path, model, optimizer, extra=extra, metadata={"classes": "cat dog"}
    )
    assert kept.resume() == 0 and kept.resume().extra == {}
    kept.save(7)
    extra["best"] = np.zeros(2)
    start = kept.resume()
    assert start == 7 and isinstance(start, int)
    assert start.extra["best"].tolist() == [1.5, 2.5] == extra["best"].tolist()
    assert start.metadata["classes"] == "cat dog"
    other = training.Checkpoint(path, model, metadata={"classes": "dog cat"})
    with pytest.raises(
        io.CheckpointError, match="classes = 'cat dog', this run has 'dog"
    ):
        other.resume()
    with pytest.raises(ValueError, match="may not use the names format"):
        training.save_checkpoint(path, model, metadata={"format": "x"})


def test_a_generator_that_cannot_be_saved_is_told_before_training(path):
    model = nn.Sequential(
        nn.Linear(3, 2), nn.Dropout(0.5, np.random.Generator(np.random.MT19937(0)))
    )
    kept = training.Checkpoint(path, model, optim.SGD(model.parameters()))
    with pytest.raises(
        ValueError, match=r"cannot be saved: .* is MT19937, expected PCG64"
    ):
        kept.resume()
    with pytest.raises(FileNotFoundError, match=r"no folder .*create it first"):
        training.Checkpoint(path.parent / "none" / "x", model).resume()


# --- one live writer -----------------------------------------------------------------

OTHER = """
import sys, time
from tinyft import nn, training
kept = training.Checkpoint(sys.argv[1], nn.Linear(2, 2, rng=0))
kept.resume()
kept.save(1)
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def other_run(path):
    root = str(Path(tinyft.__file__).parents[1])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    assert process.stdout.readline() == "ready\n"
    with process:
        yield process
        process.kill()


def test_a_second_run_with_the_file_is_refused_until_the_first_is_dead(path, other_run):
    model = nn.Linear(2, 2, rng=1)
    kept = training.Checkpoint(path, model)
    before = path.read_bytes()
    for call in (kept.resume, lambda: kept.save(5)):
        with pytest.raises(
            io.FileInUse, match=rf"process {other_run.pid} on .*its own"
        ):
            call()
    assert path.read_bytes() == before
    other_run.kill()
    other_run.wait()
    assert kept.resume() == 1  # the system has dropped the lock of the dead one
    kept.release()
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_objects_of_one_process_share_the_file(path):
    """A notebook's cell that runs again makes a second Checkpoint."""
    one, two = (training.Checkpoint(path, nn.Linear(2, 2, rng=0)) for _ in range(2))
    one.resume(), two.resume(), one.save(1), two.save(2)
    one.release()
    assert path.with_name(f".{path.name}.lock").exists()
    del two
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_what_a_live_process_is_writing_stays(path):
    io.save(path, {"a": np.ones(2)})
    leftover = path.with_name(f".{path.name}.0123.tmp")
    leftover.write_bytes(b"half")
    seen = []

    def slow(file):
        atomic.remove_leftovers(path)  # as another run's resume() would
        seen.extend(p.name for p in path.parent.iterdir() if p.suffix == ".tmp")
        file.write(b"whole")

    io.atomic_write(path, slow)
    assert len(seen) == 1 and leftover.name not in seen
    assert path.read_bytes() == b"whole"


@pytest.mark.parametrize("where", ["fsync", "open"])
def test_a_disk_that_takes_nothing_is_a_sentence(path, monkeypatch, where):
    model = nn.Linear(2, 2, rng=0)
    training.save_checkpoint(path, model)
    before = path.read_bytes()
    number = {"fsync": errno.ENOSPC, "open": errno.EROFS}[where]

    def refuse(*given, **options):
        raise OSError(number, os.strerror(number))

    if where == "fsync":
        monkeypatch.setattr(os, "fsync", refuse)
        calls = [lambda: training.save_checkpoint(path, model)]
        calls += [lambda: training.Checkpoint(path, model).save(1)]
    else:  # the lock is the first that cannot be written
        monkeypatch.setattr(lock, "open", refuse, raising=False)
        calls = [lambda: training.Checkpoint(path, model).resume()]
    for call in calls:
        with pytest.raises(
            OSError, match=rf"Cannot write .*{path.name}: the disk is"
        ) as e:
            call()
        assert e.value.errno == number and "choose another folder" in str(e.value)
    assert path.read_bytes() == before


def resumed(path, monkeypatch, saved_by, here):
    """Save under one path of the kernels and resume under another."""
    model = net()
    optimizer = optim.AdamW(model.parameters(), lr=0.1)
    monkeypatch.setattr(kernels, "path", lambda device: saved_by)
    training.save_checkpoint(path, model, optimizer)
    monkeypatch.setattr(kernels, "path", lambda device: here)
    return lambda: training.load_checkpoint(path, model, optimizer)


@pytest.mark.parametrize("here", ["numpy", "compiled", "cuda", "cupy"])
def test_a_run_that_goes_on_by_another_path_is_told(here, path, monkeypatch):
    load = resumed(path, monkeypatch, "compiled", here)
    if here == "compiled":
        assert load()["metadata"]["computed_by"] == "compiled"
        return
    with pytest.warns(UserWarning, match=f"computed by compiled, and here {here} comp"):
        assert load()["step"] == 0


def test_weights_alone_and_older_files_say_nothing_of_a_path(path, monkeypatch):
    load = resumed(path, monkeypatch, "compiled", "numpy")
    training.load_checkpoint(path, net())
    state, about = io.load_with_metadata(path)
    del about["computed_by"]
    io.save(path, state, about)
    load()


def test_a_pretrained_file_names_its_path_unless_it_is_numpys(monkeypatch):
    describe, found = importlib.import_module("tinyft.training.pretrain").describe, {}
    for name in ("numpy", "compiled"):
        monkeypatch.setattr(kernels, "path", lambda device, name=name: name)
        trained = recipes.Trained(models.resnet_tiny(0), 1, (), 0.0)
        found[name] = describe("resnet_digits", trained, {})
    assert "computed_by" not in found["numpy"]
    assert found["compiled"]["computed_by"] == "compiled"
