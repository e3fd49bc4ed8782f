"""GLM and ChatGLM: half of a head turns, gate and up in one matrix, a prefix mask.

Plain folders of GLM are in test_families.py. Weights N(0, 0.3²), float32 to 1e-4.
"""

import dataclasses

import numpy as np
import pytest

from tinyft import models, peft
from tinyft.io import huggingface as hf

torch = pytest.importorskip("torch", reason="parity tests compare with PyTorch")
transformers = pytest.importorskip("transformers", reason="the models are its own")
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing")
IDS, BOUND = np.random.default_rng(0).integers(3, 50, (2, 12)), 1e-4
SIZES = {
    "vocab_size": 50, "hidden_size": 16, "intermediate_size": 24,
    "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
    "head_dim": 8, "max_position_embeddings": 64, "pad_token_id": 1, "eos_token_id": 2,
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    theirs = transformers.GlmForCausalLM(transformers.GlmConfig(**SIZES)).eval()
    for p in theirs.parameters():
        torch.nn.init.normal_(p, std=0.3)
    theirs.save_pretrained(tmp_path / "glm")
    return tmp_path / "glm"


def opened(folder):
    return transformers.GlmForCausalLM.from_pretrained(
        folder, attn_implementation="eager"
    ).eval()


def worst(ours, theirs, **options):
    want = theirs(torch.tensor(IDS), **options).logits.detach().numpy()
    return np.abs(ours - want).max()


def test_a_prefix_seen_both_ways(folder):
    """The mask of ChatGLM-6B on the decoder of its successors: the first 5 tokens see
    each other, the rest looks back. transformers takes the same mask, as numbers."""
    ours = hf.load_model(folder)
    both = models.Transformer(dataclasses.replace(ours.config, causal=False)).eval()
    both.load_state_dict(ours.state_dict())
    mask = models.prefix_lm(12, 5)
    added = torch.tensor(np.where(mask.numpy(), 0.0, -1e30).astype("f4"))
    got = both(IDS, mask=mask).numpy()
    assert worst(got, opened(folder), attention_mask=added) < BOUND
    assert np.abs(got - ours(IDS).numpy())[:, 0].max() > 0.01  # token 0 sees 1 to 4


@pytest.mark.parametrize("target", [r"attn\.(q|v)", r"attn\.o|down", r"mlp\.(gate|up)"])
def test_an_adapter_for_peft(folder, tmp_path, target):
    """gate and up have one A each here; there one matrix holds both."""
    theirs_peft = pytest.importorskip(
        "peft", reason="reads the adapter: pip install peft"
    )
    model = hf.load_model(folder)
    adapter = peft.attach(model, peft.LoRA(r=2), target, rng=0)
    for i, delta in enumerate(adapter.deltas.values()):
        draw = np.random.default_rng(i).standard_normal(delta.B.shape)
        delta.B.data = 0.3 * draw.astype("f4")
    peft.save(model, tmp_path / "a", names="glm")
    theirs = theirs_peft.PeftModel.from_pretrained(
        opened(folder), tmp_path / "a"
    ).eval()
    assert worst(model(IDS).numpy(), theirs) < BOUND


def test_an_adapter_of_peft_on_the_joint_matrix(folder, tmp_path):
    theirs_peft = pytest.importorskip(
        "peft", reason="makes the adapter: pip install peft"
    )
    config = theirs_peft.LoraConfig(
        r=2, target_modules=["gate_up_proj", "q_proj"], init_lora_weights=False
    )
    theirs = theirs_peft.get_peft_model(opened(folder), config).eval()
    theirs.save_pretrained(tmp_path / "a")
    model = hf.load_model(folder)
    before = model(IDS).numpy()
    peft.load(model, tmp_path / "a")
    assert worst(model(IDS).numpy(), theirs) < BOUND
    assert worst(before, theirs) > 0.01
