"""Recipes in short: bit-exact repetition, round trip, honest headers, sentences."""

import json

import numpy as np
import pytest

from tinyft import data, io, no_grad, training
from tinyft.training import pretrained, recipes
from tinyft.training.pretrain import NAMES, pretrain

SHORT = {"resnet_digits6": 5, "vit_digits": 5, "gpt_text": 2, "bert_text": 2,
         "gpt_kjv": 1, "char_text": 2, "char_chat": 2}  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer():
    return recipes._tokenizer()


@pytest.fixture
def quick(monkeypatch, tokenizer):
    """One tokenizer, small batches, no held-out text; the recipe is the same."""
    monkeypatch.setattr(recipes, "_tokenizer", lambda: tokenizer)
    monkeypatch.setattr(recipes, "BATCH", 2)
    monkeypatch.setattr(recipes, "judge", lambda *given: {})


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name, steps", SHORT.items())
def test_two_runs_give_the_same_bytes_and_load_back(tmp_path, capsys, name, steps):
    first, second = (
        pretrain(name, tmp_path / folder, progress=False, steps=steps)
        for folder in ("a", "b")
    )
    assert first.read_bytes() == second.read_bytes()
    assert capsys.readouterr().out == ""
    model, tokens, about = training.load_pretrained(name, folder=tmp_path / "a")
    assert model.training and about["steps"] == str(steps)
    assert about["parameters"] == str(model.count())
    assert all(data.SHA256[file] == h for file, h in about["data"].items())
    assert (tokens is None) == ("digits" in name)
    stored = io.load(first)
    for key, tensor in model.state_dict().items():
        if key in stored:
            np.testing.assert_array_equal(tensor.numpy(), stored[key])
    state = pretrained.stored_state(model)
    state = {k: v.numpy().astype(stored[k].dtype) for k, v in state.items()}
    io.save(tmp_path / "again.safetensors", state, io.load_with_metadata(first)[1])
    assert (tmp_path / "again.safetensors").read_bytes() == first.read_bytes()


@pytest.mark.usefixtures("quick")
def test_refusals_are_sentences(tmp_path):
    with pytest.raises(ValueError, match="no recipe 'gpt5', only resnet_digits6"):
        pretrain("gpt5", tmp_path)
    with pytest.raises(ValueError, match="no checkpoint 'x', only none"):
        training.load_pretrained("x", tmp_path)
    io.save(tmp_path / "x.safetensors", {"w": np.ones(2)})
    with pytest.raises(io.CheckpointError, match="no header of ours"):
        training.load_pretrained("x", tmp_path)
    path = pretrain("resnet_digits6", tmp_path, progress=False, steps=1)
    state, about = io.load_with_metadata(path)
    state["fc.extra"] = state.pop("fc.bias")
    io.save(path, state, about)
    with pytest.raises(io.CheckpointError, match=r"\['fc.bias', 'fc.extra'\] stand on"):
        training.load_pretrained("resnet_digits6", tmp_path)


@pytest.mark.usefixtures("quick")
def test_the_report_compares_with_the_published_file(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path / "shipped")
    pretrain("resnet_digits6", tmp_path / "shipped", steps=1)
    assert "published" not in capsys.readouterr().out
    pretrain("resnet_digits6", tmp_path / "same", steps=1)
    assert "the same bytes as the published file" in capsys.readouterr().out
    pretrain("resnet_digits6", tmp_path / "other", steps=2)
    assert "other bytes than" in capsys.readouterr().out


# --- the files that ship -----------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_shipped_checkpoint_is_as_good_as_its_header_says(name):
    """Held-out numbers again, from the file; 1e-3 covers another BLAS's rounding."""
    model, tokens, about = training.load_pretrained(name)
    assert model.count() <= 2_000_000
    assert about["data"] == {file: data.SHA256[file] for file in about["data"]}
    texts = [key.removeprefix("loss_") for key in about["held_out"] if "_" in key]
    got = recipes.judge(model, tokens, about["classes"], texts)
    assert got == pytest.approx(about["held_out"], abs=1e-3)
    assert json.dumps(got)  # plain floats


def test_shipped_files_are_small():
    sizes = [pretrained.checkpoint_path(name).stat().st_size for name in NAMES]
    assert sum(sizes) < 12e6


def test_the_shipped_language_model_knows_its_domain():
    model, tokens, _ = training.load_pretrained("gpt_text")
    with no_grad():
        text = "And the LORD said unto Moses"
        ids = tokens.encode(text)[None]
        out = model.generate(ids, 8, greedy=True)
    assert tokens.decode(out[0]).startswith(text)
    uniform = np.log(len(tokens))
    held_out = json.loads(
        io.load_with_metadata(pretrained.checkpoint_path("gpt_text"))[1]["held_out"]
    )
    assert all(value < 0.65 * uniform for value in held_out.values())


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "name, steps, stop", [("resnet_digits6", 41, 18), ("gpt_text", 5, 5)]
)
def test_an_interrupted_run_goes_on_to_the_same_bytes(
    tmp_path, monkeypatch, capsys, name, steps, stop
):
    """41 steps: log points every 2nd step, epochs of 13, and a last group of one."""
    want = pretrain(name, tmp_path / "whole", progress=False, steps=steps).read_bytes()
    fit, seen = recipes.fit, []

    def interrupted(*given, on_step, **options):
        def watch(step, loss):
            on_step(step, loss)
            seen.append(step)
            if len(seen) == stop:
                raise KeyboardInterrupt

        return fit(*given, on_step=watch, **options)

    monkeypatch.setattr(recipes, "fit", interrupted)
    folder = tmp_path / "stopped"
    with pytest.raises(KeyboardInterrupt):
        pretrain(name, folder, steps=steps)
    assert f"goes on from {folder / name}.run" in capsys.readouterr().err
    with pytest.raises(ValueError, match=r"steps = .*Delete it to begin again"):
        pretrain(name, folder, steps=steps + 1)
    got = pretrain(name, folder, progress=False, steps=steps).read_bytes()
    assert got == want and len(seen) < 1.2 * steps + 4
    assert not list(folder.glob("*.run")) and not list(folder.glob(".*"))


@pytest.mark.usefixtures("quick")
def test_a_run_killed_before_its_last_file_has_its_loss(tmp_path, monkeypatch):
    """Stopped between the last step and the result: nothing is left to train."""
    want = pretrain("resnet_digits6", tmp_path / "a", progress=False, steps=3)
    monkeypatch.setattr(recipes, "judge", lambda *given: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        pretrain("resnet_digits6", tmp_path / "b", progress=False, steps=3)
    monkeypatch.setattr(recipes, "judge", lambda *given: {})
    got = pretrain("resnet_digits6", tmp_path / "b", progress=False, steps=3)
    assert got.read_bytes() == want.read_bytes()
