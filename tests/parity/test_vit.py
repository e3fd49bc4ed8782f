"""ViT against transformers: random folders, logits and gradients.

float32 to 1e-4 of outputs of order 1, float64 to 1e-11: what remains is rounding.
"""

import json

import numpy as np
import pytest

from tinyft import io, models, ops, tensor
from tinyft.io import huggingface as hf

torch = pytest.importorskip("torch", reason="parity tests compare with PyTorch")
transformers = pytest.importorskip("transformers", reason="the folders are its own")
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

RNG = np.random.default_rng(0)
SIZES = {
    "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3,
    "intermediate_size": 40, "image_size": 12, "patch_size": 4, "num_channels": 3,
    "num_labels": 5,
}  # fmt: skip


def folder(path, name="ViTForImageClassification", **changes):
    """A folder of random weights N(0, 0.3²), and its model."""
    torch.manual_seed(0)
    theirs = getattr(transformers, name)(transformers.ViTConfig(**SIZES | changes))
    for p in theirs.parameters():
        torch.nn.init.normal_(p, std=0.3)
    theirs.save_pretrained(path)
    return theirs.eval()


def images(height=12, width=12, channels=3):
    return RNG.standard_normal((2, channels, height, width)).astype("f4")


def worst(a, b):
    a, b = np.asarray(a), b.detach().numpy()
    assert a.shape == b.shape
    return np.abs(a - b).max() / max(1.0, np.abs(b).max())


VARIANTS = {
    "usual": {},
    "another activation": {"hidden_act": "gelu_new", "layer_norm_eps": 0.1},
    "wide": {"image_size": [8, 12], "patch_size": [4, 2], "num_channels": 1},
}


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_logits(tmp_path, changes):
    theirs = folder(tmp_path, **changes)
    x = images(*(8, 12, 1) if "image_size" in changes else (12, 12, 3))
    ours = hf.load_vit(tmp_path)
    assert isinstance(ours, models.ViT) and not ours.training
    assert worst(ours(x).numpy(), theirs(torch.tensor(x)).logits) < 1e-5
    x = x.astype("f8")
    ours, theirs = hf.load_vit(tmp_path, dtype="float64"), theirs.double()
    assert worst(ours(x).numpy(), theirs(torch.tensor(x)).logits) < 1e-12


def test_the_states_of_a_model_without_a_head(tmp_path):
    theirs = folder(tmp_path, "ViTModel")
    x, ours = images(), hf.load_vit(tmp_path)
    z = theirs(torch.tensor(x)).last_hidden_state
    assert ours.config.classes == 0
    assert worst(ours.states(x).numpy(), z) < 1e-5
    assert worst(ours(x).numpy(), z[:, 0]) < 1e-5


def test_the_layers_below_a_classifier(tmp_path):
    theirs, x = folder(tmp_path), images()
    ours = hf.load_vit(tmp_path, head="none")
    z = theirs.vit(torch.tensor(x)).last_hidden_state
    assert worst(ours.features(x).numpy(), z[:, 0]) < 1e-5


def test_gradients(tmp_path):
    theirs = folder(tmp_path).double()
    ours, x = hf.load_vit(tmp_path, dtype="float64"), images().astype("f8")
    x_, z = tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y = np.array([3, 1])
    ops.cross_entropy(ours(x_), y).backward()
    torch.nn.functional.cross_entropy(theirs(z).logits, torch.tensor(y)).backward()
    assert worst(x_.grad.numpy(), z.grad) < 1e-11
    by_value = {p.detach().numpy().tobytes(): p.grad for p in theirs.parameters()}
    for name, p in ours.named_parameters():  # random values tell them apart
        assert worst(p.grad.numpy(), by_value[p.numpy().tobytes()]) < 1e-11, name
    assert len(by_value) == len(list(ours.parameters()))


# --- refused ----------------------------------------------------------------------------


def changed(path, **fields):
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(config | fields))


@pytest.mark.parametrize(
    "fields, match",
    [
        ({"qkv_bias": False}, "qkv_bias=False is not supported"),
        ({"hidden_act": "quick_gelu"}, "activation 'quick_gelu'"),
        ({"use_mask_token": True}, "use_mask_token=True: not known"),
        ({"architectures": ["ViTForMaskedImageModeling"]}, "head that is not computed"),
        ({"model_type": "deit"}, "model_type 'deit'"),
        ({"num_attention_heads": 5}, "does not divide"),
        ({"image_size": "12"}, "positive integer or a pair"),
        ({"patch_size": 5}, "must divide image"),
    ],
)
def test_what_is_not_computed_is_refused_by_name(tmp_path, fields, match):
    folder(tmp_path)
    changed(tmp_path, **fields)
    with pytest.raises(ValueError, match=match):
        hf.load_vit(tmp_path)


def test_sizes_and_names_that_do_not_agree(tmp_path):
    folder(tmp_path)
    with pytest.raises(ValueError, match=r"load_vit\(folder\) reads it"):
        hf.load_model(tmp_path)
    changed(tmp_path, image_size=16)
    with pytest.raises(io.CheckpointError, match="position_embeddings has shape"):
        hf.load_vit(tmp_path)
    changed(tmp_path, image_size=12, num_hidden_layers=3)
    with pytest.raises(KeyError, match=r"encoder\.layer\.2"):
        hf.load_vit(tmp_path)
    changed(tmp_path, num_hidden_layers=10**9)  # ends at the first that is missing
    with pytest.raises(KeyError, match=r"encoder\.layer\.2"):
        hf.load_vit(tmp_path)
