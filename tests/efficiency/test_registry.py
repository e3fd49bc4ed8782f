"""Every registered method: what it costs on paper is what the tape measures.

The rows are those of tests/test_peft_contract.py, which has every registered method on
Transformer and ResNet sites; a new method needs a row there and a Price, and fails here
until it has one. Parameters are exact. FLOPs and kept bytes may be off by 5 %: the paper
leaves out vectors (one number per channel or row), which weigh more in small models.
"""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import tinyft
from tinyft import models, nn, ops, peft
from tinyft.efficiency import cost, counted, kept_bytes
from tinyft.efficiency.ledger.pricing import price_of, prices

PATH = Path(__file__).parents[1] / "test_peft_contract.py"
spec = importlib.util.spec_from_file_location("contract", PATH)
contract = importlib.util.module_from_spec(spec)
spec.loader.exec_module(contract)

SIZES = {"vocab": 64, "dim": 48, "heads": 4, "layers": 2, "length": 64, "tied": False}
BATCH, TOKENS, SIDE = 8, 48, 16  # below 64 tokens attention skips no block


def build(name):
    """A model in float32 that is large enough for its vectors not to matter."""
    rng = np.random.default_rng(0)
    if name == "resnet":
        return models.resnet_tiny(rng, widths=(16, 32, 64), classes=10)
    if name == "llama":
        return models.llama_tiny(rng, kv_heads=2, hidden=96, **SIZES)
    if name == "glm":
        half = {"rotary_part": 6, "rotary_pairs": "neighbours", "attn_bias": "qkv"}
        return models.llama_tiny(rng, kv_heads=2, hidden=96, **half, **SIZES)
    if name == "bert":
        return models.bert_tiny(rng, types=2, **SIZES)
    model = models.gpt2_tiny(rng, **SIZES)
    if name == "adapted":
        for i, part in enumerate("ab"):
            peft.attach(model, peft.houlsby(3 + i), name=part, rng=i).enable(False)
    return model


def inputs(model):
    """(x, size): a batch, and what `cost` is told of it."""
    rng = np.random.default_rng(1)
    if isinstance(model, models.ResNet):
        shape = (BATCH, model.config.channels, SIDE, SIDE)
        return rng.normal(size=shape).astype("float32"), SIDE
    return rng.integers(0, model.config.vocab, (BATCH, TOKENS)), TOKENS


def loss_of(model, x):
    y = model(tinyft.tensor(x))
    targets = np.random.default_rng(2).integers(0, y.shape[-1], y.size // y.shape[-1])
    return ops.cross_entropy(y.reshape(-1, y.shape[-1]), tinyft.tensor(targets))


def measured(model, x):
    """Parameters, those that train, FLOPs forward and backward, bytes kept."""
    with counted() as found:
        loss = loss_of(model, x)
        kept = kept_bytes(loss, model)
        loss.backward()
    sizes = model.count(), model.count(trainable=True)
    return (*sizes, found.forward, found.backward, kept)


def predicted(model, size):
    found = cost(model, BATCH, size)
    sizes = found.parameters, found.trainable
    return (*sizes, found.forward, found.backward, found.activations)


def test_every_registered_method_has_a_price():
    assert set(prices) >= set(peft.registry)


def test_a_method_without_a_price_is_named():
    with pytest.raises(LookupError, match=r"'BOFT' has no price; write its formula"):
        price_of("BOFT")


@pytest.mark.parametrize("make, target, name", contract.CASES)
def test_paper_and_tape_agree(make, target, name):
    model = build(name)
    peft.attach(model, make(), target, rng=1)
    model.train()
    x, size = inputs(model)
    got, want = measured(model, x), predicted(model, size)
    assert want[:2] == got[:2]
    assert want[2:] == pytest.approx(got[2:], rel=0.05)
    assert min(got) > 0


def test_lora_fa_keeps_the_small_product_instead_of_the_input():
    """Per site and token r numbers for in + r; the tape says so, and so does the paper."""
    model = build("transformer")
    adapter = peft.attach(model, peft.LoRA(r=4), "up|down", rng=1)
    x, size = inputs(model)
    whole = cost(model, BATCH, size)
    peft.lora_fa(adapter)
    assert predicted(model, size) == measured(model, x)
    d = model.config.dim
    saved = model.config.layers * BATCH * TOKENS * (d + 4 * d) * 4
    first = (
        BATCH * TOKENS * d * 4
    )  # x̂ of the first norm, below which nothing trains now
    less = whole.activations - cost(model, BATCH, size).activations
    assert saved <= less <= saved + 12 * first


@pytest.mark.parametrize("name", ["transformer", "llama", "glm", "bert", "resnet"])
def test_a_model_that_trains_whole(name):
    """Exact but for the two numbers per channel that a BatchNorm keeps."""
    model = build(name)
    x, size = inputs(model)
    got, want = measured(model, x), predicted(model, size)
    assert want[:4] == got[:4]
    assert want[4] == pytest.approx(got[4], rel=0.005)


@pytest.mark.parametrize("name", ["transformer", "llama", "bert"])
def test_recomputed_blocks(name):
    """At the end of forward only the blocks' inputs are kept; `cost` adds one inside."""
    model = build(name)
    for block in model.blocks:
        nn.recompute(block)
    x, size = inputs(model)
    got, want = measured(model, x), predicted(model, size)
    assert want[:4] == got[:4]
    assert want[4] == got[4] + inside_of(build(name))


def inside_of(model):
    """Bytes that one block's tape keeps beyond its input."""
    x = np.ones((BATCH, TOKENS, model.config.dim), "float32")
    x = tinyft.tensor(x, requires_grad=True)
    kept = kept_bytes(model.blocks[0](x).sum(), model)
    return kept - (0 if model.config.pre_norm else x.data.nbytes)
