"""Adapters as files: Hugging Face's layout, strict loading, nothing lost."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinyft
from tinyft import io, models, nn, peft

KEY = "base_model.model.one.lora_A.weight"


def two_layers(width=3):
    return nn.Sequential(
        {"one": nn.Linear(4, width, rng=0), "two": nn.Linear(width, 2, rng=0)}
    )


@pytest.fixture
def saved(tmp_path):
    model = two_layers()
    adapter = peft.attach(model, peft.LoRA(r=2, alpha=6), "one|two", rng=1)
    for p in adapter.parameters():
        p.data = p.data + 0.5
    return peft.save(model, tmp_path / "adapter"), adapter


def rewrite(folder, change):
    state = io.load(folder / "adapter_model.safetensors")
    change(state)
    io.save(folder / "adapter_model.safetensors", state, {"format": "pt"})


def test_the_layout_is_hugging_faces(saved):
    folder, adapter = saved
    state = io.load(folder / "adapter_model.safetensors")
    assert {k: v.shape for k, v in state.items()} == {
        "base_model.model.one.lora_A.weight": (2, 4),
        "base_model.model.one.lora_B.weight": (3, 2),
        "base_model.model.two.lora_A.weight": (2, 3),
        "base_model.model.two.lora_B.weight": (2, 2),
    }
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["peft_type"] == "LORA"
    assert (config["r"], config["lora_alpha"]) == (2, 6)
    assert config["target_modules"] == ["one", "two"]
    assert adapter.count() == sum(v.size for v in state.values())


def test_embedding_and_conv_layouts(tmp_path):
    model = models.gpt2_tiny(0, vocab=11, dim=12, heads=3, length=9, tied=False)
    peft.attach(model, peft.LoRA(r=2), "embed", rng=1)
    state = io.load(peft.save(model, tmp_path / "e") / "adapter_model.safetensors")
    assert state["base_model.model.embed.lora_embedding_A"].shape == (2, 11)
    assert state["base_model.model.embed.lora_embedding_B"].shape == (12, 2)
    model = models.resnet_tiny(0)
    peft.attach(model, peft.LoRA(r=2), r"layer2\.0\.conv1", rng=1)
    state = io.load(peft.save(model, tmp_path / "c") / "adapter_model.safetensors")
    key = "base_model.model.layer2.0.conv1.lora_"
    assert state[key + "A.weight"].shape == (2, 16, 3, 3)
    assert state[key + "B.weight"].shape == (32, 2, 1, 1)


def test_an_existing_folder_is_kept_unless_asked(saved):
    folder, adapter = saved
    before = (folder / "adapter_model.safetensors").read_bytes()
    with pytest.raises(FileExistsError, match="overwrite=True"):
        peft.save(adapter.model, folder)
    for p in adapter.parameters():
        p.data = p.data + 1
    assert peft.save(adapter.model, folder, overwrite=True) == folder
    assert (folder / "adapter_model.safetensors").read_bytes() != before
    assert sorted(p.name for p in folder.parent.iterdir()) == ["adapter"]


@pytest.mark.parametrize("adapter_there", [True, False])
def test_an_overwrite_touches_no_other_file(saved, tmp_path, adapter_there):
    folder, adapter = saved
    if not adapter_there:
        folder = tmp_path / "mine"
        folder.mkdir()
    (folder / "notes.txt").write_text("keep me")
    (folder / "deeper").mkdir()
    peft.save(adapter.model, folder, overwrite=True)
    assert sorted(p.name for p in folder.iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "deeper",
        "notes.txt",
    ]
    assert (folder / "notes.txt").read_text() == "keep me"
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]
    peft.load(two_layers(), folder)


def test_a_file_is_no_folder(saved, tmp_path):
    path = tmp_path / "precious.txt"
    path.write_text("keep me")
    with pytest.raises(FileExistsError, match="is a file, expected a folder"):
        peft.save(saved[1].model, path, overwrite=True)
    assert path.read_text() == "keep me"


@pytest.mark.parametrize("fails", [1, 2])
def test_a_full_disk_leaves_what_was_there(saved, monkeypatch, fails):
    folder, adapter = saved
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    real, calls = os.replace, []

    def replace(source, target):
        inside = str(source).endswith(".tmp")  # io.save's own
        calls.extend([] if inside else [target])
        if len(calls) == fails and not inside:
            raise OSError(28, "No space left on device")
        return real(source, target)

    monkeypatch.setattr("tinyft.peft.huggingface.folder.os.replace", replace)
    with pytest.raises(
        OSError, match=r"adapter cannot be written \(No space.*make room"
    ):
        peft.save(adapter.model, folder, overwrite=True)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
    assert sorted(p.name for p in folder.parent.iterdir()) == ["adapter"]


STEPS = {  # what a writer has done when it is killed, and which adapter is whole then
    "in the weights": (["adapter_model.safetensors.new"], "old"),
    "in the config": (
        ["adapter_model.safetensors.new", "adapter_config.json.new"],
        "old",
    ),
    "weights in place": (["adapter_config.json.new"], "new"),
    "done": ([], "new"),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_killed_writer_is_undone_or_finished_by_the_next_load(saved, step, tmp_path):
    """Each state that a SIGKILL can leave, built by hand from an old and a new adapter."""
    folder, adapter = saved
    old = adapter.deltas["one"].A.numpy().copy()
    for p in adapter.parameters():
        p.data = p.data + 1
    newer = peft.save(adapter.model, tmp_path / "newer")
    left, whole = STEPS[step]
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        target = name + ".new" if name + ".new" in left else name
        if target in left or whole == "new":
            (folder / target).write_bytes((newer / name).read_bytes())
    if step == "in the weights":  # half of them, and the temporary file of io.save
        path = folder / left[0]
        path.write_bytes(path.read_bytes()[:50])
        (folder / f".{left[0]}.0123abcd.tmp").write_bytes(b"half")
    loaded = peft.load(two_layers(), folder).deltas["one"].A.numpy()
    np.testing.assert_array_equal(loaded, old + (whole == "new"))
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["adapter_config.json", "adapter_model.safetensors"]


KILLED = """
import os, signal, sys
from tinyft import nn, peft
from tinyft.peft.huggingface import folder
model = nn.Sequential({"one": nn.Linear(4, 3, rng=0), "two": nn.Linear(3, 2, rng=0)})
adapter = peft.attach(model, peft.LoRA(r=2, alpha=6), "one|two", rng=1)
for p in adapter.parameters():
    p.data = p.data + 100
real, calls = os.replace, []
def replace(source, target):
    calls.append(target)
    if len(calls) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    return real(source, target)
os.replace = replace
peft.save(model, sys.argv[1], overwrite=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on Windows")
@pytest.mark.parametrize("call", [1, 2, 3, 4])
def test_a_save_that_is_killed_leaves_the_old_adapter_or_the_new_one(saved, call):
    """Killed before each rename: two temporary files of io, the weights, the config."""
    folder, adapter = saved
    old = adapter.deltas["one"].A.numpy()
    root = str(Path(tinyft.__file__).parents[1])
    run = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), str(call)],
        env=os.environ | {"PYTHONPATH": root},
        check=False,
    )
    assert run.returncode == -signal.SIGKILL
    loaded = peft.load(two_layers(), folder).deltas["one"].A.numpy()
    assert (loaded > 50).all() == (call == 4) and (call == 4 or (loaded == old).all())
    assert len(list(folder.iterdir())) == 2
    peft.save(adapter.model, folder, overwrite=True)


def test_one_writer_at_a_time(saved):
    fcntl = pytest.importorskip("fcntl")
    folder, adapter = saved
    before = (folder / "adapter_model.safetensors").read_bytes()
    other = os.open(folder, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    try:
        with pytest.raises(OSError, match="another process is writing to it"):
            peft.save(adapter.model, folder, overwrite=True)
    finally:
        os.close(other)
    assert (folder / "adapter_model.safetensors").read_bytes() == before
    peft.save(adapter.model, folder, overwrite=True)


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_empty_folder_is_taken(saved, tmp_path, overwrite):
    (tmp_path / "empty").mkdir()
    folder = peft.save(saved[1].model, tmp_path / "empty", overwrite=overwrite)
    peft.load(two_layers(), folder)


def test_a_folder_below_a_file(saved):
    folder, adapter = saved
    with pytest.raises(OSError, match="cannot be written"):
        peft.save(adapter.model, folder / "adapter_config.json" / "deeper")


@pytest.mark.parametrize("part", ["adapter_model.safetensors", "adapter_config.json"])
def test_a_file_cut_anywhere(saved, part):
    """Every length of the weights, every length of the config that is no JSON any more."""
    folder, _ = saved
    whole = (folder / part).read_bytes()
    for end in range(len(whole.rstrip())):
        (folder / part).write_bytes(whole[:end])
        with pytest.raises(ValueError, match=f"{part} is (cut short|not JSON)"):
            peft.load(two_layers(), folder)


@pytest.mark.parametrize(
    "fields, words",
    [
        (
            {"r": 10**9},
            "r = 1000000000 in its config, and no tensor has a side above 4",
        ),
        ({"rank_pattern": {"one": 10**9}}, r"rank_pattern\['one'\] = 1000000000"),
        ({"use_rslora": "no"}, "use_rslora is 'no', expected true or false"),
        ({"alpha_pattern": {"one": "2"}}, "expected an object, each a number"),
        (
            {"modules_to_save": ["("]},
            r"modules_to_save '\(' is not a regular expression",
        ),
        ({"lora_alpha": float("nan")}, "NaN is not a number of JSON"),
        ({"use_dora": True}, "one.*magnitude"),
        ({"target_modules": ["one"]}, r"two.*lora_A"),
        ({"modules_to_save": ["two"]}, r"two.*lora_A"),
    ],
)
def test_configs_of_another_file(saved, fields, words):
    """The same with a model and without one."""
    folder, _ = saved
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))
    with pytest.raises(ValueError, match=words):
        peft.load(two_layers(), folder)
    large = any("1000000000" in str(value) for value in fields.values())
    with pytest.raises(ValueError, match="config says 1000000000" if large else words):
        peft.huggingface.read(folder)


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda s: s.clear(), "holds no tensors"),
        (lambda s: s.update({"x.y": np.ones(2)}), r"x\.y"),
        (lambda s: s.pop("base_model.model.one.lora_B.weight"), r"one.*lora_B"),
        (lambda s: s.update({"one.lora_A.weight": np.ones((2, 4))}), "one.lora_A"),
        (
            lambda s: s.update(
                {"base_model.model.one.lora_A.weight": np.ones((2, 4), int)}
            ),
            "one.lora_A.weight.*int64",
        ),
        (lambda s: s.update({KEY: np.ones(())}), "one.*lora_A"),
    ],
)
def test_tensors_of_another_file(saved, change, words):
    """The same with a model and without one."""
    folder, _ = saved
    rewrite(folder, change)
    for read in (
        lambda: peft.load(two_layers(), folder),
        lambda: peft.huggingface.read(folder),
    ):
        with pytest.raises(ValueError, match=words):
            read()


def test_formulas_of_another_base(saved):
    folder, _ = saved
    change = peft.huggingface.read(folder)["one.weight"]
    np.testing.assert_array_equal(change(np.ones((4, 3))), change(np.ones((3, 4))).T)
    for shape in ((3, 5), (12,), (3, 2, 2, 2)):
        with pytest.raises(
            ValueError, match=r"weight \(3, 4\), the base has.*another base"
        ):
            change(np.ones(shape))


@pytest.mark.parametrize(
    "change, words",
    [
        (
            lambda s: s.pop("base_model.model.one.lora_B.weight"),
            r"missing: .*one.lora_B",
        ),
        (lambda s: s.update({"x.y": np.ones(2)}), r"unexpected: x\.y"),
        (
            lambda s: s.update({"base_model.model.two.lora_A.weight": np.ones((5, 3))}),
            r"here \(2, 3\), in the file \(5, 3\)",
        ),
    ],
)
def test_what_does_not_fit_is_listed_and_the_model_is_unchanged(saved, change, words):
    folder, _ = saved
    rewrite(folder, change)
    model = two_layers()
    with pytest.raises(ValueError, match=words):
        peft.load(model, folder)
    assert not peft.attached(model)
    assert all(p.requires_grad for p in model.parameters())


def test_an_adapter_of_another_base(saved):
    folder, _ = saved
    with pytest.raises(ValueError, match="made for another base"):
        peft.load(two_layers(width=5), folder)
    with pytest.raises(ValueError, match="matches no module"):
        peft.load(models.resnet_tiny(0), folder)


def test_truncated_missing_and_foreign_files(saved, tmp_path):
    folder, _ = saved
    weights = folder / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-7])
    with pytest.raises(io.CheckpointError, match=r"adapter_model.safetensors"):
        peft.load(two_layers(), folder)
    with pytest.raises(FileNotFoundError, match="expected a folder with"):
        peft.load(two_layers(), tmp_path / "nothing")
    config = folder / "adapter_config.json"
    config.write_text('{"peft_type": "NEW", "target_modules": ["one"]}')
    io.save(weights, {"a": np.ones(1)})
    with pytest.raises(ValueError, match=r"peft_type 'NEW'; this version reads .*LORA"):
        peft.load(two_layers(), folder)
    config.write_text("{")
    with pytest.raises(ValueError, match="not JSON that can be read"):
        peft.load(two_layers(), folder)


@pytest.mark.parametrize(
    "text, words",
    [
        ('{"peft_type": "LORA", "r": 2, "r": 8}', "the key 'r' is given twice"),
        ('{"lora_alpha": Infinity}', "Infinity is not a number of JSON"),
        ("[" * 100_000, "nests .*more than 64 levels"),
        ('{"a":' * 100_000, "nests .*more than 64 levels"),
        ("[]", "has no peft_type"),
        ('{"peft_type": []}', "has no peft_type"),
        ('{"peft_type": ["LORA"]}', "peft_type is .*expected a string"),
    ],
)
def test_configs_that_are_damaged_or_hostile(saved, text, words):
    folder, _ = saved
    (folder / "adapter_config.json").write_text(text)
    with pytest.raises(ValueError, match=words):
        peft.load(two_layers(), folder)


@pytest.mark.parametrize("alpha", ["1e308", "1e400", "3.5e38"])
def test_an_alpha_that_overflows(saved, alpha):
    folder, _ = saved
    path = folder / "adapter_config.json"
    text = path.read_text().replace('"lora_alpha": 6', f'"lora_alpha": {alpha}')
    path.write_text(text)
    with pytest.raises(ValueError, match=r"too large for a float"):
        peft.load(two_layers(), folder)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite(saved, value):
    folder, _ = saved
    rewrite(folder, lambda s: s[KEY].__setitem__((0, 1), value))
    model = two_layers()
    with pytest.raises(ValueError, match=r"with NaN or Inf: .*one\.lora_A\.weight"):
        peft.load(model, folder)
    assert not peft.attached(model)


# --- the base it was made for --------------------------------------------------------


def gpt(layers=2, seed=0, **sizes):
    sizes = {"vocab": 11, "dim": 12, "heads": 3, "length": 9, **sizes}
    return models.gpt2_tiny(seed, layers=layers, **sizes)


METHODS = {
    "lora": lambda m: peft.attach(m, peft.LoRA(2), r"attn\.q", also="norm", rng=0),
    "bitfit": lambda m: peft.attach(m, peft.BitFit()),
    "adapter": lambda m: peft.attach(m, peft.pfeiffer(3)),
    "prompt": lambda m: peft.attach(m, peft.Prompt(2)),
}


@pytest.mark.parametrize("method", METHODS)
def test_another_base_is_told_and_can_be_insisted_on(method, tmp_path):
    model = gpt()
    METHODS[method](model)
    folder = peft.save(model, tmp_path / "a")
    trained = gpt()
    trained.blocks[1].mlp.up.weight.data[3, 2] += 0.01
    for other, words in (
        (gpt(seed=1), "same shapes with other values"),
        (trained, "other values .another checkpoint, or trained since"),
    ):
        with pytest.raises(ValueError, match=words):
            peft.load(other, folder)
        assert not peft.attached(other)
        assert all(p.requires_grad for p in other.parameters())
        assert peft.load(other, folder, any_base=True).count()
    with pytest.raises(
        ValueError, match=r"made for a base of|here \(|num_layers: here 3"
    ):
        peft.load(gpt(layers=3), folder)
    peft.load(gpt(), folder)


def test_a_deeper_model_is_told_both_sizes(tmp_path):
    model = gpt()
    peft.attach(model, peft.LoRA(2), r"attn\.q", rng=0)
    folder = peft.save(model, tmp_path / "a")
    deeper = gpt(layers=3)
    count = len(list(deeper.parameters()))
    with pytest.raises(
        ValueError, match=rf"base of 36 .*this model's base has {count}"
    ):
        peft.load(deeper, folder)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_another_dtype_is_the_same_base(dtype, tmp_path):
    model = gpt()
    peft.attach(model, peft.LoRA(2), r"attn\.q", rng=0)
    folder = peft.save(model, tmp_path / "a")
    peft.load(gpt().to(dtype), folder)
    with pytest.raises(ValueError, match="with other values"):
        peft.load(gpt(seed=1).to(dtype), folder)


def test_a_head_that_the_adapter_stores_may_start_elsewhere(tmp_path):
    def build(seed):
        model = two_layers()
        model.two = nn.Linear(3, 5, rng=seed)  # a new head, of another start each time
        return model

    model = build(1)
    peft.attach(model, peft.LoRA(1), "one", also="two", rng=0)
    folder, again = peft.save(model, tmp_path / "a"), build(2)
    peft.load(again, folder)
    x = np.ones((2, 4), "f4")
    np.testing.assert_array_equal(again(x).numpy(), model(x).numpy())


@pytest.mark.parametrize("state", ["merged", "disabled", "merged and disabled"])
def test_the_base_is_known_behind_a_merge(state, tmp_path):
    model = two_layers()
    adapter = peft.attach(model, peft.LoRA(2), "one", rng=0)
    for p in adapter.parameters():
        p.data = p.data + 1
    if "merged" in state:
        peft.merge(model)
    with peft.disabled(model) if "disabled" in state else contextlib.nullcontext():
        folder = peft.save(model, tmp_path / "a")
    peft.load(two_layers(), folder)


def test_a_prompt_with_a_head_comes_back(tmp_path):
    model = gpt(tied=False)
    adapter = peft.attach(model, peft.Prompt(2), also="^head", rng=1)
    for p in adapter.parameters():
        p.data = p.data + 0.5
    folder, again = peft.save(model, tmp_path / "a"), gpt(tied=False)
    loaded = peft.load(again, folder)
    ids = np.arange(10).reshape(2, 5)
    np.testing.assert_array_equal(again(ids).numpy(), model(ids).numpy())
    assert "head" in loaded.deltas
    peft.save(again, tmp_path / "b")
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        first, second = ((tmp_path / d / name).read_bytes() for d in "ab")
        assert first == second


def test_saving_an_adapter_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match=r"no adapter named 'default'.*none"):
        peft.save(two_layers(), tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_a_config_changed_after_saving_is_refused(saved):
    """Its scale would change every number; notes for people may change."""
    folder, _ = saved
    path, weights = folder / "adapter_config.json", folder / "adapter_model.safetensors"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "base_model_name_or_path": "my/base"}))
    peft.load(two_layers(), folder)
    for change in ({"lora_alpha": 7}, {"use_rslora": True}):
        path.write_text(json.dumps({**config, **change}))
        model = two_layers()
        with pytest.raises(ValueError, match=r"not the one that was saved .*io\.save"):
            peft.load(model, folder)
        assert not peft.attached(model)
    io.save(weights, io.load(weights))  # what the sentence says
    peft.load(two_layers(), folder)
