"""load_model(folder, classes=n): a new classifier on the layers of a folder."""

import numpy as np
import pytest

from tinyft import io, models

load = io.huggingface.load_model
SIZES = {"vocab": 30, "dim": 16, "layers": 2, "heads": 2}
MADE = {  # family: a model below a head, and the new weights of a classifier on it
    "bert": (models.bert_tiny, "none", ["head"]),
    "distilbert": (models.bert_tiny, "mlm", ["head", "pooler"]),
    "roberta": (models.bert_tiny, "mlm", ["head", "pooler"]),
    "gpt2": (models.gpt2_tiny, "lm", ["head"]),
    "llama": (models.llama_tiny, "lm", ["head"]),
}
OWN = {
    "bert": {"pooler": True},
    "roberta": {"positions": "roberta", "pad": 1},
    "distilbert": {"types": 0},
}


def saved(kind, folder, **options):
    make, head, _ = MADE[kind]
    options = SIZES | {"head": head} | OWN.get(kind, {}) | options
    model = make(rng=3, **options)
    io.huggingface.save_model(model, folder, kind)
    return model


def state(model):
    return {name: np.asarray(array) for name, array in model.state_dict().items()}


@pytest.mark.parametrize("kind", MADE)
def test_the_head_is_new_and_the_rest_is_the_folders(kind, tmp_path):
    base, new = state(saved(kind, tmp_path / "m")), MADE[kind][2]
    model = load(tmp_path / "m", classes=3)
    found = state(model)
    assert model.config.head == "cls" and found["head.weight"].shape == (3, 16)
    for name, array in found.items():
        drawn = name.partition(".")[0] in new
        if drawn and name.endswith("weight"):
            assert 0.01 < array.std() < 0.03, name  # 0.02; 48 numbers or more
        elif drawn:
            assert not array.any(), name
        elif name != "type.weight" or "type.weight" in base:
            np.testing.assert_array_equal(array, base[name], name)
    assert model(np.full((2, 5), 7)).shape == (2, 3)


def test_the_seed_decides(tmp_path):
    saved("bert", tmp_path / "m")
    heads = [
        state(load(tmp_path / "m", classes=2, **rng))["head.weight"]
        for rng in ({}, {"rng": 0}, {"rng": 1}, {"rng": np.random.default_rng(1)})
    ]
    np.testing.assert_array_equal(heads[0], heads[1])
    np.testing.assert_array_equal(heads[2], heads[3])
    assert (heads[0] != heads[2]).all()


@pytest.mark.parametrize("kind", MADE)
def test_a_head_that_is_there(kind, tmp_path):
    pooler = {"bert": True, "roberta": True, "distilbert": "relu"}.get(kind, False)
    options = {"head": "cls", "classes": 3, "pooler": pooler}
    base = state(saved(kind, tmp_path / "m", **options))
    found = state(load(tmp_path / "m", classes=3, rng=8))
    for name in ("head.weight", *(["pooler.weight"] if pooler else [])):
        np.testing.assert_array_equal(found[name], base[name])
    with pytest.raises(ValueError, match=r"has a classifier of 3 classes .*classes=2"):
        load(tmp_path / "m", classes=2)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"classes": 0}, "positive integer, got 0"),
        ({"classes": True}, "positive integer, got True"),
        ({"classes": 2.0}, "positive integer, got 2.0"),
        ({"classes": 2, "head": "none"}, "head='none' was given"),
    ],
)
def test_what_is_refused(options, says, tmp_path):
    saved("bert", tmp_path / "m")
    with pytest.raises(ValueError, match=says):
        load(tmp_path / "m", **options)


def test_other_names_are_checked_as_ever(tmp_path):
    saved("bert", tmp_path / "m")
    (file,) = (tmp_path / "m").glob("*.safetensors")
    arrays = io.load(file)
    arrays.pop(next(name for name in arrays if "layer.1.output.dense.w" in name))
    io.save(file, arrays)
    with pytest.raises(
        ValueError, match=r"Missing: encoder.layer.1.output.dense.weight"
    ):
        load(tmp_path / "m", classes=2)
    with pytest.raises(ValueError, match=r"names BertModel, without.*classes=\.\.\."):
        load(tmp_path / "m", head="cls")
