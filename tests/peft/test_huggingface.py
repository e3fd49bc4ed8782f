"""Golden adapters that Hugging Face PEFT wrote: our formulas and our models agree.

To 1e-12 of their size: both sides are float64 on the same float32 values.
"""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tinyft
from tinyft import io, models, nn, ops, peft
from tinyft.io.huggingface import from_gpt2

GOLDEN = Path(__file__).parent.parent / "fixtures" / "peft"
WEIGHTS = sorted(
    p.name for p in GOLDEN.iterdir() if p.is_dir() and "gpt2" not in p.name
)
OURS = WEIGHTS
GPT2 = ["gpt2_lora", "gpt2_prefix", "gpt2_prompt"]


def reference(case):
    with np.load(GOLDEN / case / "ref.npz") as arrays:
        return dict(arrays)


def base_of(arrays):
    return {
        k.removeprefix("base/"): v for k, v in arrays.items() if k.startswith("base/")
    }


def run(model, x):
    with tinyft.no_grad():
        return model.eval()(tinyft.tensor(x)).numpy()


def far(got, want):
    return np.abs(got - want).max() / np.abs(want).max()


class Mlp(nn.Module):
    def __init__(self):
        self.fc, self.head = nn.Linear(12, 10), nn.Linear(10, 3)

    def forward(self, x):
        return self.head(ops.tanh(self.fc(x)))


class Cnn(nn.Module):
    def __init__(self):
        self.conv = nn.Conv2d(6, 8, 3, 2, 1)
        self.pw, self.bn = nn.Conv2d(8, 8, 1), nn.BatchNorm2d(8)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        y = ops.relu(self.bn(self.pw(self.conv(x))))
        return self.head(y.mean(axis=(2, 3)))


class Emb(nn.Module):
    def __init__(self):
        self.emb, self.head = nn.Embedding(20, 8), nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.emb(x))


def network(arrays):
    base = base_of(arrays)
    kind = Cnn if "conv.weight" in base else Emb if "emb.weight" in base else Mlp
    model = kind().to("float64")
    model.load_state_dict(base)
    return model


def gpt2(arrays, dtype="float64"):
    base = base_of(arrays)
    dim = base["transformer.wte.weight"].shape[1]
    for i in range(2):  # these biases are zero, and not in the archives
        base.setdefault(f"transformer.h.{i}.attn.c_attn.bias", np.zeros(3 * dim))
    config = models.TransformerConfig(vocab=40, dim=dim, layers=2, heads=4, length=32)
    model = models.Transformer(config, dtype=dtype)
    model.load_state_dict(from_gpt2(base, config))
    return model


@pytest.mark.parametrize("case", WEIGHTS)
def test_changes_of_the_weights(case):
    arrays, changes = reference(case), peft.huggingface.read(GOLDEN / case)
    wanted = {k.removeprefix("delta/") for k in arrays if k.startswith("delta/")}
    assert set(changes) >= wanted  # IA3 tells what it does to a bias that is not there
    for name in wanted:
        got = changes[name](arrays[f"base/{name}"])
        assert got.dtype == np.float64
        assert np.abs(got - arrays[f"delta/{name}"]).max() < 1e-12


@pytest.mark.parametrize("case", OURS)
def test_networks(case, tmp_path):
    arrays = reference(case)
    model = network(arrays)
    x = arrays["x"].astype("f8") if arrays["x"].dtype.kind == "f" else arrays["x"]
    assert far(run(model, x), arrays["y_base"]) < 1e-12
    base = {name: p.numpy().copy() for name, p in model.named_base_parameters()}
    peft.load(model, GOLDEN / case)
    assert far(run(model, x), arrays["y"]) < 1e-12
    peft.merge(model)
    assert far(run(model, x), arrays["y_merged"]) < 1e-12
    for name, p in model.named_base_parameters():
        change = arrays.get(f"delta/{name}", np.zeros(1))
        assert np.abs(p.numpy() - base[name] - change).max() < 1e-12
    peft.unmerge(model)
    with peft.disabled(model):
        assert far(run(model, x), arrays["y_base"]) < 1e-12
    peft.save(model, tmp_path / "again")
    theirs, ours = (
        io.load(folder / "adapter_model.safetensors")
        for folder in (GOLDEN / case, tmp_path / "again")
    )
    assert theirs.keys() == ours.keys()
    for key, array in theirs.items():
        np.testing.assert_array_equal(ours[key], array)


@pytest.mark.parametrize("names", [None, "gpt2"])
@pytest.mark.parametrize("case", GPT2)
def test_gpt2_logits(case, names):
    arrays = reference(case)
    model = gpt2(arrays)
    assert far(run(model, arrays["x"]), arrays["y_base"]) < 1e-12
    peft.load(model, GOLDEN / case, names=names)
    y, n = run(model, arrays["x"]), arrays["x"].shape[1]
    assert far(y, arrays["y"][:, -n:]) < 1e-12
    with peft.disabled(model):
        assert far(run(model, arrays["x"]), arrays["y_base"]) < 1e-12


def test_prompt_logits_at_the_prompt_too():
    arrays = reference("gpt2_prompt")
    model = gpt2(arrays)
    peft.load(model, GOLDEN / "gpt2_prompt")
    y = model.head(model.states(tinyft.tensor(arrays["x"]))).numpy()
    assert y.shape == arrays["y"].shape == (2, 12, 40)
    assert far(y, arrays["y"]) < 1e-12


def test_gpt2_changes_of_the_fused_weight():
    """q, k and v after a merge are the thirds of (W + (s B A)ᵀ)ᵀ."""
    arrays = reference("gpt2_lora")
    change = peft.huggingface.read(GOLDEN / "gpt2_lora")
    W = arrays["base/transformer.h.1.attn.c_attn.weight"].astype("f8")
    want = (W + change["transformer.h.1.attn.c_attn.weight"](W)).T
    model = gpt2(arrays)
    peft.load(model, GOLDEN / "gpt2_lora")
    peft.merge(model)
    attn = model.blocks[1].attn
    got = np.concatenate([layer.weight.numpy() for layer in (attn.q, attn.k, attn.v)])
    assert np.abs(got - want).max() < 1e-12


def test_a_fused_lora_is_written_back_as_it_was(tmp_path):
    model = gpt2(reference("gpt2_lora"), "float32")
    peft.load(model, GOLDEN / "gpt2_lora")
    peft.save(model, tmp_path / "a", names="gpt2")
    theirs, ours = (
        io.load(folder / "adapter_model.safetensors")
        for folder in (GOLDEN / "gpt2_lora", tmp_path / "a")
    )
    assert theirs.keys() == ours.keys()
    for key, array in theirs.items():
        np.testing.assert_array_equal(ours[key], array)
    config = json.loads((tmp_path / "a" / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["fan_in_fan_out"]) == (3, 6, True)


def test_prompts_are_no_change_of_weights():
    with pytest.raises(ValueError, match=r"PREFIX_TUNING.*peft\.load"):
        peft.huggingface.read(GOLDEN / "gpt2_prefix")


def test_a_method_without_a_class_is_refused_with_the_list(tmp_path):
    folder = edited(tmp_path, "loha_linear", peft_type="BOFT")
    with pytest.raises(ValueError, match=r"peft_type 'BOFT'.*reads .*LOHA.*LORA"):
        peft.load(Mlp(), folder)


# --- PEFT's rules for names, on a golden LoRA that is asked for in other ways ------


def edited(tmp_path, case, **changes):
    folder = tmp_path / "edited"
    shutil.copytree(GOLDEN / case, folder)
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text()) | changes
    path.write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize("target", ["fc", ".*c", "f.", ["fc"], ["x", "fc"]])
def test_targets_that_name_fc(target, tmp_path):
    arrays = reference("lora_linear")
    model = network(arrays)
    adapter = peft.load(model, edited(tmp_path, "lora_linear", target_modules=target))
    assert list(adapter.deltas) == ["fc"]


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"target_modules": ["fc", "head"]}, "missing: .*head.lora_A"),
        ({"target_modules": "c"}, "matches no module"),
        ({"exclude_modules": ["fc"]}, "matches no module"),
        ({"r": 5}, r"another shape: .*here \(5, 12\), in the file \(3, 12\)"),
        ({"rank_pattern": {"f.": 2}}, r"here \(2, 12\), in the file \(3, 12\)"),
        ({"modules_to_save": ["head"]}, r"missing: .*head\.bias.*head\.weight"),
        ({"layers_to_transform": 0, "target_modules": ["c"]}, "matches no module"),
        ({"alora_invocation_tokens": [1]}, r"not read: alora_invocation_tokens=\[1\]"),
        ({"alpha": 99}, "not read: alpha=99"),  # LORA's is lora_alpha
        ({"from_next_year": 0.5}, r"not read: from_next_year=0.5.*take it out"),
        ({"init_lora_weights": "loftq"}, "init_lora_weights='loftq'.*convert it"),
        ({"r": "3"}, "r is '3', expected an integer"),
        ({"target_modules": {"fc": 1}}, "expected a string or a list, each a string"),
        (
            {"target_modules": None, "target_parameters": ["fc.weight"]},
            "names no target",
        ),
        ({"lora_alpha": "six"}, "lora_alpha is 'six', expected a number"),
        ({"target_modules": "f("}, r"'f\(' is not a regular expression"),
        ({"rank_pattern": {"f(": 2}}, r"'f\(' is not a regular expression"),
        ({"use_qalora": True}, "not read: use_qalora"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights='pissa'.*convert it"),
        ({"use_dora": True, "bias": "all"}, r"DoRA with trained biases.*bias='all'"),
        ({"peft_type": "BOFT"}, "peft_type 'BOFT'; this version reads"),
    ],
)
def test_configs_that_do_not_fit_the_tensors(changes, words, tmp_path):
    model = network(reference("lora_linear"))
    with pytest.raises(ValueError, match=words):
        peft.load(model, edited(tmp_path, "lora_linear", **changes))
    assert not peft.attached(model)


def test_a_pickle_is_not_read(tmp_path):
    folder = edited(tmp_path, "lora_linear")
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
    with pytest.raises(ValueError, match=r"adapter_model\.bin, a pickle.*convert it"):
        peft.load(network(reference("lora_linear")), folder)


@pytest.mark.parametrize(
    "sizes, words",
    [
        ({"dim": 8, "layers": 4}, "num_layers: here 4, in the file 2, token_dim"),
        ({"heads": 2}, "num_attention_heads: here 2, in the file 4"),
        ({"layers": 3}, r"here \(5, 96\), in the file \(5, 64\)"),
    ],
)
def test_a_prefix_of_another_model_with_as_many_numbers(sizes, words):
    config = replace(gpt2(reference("gpt2_prefix")).config, **sizes)
    model = models.Transformer(config)
    with pytest.raises(ValueError, match=words):
        peft.load(model, GOLDEN / "gpt2_prefix")
    assert not peft.attached(model)


def test_alpha_pattern_scales(tmp_path):
    case = "lora_regex_patterns"
    folder = edited(tmp_path, case, alpha_pattern={"fc|head": 40})
    W = reference(case)["base/fc.weight"]
    ours = peft.huggingface.read(GOLDEN / case)["fc.weight"](W)
    ten = peft.huggingface.read(folder)["fc.weight"](W)  # alpha 4 before
    np.testing.assert_allclose(ten, 10 * ours, rtol=1e-14)


def test_unknown_names_option():
    with pytest.raises(ValueError, match="expected one of gpt2, bert, llama"):
        peft.load(network(reference("lora_linear")), GOLDEN / "lora_linear", names="t5")
    with pytest.raises(ValueError, match="Mlp is not a Transformer"):
        peft.load(
            network(reference("lora_linear")), GOLDEN / "lora_linear", names="gpt2"
        )
