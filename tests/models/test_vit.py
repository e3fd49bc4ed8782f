"""ViT: sizes, patches as a matrix product, the class token, dropout, errors."""

import numpy as np
import pytest

from tinyft import models, nn, no_grad, ops, peft
from tinyft.models import ViTConfig

RNG = np.random.default_rng(4)


def small(dtype="float64", **changes):
    sizes = {"image": (4, 6), "patch": (2, 3), "channels": 3, "dim": 8, "layers": 2}
    sizes |= {"heads": 2, "hidden": 12, "classes": 5}
    model = models.vit(0, dtype, **sizes | changes)
    for p in model.parameters():
        p.data = p.data + 0.3 * RNG.standard_normal(p.shape).astype(dtype)
    return model.eval()


def images(n=2):
    return RNG.standard_normal((n, 3, 4, 6))


def test_the_published_sizes():
    """ViT-B/16 has 86,567,656 parameters, ViT-L/16 304,326,632 and ViT-S/16 22,050,664
    (timm's tables)."""
    with nn.init.skipped():
        assert models.vit().count() == 86567656
        large = {"dim": 1024, "layers": 24, "heads": 16}
        assert models.vit(**large).count() == 304326632
        assert models.vit(dim=384, heads=6).count() == 22050664


def test_patches_are_one_product_in_rows():
    """Token 1 + i of an untouched model: E p_i + position, the patches row by row."""
    model = small(layers=1)
    x = images()
    E = model.patch.weight.data.reshape(8, -1)  # (C, channels · 2 · 3)
    patches = x.reshape(2, 3, 2, 2, 2, 3).transpose(0, 2, 4, 1, 3, 5).reshape(2, 4, -1)
    tokens = patches @ E.T + model.patch.bias.data
    first = np.broadcast_to(model.cls.data, (2, 1, 8))
    want = np.concatenate([first, tokens], axis=1) + model.position.data
    seen = []
    model.blocks[0].forward = lambda x, *rest: seen.append(x.numpy()) or x
    states = model.states(x).numpy()
    np.testing.assert_allclose(seen[0], want, atol=1e-13)
    mean = want.mean(axis=-1, keepdims=True)
    normed = (want - mean) / np.sqrt(want.var(axis=-1, keepdims=True) + 1e-12)
    want = normed * model.norm.weight.data + model.norm.bias.data
    np.testing.assert_allclose(states, want, atol=1e-12)


def test_a_block_is_the_transformers_own():
    model = small()
    x, block = RNG.standard_normal((2, 5, 8)), model.blocks[0]
    h = x + block.attn(block.norm1(x)).numpy()
    want = h + block.mlp.down(ops.gelu(block.mlp.up(block.norm2(h)))).numpy()
    np.testing.assert_allclose(block(x).numpy(), want, atol=1e-13)


def test_the_head_reads_the_class_token():
    model, x = small(), images()
    states = model.states(x)
    assert states.shape == (2, 5, 8)
    want = states[:, 0].numpy() @ model.head.weight.data.T + model.head.bias.data
    np.testing.assert_allclose(model(x).numpy(), want, atol=1e-13)
    headless = small(classes=0)
    assert np.array_equal(headless(x).numpy(), headless.features(x).numpy())


def test_positions_tell_patches_apart():
    """Without them the class token cannot see where a patch is."""
    model, x = small(), images(1)
    swapped = x[:, :, :, [3, 4, 5, 0, 1, 2]]  # the two columns of patches
    assert np.abs((model(x) - model(swapped)).numpy()).max() > 1e-3
    model.position.data = 0 * model.position.data
    np.testing.assert_allclose(model(x).numpy(), model(swapped).numpy(), atol=1e-12)


def test_dropout_acts_in_training_only():
    model, x = small(dropout=0.5), images()
    assert np.array_equal(model(x).numpy(), model(x).numpy())
    model.train()
    assert not np.array_equal(model(x).numpy(), model(x).numpy())


def test_it_learns_and_takes_the_transformers_adapters():
    model, x, y = small("float32"), images().astype("f4"), np.array([1, 4])
    ops.cross_entropy(model(x), y).backward()
    assert all(np.abs(p.grad.numpy()).max() > 0 for p in model.parameters())
    adapter = peft.attach(model, peft.LoRA(r=2), r"attn\.(q|v)|mlp\.up", rng=0)
    assert len(adapter.deltas) == 6
    before = model(x).numpy()
    for delta in adapter.deltas.values():
        delta.B.data += 0.1
    merged = peft.merge(model)(x).numpy()
    peft.unmerge(model)
    np.testing.assert_allclose(merged, model(x).numpy(), atol=1e-5)
    assert not np.allclose(before, merged)


def test_a_prefix_sits_on_its_keys_and_values():
    model, x = small(), images()
    want = model(x).numpy()
    peft.attach(model, peft.Prefix(length=3), "kv", rng=0)
    assert np.abs(model(x).numpy() - want).max() > 0


@pytest.mark.parametrize(
    "shape", [(2, 3, 4, 7), (2, 1, 4, 6), (3, 4, 6), (2, 3, 8, 12)]
)
def test_another_size_is_refused_and_not_interpolated(shape):
    with pytest.raises(ValueError, match="not interpolated: resize"):
        small()(np.zeros(shape))


@pytest.mark.parametrize(
    "changes, match",
    [
        ({"patch": 5}, "must divide image"),
        ({"image": 0}, "image must be a positive integer"),
        ({"dim": 0}, "dim must be"),
        ({"classes": -1}, "classes must be"),
        ({"activation": "elu"}, "activation must be one of"),
        ({"eps": -1.0}, "eps must be"),
    ],
)
def test_sizes_that_cannot_be(changes, match):
    with pytest.raises(ValueError, match=match):
        ViTConfig(**changes)


def test_heads_that_do_not_divide():
    with pytest.raises(ValueError, match="heads=5 must divide"):
        small(heads=5)


def test_the_shape_of_another_model():
    one = models.vit_tiny(0)
    two = models.ViT(one, rng=1)
    two.load_state_dict(one.state_dict())
    x = RNG.random((2, 1, 8, 8)).astype("f4")
    with no_grad():
        assert np.array_equal(one(x).numpy(), two(x).numpy())
    assert "image=8, patch=2" in repr(one)
