"""Adapters as files: Hugging Face's layout, strict loading, nothing lost."""

import json
import os

import numpy as np
import pytest

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
        with pytest.raises(ValueError, match=f"{part} is (cut short|not valid JSON)"):
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
    with pytest.raises(ValueError, match="not valid JSON"):
        peft.load(two_layers(), folder)


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
