"""Classifiers' heads, stored whole beside an adapter, in PEFT and back.

Small random models of transformers in float32 on both sides; logits of order 0.1 to 1
agree to 1e-5 (sums of some hundred products in another order: measured 1e-7).
"""

import json

import numpy as np
import pytest

from tinyft import io, no_grad, peft

hf = pytest.importorskip("peft", reason="parity tests compare with Hugging Face PEFT")
torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

# of transformers and PEFT; what either says of a tensor that is missing is an error
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*is_gradient_checkpointing:FutureWarning"
)
BOUND = 1e-5
DIM, VOCAB, CLASSES = 16, 40, 3
BERT = {
    "hidden_size": DIM,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}
GPT2 = {"n_embd": DIM, "n_layer": 2, "n_head": 2, "pad_token_id": 0}
DISTIL = {"dim": DIM, "n_layers": 2, "n_heads": 2, "hidden_dim": 32}
CONFIGS = {  # family: config of transformers, q and v there, the head that PEFT wraps
    "bert": (lambda: transformers.BertConfig(vocab_size=VOCAB, **BERT), "query value"),
    "roberta": (
        lambda: transformers.RobertaConfig(vocab_size=VOCAB, **BERT),
        "query value",
    ),
    "distilbert": (
        lambda: transformers.DistilBertConfig(vocab_size=VOCAB, **DISTIL),
        "q_lin v_lin",
    ),
    "gpt2": (lambda: transformers.GPT2Config(vocab_size=VOCAB, **GPT2), "c_attn"),
    "llama": (
        lambda: transformers.LlamaConfig(vocab_size=VOCAB, **BERT, pad_token_id=0),
        "q_proj v_proj",
    ),
}
WHOLE = {
    "bert": {"bert.pooler.dense", "classifier"},
    "roberta": {"classifier"},
    "distilbert": {"pre_classifier", "classifier"},
    "gpt2": {"score"},
    "llama": {"score"},
}


@pytest.fixture(params=CONFIGS)
def family(request):
    return request.param


@pytest.fixture
def folder(family, tmp_path):
    """A classifier with random weights, as transformers writes it."""
    torch.manual_seed(0)
    config = CONFIGS[family][0]()
    config.num_labels = CLASSES
    model = transformers.AutoModelForSequenceClassification.from_config(config)
    for p in model.parameters():
        p.data += 0.1 * torch.randn_like(p)
    model.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def torch_model(folder):
    return transformers.AutoModelForSequenceClassification.from_pretrained(
        folder
    ).eval()


def ids():
    return np.random.default_rng(1).integers(4, VOCAB, (5, 7))


def ours_of(model):
    with no_grad(), model.evaluating():
        return model(ids()).numpy()


def theirs_of(model):
    with torch.no_grad():
        return model.eval()(torch.tensor(ids())).logits.numpy()


def adapted(folder, also, target=r"attn\.(q|v)"):
    """Our model with an adapter whose every number is drawn."""
    model, draw = io.huggingface.load_model(folder), np.random.default_rng(2)
    adapter = peft.attach(model, peft.LoRA(r=4), target, also=also, rng=0)
    for p in adapter.parameters():
        p.data = (0.3 * draw.standard_normal(p.shape)).astype(p.dtype)
    return model


def in_peft(folder, adapter):
    return hf.PeftModel.from_pretrained(torch_model(folder), adapter)


@pytest.mark.parametrize("also", ["head|pooler", "head"])
def test_our_heads_in_peft(family, folder, also, tmp_path):
    model = adapted(folder, also)
    assert (
        np.abs(ours_of(model) - ours_of(io.huggingface.load_model(folder))).max() > 0.1
    )
    peft.save(model, tmp_path / "a", names=family)
    config = json.loads((tmp_path / "a" / "adapter_config.json").read_text("utf-8"))
    assert config["task_type"] == "SEQ_CLS"
    left = {"bert.pooler.dense"} if also == "head" else set()
    assert set(config["modules_to_save"]) == WHOLE[family] - left
    loaded = in_peft(folder, tmp_path / "a")
    np.testing.assert_allclose(theirs_of(loaded), ours_of(model), atol=BOUND)
    again = io.huggingface.load_model(folder)
    peft.load(again, tmp_path / "a")
    np.testing.assert_array_equal(ours_of(again), ours_of(model))


def test_their_heads_in_ours(family, folder, tmp_path):
    targets = CONFIGS[family][1].split()
    options = {"task_type": "SEQ_CLS", "r": 4, "target_modules": targets}
    options |= {"modules_to_save": ["pre_classifier"]} if family == "distilbert" else {}
    options |= {"fan_in_fan_out": True} if family == "gpt2" else {}
    theirs = hf.get_peft_model(torch_model(folder), hf.LoraConfig(**options))
    for p in theirs.parameters():
        if p.requires_grad:
            p.data = 0.3 * torch.randn_like(p)
    theirs.save_pretrained(tmp_path / "a")
    ours = io.huggingface.load_model(folder)
    peft.load(ours, tmp_path / "a")
    np.testing.assert_allclose(ours_of(ours), theirs_of(theirs), atol=BOUND)
    peft.save(ours, tmp_path / "b", names=family)
    back = in_peft(folder, tmp_path / "b")
    np.testing.assert_allclose(theirs_of(back), theirs_of(theirs), atol=BOUND)


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert"])
def test_what_is_whole_beside_an_old_head(family, folder, tmp_path):
    """Without a head in the file PEFT must not look for one."""
    model = adapted(folder, r"blocks\.0\.norm1")
    peft.save(model, tmp_path / "a", names=family)
    loaded = in_peft(folder, tmp_path / "a")
    np.testing.assert_allclose(theirs_of(loaded), ours_of(model), atol=BOUND)


@pytest.mark.parametrize("family", ["roberta", "distilbert"])
def test_half_a_head_cannot_be_adapted(family, folder, tmp_path):
    model = adapted(folder, "head", r"attn\.q|pooler")
    with pytest.raises(ValueError, match="names pooler too, which is adapted; train"):
        peft.save(model, tmp_path / "a", names=family)
    assert not (tmp_path / "a").exists()
