"""Adapters as files: Hugging Face's layout, strict loading, nothing lost."""

import json

import numpy as np
import pytest

from tinyft import io, models, nn, peft


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
    peft.save(adapter.model, folder, overwrite=True)
    assert (folder / "adapter_model.safetensors").read_bytes() != before
    assert sorted(p.name for p in folder.parent.iterdir()) == ["adapter"]


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
