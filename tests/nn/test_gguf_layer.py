"""LinearGGUF: ggml's blocks as a layer, against the same weights in floats."""

import numpy as np
import pytest

from tinyft import grad, io, models, nn, ops, optim, peft, tensor, training
from tinyft.nn.packed import product
from tinyft.quantise import Blocks, decode, dequantise
from tinyft.quantise.ggml import FORMS, byte_count

RNG = np.random.default_rng(5)
KINDS = [kind for kind in FORMS if kind != "F32"]
SCALES = {"Q4_1": (0, 2), "Q4_K": (0, 2), "Q6_K": (208,), "F16": ()}


def blocks(out, width, kind="Q4_1", seed=0):
    """Random blocks whose scales make weights of the size 0.05."""
    draw, form = np.random.default_rng(seed), FORMS[kind]
    count = byte_count(kind, (out, width)) // form.bytes
    raw = draw.integers(0, 256, (count, form.bytes), dtype="u1")
    if kind == "F16":
        raw = (0.05 * draw.standard_normal((count, 1))).astype("f2").view("u1").copy()
    for at in SCALES.get(kind, (0,)):
        size = 5e-4 / (64 if kind.endswith("K") else 1)
        scale = (size * draw.standard_normal((count, 1))).astype("f2")
        raw[:, at : at + 2] = scale.view("u1")
    raw = raw.ravel()
    raw.flags.writeable = False  # as a mapped file's
    return Blocks(kind, (out, width), raw)


def layer(kind="Q4_1", dtype="float32", out=48, width=256):
    bias = RNG.standard_normal(out)
    return nn.LinearGGUF.of(blocks(out, width, kind), bias, dtype)


def twin(packed, dtype):
    dense = nn.Linear(packed.in_features, packed.out_features, dtype=dtype)
    dense.weight.data = decode(*held(packed)).astype(dtype)
    dense.bias.data = packed.bias.data
    return dense


def held(layer):
    kind, shape, raw = layer.packed
    return kind, raw, shape


def gpt(dtype="float32"):
    sizes = {"vocab": 11, "dim": 32, "heads": 4, "length": 16, "layers": 2}
    return models.llama_tiny(0, dtype, **sizes, hidden=64)


def all_blocks(model, kind="Q4_1"):
    paths = [
        p for p, m in model.named_modules() if type(m) is nn.Linear and p != "head"
    ]
    shapes = {p: model.get_submodule(p).weight.shape for p in paths}
    return {
        f"{path}.weight": blocks(*shape, kind, seed)
        for seed, (path, shape) in enumerate(shapes.items())
    }


def pair(kind="Q4_1", dtype="float32"):
    """A model on the blocks, and one with the same weights in floats."""
    one, two = gpt(dtype), gpt(dtype)
    found = all_blocks(one, kind)
    assert nn.hold_blocks(one, found) == [n.removesuffix(".weight") for n in found]
    for name, each in found.items():
        two.get_submodule(name.removesuffix(".weight")).weight.data = each.array(dtype)
    return one, two


IDS = RNG.integers(0, 11, (2, 8))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_product_and_its_gradients_are_a_linears_bit_for_bit(kind, dtype):
    one = layer(kind, dtype)
    x = RNG.standard_normal((3, 5, 256)).astype(dtype)
    gy, found = RNG.standard_normal((3, 5, 48)).astype(dtype), []
    for each in (one, twin(one, dtype)):
        x_ = tensor(x, requires_grad=True)
        y = each(x_)
        gx, gb = grad([y], [x_, each.bias], [tensor(gy)])
        found.append((y.numpy(), gx.numpy(), gb.numpy()))
    for a, b in zip(*found):
        assert a.dtype == b.dtype == np.dtype(dtype) and np.array_equal(a, b)
        assert np.abs(a).max() > 0


def test_losses_under_lora_are_those_of_the_floats_bit_for_bit():
    losses = []
    for model in pair():
        adapter = peft.attach(model, peft.LoRA(r=4, alpha=7), r"attn\.(q|v)|up", rng=0)
        step, own = optim.AdamW(adapter.parameters(), lr=0.05), []
        for _ in range(5):
            step.zero_grad()
            loss = ops.cross_entropy(model(IDS).reshape(-1, 11), IDS.reshape(-1))
            loss.backward()
            step.step()
            own.append(loss.item())
        losses.append(own)
    assert losses[0] == losses[1]
    assert losses[0][-1] < losses[0][0]


def test_what_it_takes_and_how_it_counts():
    model = gpt()
    numbers, before = model.count(), model.nbytes()
    found = all_blocks(model, "Q8_0")
    nn.hold_blocks(model, found)
    weights = sum(b.size for b in found.values())
    assert model.count() == numbers
    assert model.count(trainable=False) == weights
    assert model.nbytes() == before - 4 * weights + weights // 32 * 34
    assert found["blocks.0.mlp.up.weight"].bits == 8.5
    assert "weight 64×32 in GGUF blocks: Q8_0, 8.5 bits" in repr(model)
    report = peft.report(model)
    assert report.model_bytes == model.nbytes() and report.total == numbers


def test_the_blocks_are_the_files_own_and_no_matrix_stays(monkeypatch):
    made = []

    def watched(*args):
        made.append(1)
        return dequantise(*args)

    monkeypatch.setattr(product, "dequantise", watched)
    given = blocks(48, 256)
    one = nn.LinearGGUF.of(given)
    assert one.packed.raw is given.raw  # no copy of a mapped file
    x = tensor(np.ones((2, 256), "f4"), requires_grad=True)
    ops.sum(one(x)).backward()
    assert len(made) == 2  # once in forward, again in backward
    ops.sum(one(np.ones((2, 256), "f4")))
    assert len(made) == 3


def test_the_state_has_the_kind_in_its_name(tmp_path):
    one = layer()
    two = nn.LinearGGUF(256, 48, kind="Q4_1")
    x = RNG.standard_normal((2, 256)).astype("f4")
    assert set(one.state_dict()) == {"bias", "raw_q4_1"}
    assert not two(x).numpy().any()  # zeros until they are filled
    io.save(tmp_path / "one.safetensors", one.state_dict())
    two.load_state_dict(io.load(tmp_path / "one.safetensors"))
    assert np.array_equal(one(x).numpy(), two(x).numpy())
    with pytest.raises(KeyError, match="raw_q5_0"):
        nn.LinearGGUF(256, 48, kind="Q5_0").load_state_dict(one.state_dict())


def test_a_run_goes_on_from_a_checkpoint(tmp_path):
    (one, _), (two, _) = pair(), pair()
    training.save_checkpoint(tmp_path / "run.safetensors", one)
    two.blocks[0].attn.q.hold(blocks(32, 32, seed=99))
    assert not np.array_equal(one(IDS).numpy(), two(IDS).numpy())
    training.load_checkpoint(tmp_path / "run.safetensors", two)
    assert np.array_equal(one(IDS).numpy(), two(IDS).numpy())


def test_back_to_floats_and_to_another_dtype():
    one, two = pair()
    want = two(IDS).numpy()
    assert np.array_equal(one(IDS).numpy(), want)
    raw = one.blocks[0].attn.q.packed.raw
    one.to("float64")
    assert one(IDS).dtype == np.float64
    assert np.array_equal(one.blocks[0].attn.q.packed.raw, raw)
    np.testing.assert_allclose(one(IDS).numpy(), want, atol=1e-5)
    paths = nn.dequantise_linears(one.to("float32"))
    assert len(paths) == 14 and not list(one.named_packed())
    assert type(one.blocks[0].mlp.up) is nn.Linear
    assert np.array_equal(one(IDS).numpy(), want)


def test_an_adapter_file_knows_its_base(tmp_path):
    model, _ = pair()
    peft.attach(model, peft.LoRA(r=2), r"attn\.q", rng=0)
    peft.save(model, tmp_path / "a")
    fresh, _ = pair()
    peft.load(fresh, tmp_path / "a")
    other, _ = pair()
    other.blocks[0].mlp.up.hold(blocks(64, 32, seed=99))
    with pytest.raises(ValueError, match="same shapes with other values"):
        peft.load(other, tmp_path / "a")


# --- refused ----------------------------------------------------------------------------


def test_it_does_not_train():
    model, _ = pair()
    with pytest.raises(ValueError, match=r"GGUF blocks and cannot train.*peft\.attach"):
        model.requires_grad_(True)
    with pytest.raises(ValueError, match="cannot train"):
        model.blocks[0].attn.q.weight.requires_grad = True
    with pytest.raises(ValueError, match=r"attn\.q.*GGUF file \(Q4_1\)"):
        peft.attach(model, peft.Full(), r"attn\.q")
    with pytest.raises(TypeError, match=r"LinearGGUF\.weight = .*hold\(blocks\)"):
        model.blocks[0].attn.q.weight = nn.Parameter(np.zeros((32, 32)))


def test_it_does_not_merge_and_says_how_to():
    model, dense = pair()
    for each in (model, dense):
        adapter = peft.attach(each, peft.LoRA(r=2), r"attn\.q", rng=0)
        for delta in adapter.deltas.values():
            delta.B.data += 0.1
    with pytest.raises(ValueError, match=r"GGUF file \(Q4_1\).*dequantise_linears"):
        peft.merge(model)
    with pytest.raises(ValueError, match="read here and not made"):
        peft.merging_error(model)
    nn.dequantise_linears(model)
    merged = peft.merge(model)(IDS).numpy()
    assert np.array_equal(merged, peft.merge(dense)(IDS).numpy())


def test_sizes_and_names_that_do_not_fit():
    with pytest.raises(ValueError, match="blocks of 32 weights"):
        nn.LinearGGUF(33, 2)
    with pytest.raises(ValueError, match="blocks of 256 weights"):
        nn.LinearGGUF(32, 2, kind="Q6_K")
    with pytest.raises(ValueError, match="'Q2_K' is not one of F32"):
        nn.LinearGGUF(256, 2, kind="Q2_K")
    with pytest.raises(ValueError, match=r"expected a weight of shape \(48, 256\)"):
        layer().hold(blocks(48, 512))
    short = blocks(48, 256)
    with pytest.raises(ValueError, match="takes 7680 bytes, got 7679"):
        nn.LinearGGUF.of(short._replace(raw=short.raw[:-1]))
    packed = nn.Linear4bit(32, 32).packed
    with pytest.raises(
        TypeError, match=r"of: expected a quantise\.Blocks, got a Packed"
    ):
        nn.LinearGGUF.of(packed)
    with pytest.raises(TypeError, match=r"hold: expected a quantise\.Packed, got a Bl"):
        nn.Linear4bit(256, 48).hold(short)
    with pytest.raises(ValueError, match=r"x has shape \(2, 255\)"):
        layer()(np.ones((2, 255), "f4"))
    model = gpt()
    good = all_blocks(model)
    for name, match in (
        ("embed.weight", "not the weight of a Linear layer"),
        ("norm.weight", "not the weight"),
        ("blocks.9.attn.q.weight", "not the weight"),
    ):
        with pytest.raises(KeyError, match=match):
            nn.hold_blocks(model, good | {name: blocks(32, 32)})
    with pytest.raises(ValueError, match=r"shape \(32, 32\), the blocks \(32, 64\)"):
        nn.hold_blocks(model, good | {"blocks.0.attn.q.weight": blocks(32, 64)})
    assert not list(model.named_packed())  # nothing was changed
    tied = models.gpt2_tiny(0, vocab=64, dim=32, heads=4)
    with pytest.raises(ValueError, match="tied"):
        nn.hold_blocks(tied, {"head.weight": blocks(64, 32)})
