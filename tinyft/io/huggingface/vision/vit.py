"""ViT folders of Hugging Face, such as google/vit-base-patch16-224, as a models.ViT."""

from pathlib import Path

from tinyft import backend, nn
from tinyft.io.huggingface.fields import Fields
from tinyft.io.huggingface.load import check_finite, read_config
from tinyft.io.huggingface.names import Format, bare_names, check_names, layer, pieces
from tinyft.io.huggingface.weights import Weights
from tinyft.io.tensors import CheckpointError
from tinyft.models import ViT, ViTConfig
from tinyft.nn.shape import pair

HEADS = ("cls", "none")
TRAINING = ("encoder_stride", "pooler_output_size", "pooler_act")  # of other heads
PARTS = (
    ("layernorm_before", "norm1"),
    ("attention.attention.query", "attn.q"),
    ("attention.attention.key", "attn.k"),
    ("attention.attention.value", "attn.v"),
    ("attention.output.dense", "attn.o"),
    ("layernorm_after", "norm2"),
    ("intermediate.dense", "mlp.up"),
    ("output.dense", "mlp.down"),
)


def load_vit(folder, head=None, dtype=None):
    """The ViT of a folder with config.json and *.safetensors, in evaluation mode.

    head: "cls", the image classifier, or "none" for the features; by default the one that
    config.json names in `architectures`. A pooler is dropped. Images must be normalised
    as the folder's preprocessor_config.json says (google's: to [-1, 1]). Raises
    FileNotFoundError, CheckpointError for damaged files and names or sizes that do not
    agree, ValueError naming a family, a field or a head that is not computed.
    """
    folder = Path(folder)
    theirs = read_config(folder)
    config, weights = vit_config(theirs, head), Weights(folder)
    with nn.init.skipped():  # sizes first: a config may ask for more than there is
        _check_shapes(str(folder), weights.entries, config)
        weights.check()
        model = ViT(config, dtype=dtype)
    slots = dict(model.named_parameters())
    for name, array in pieces(str(folder), FORMAT, weights, config):
        check_finite(folder, name, array)
        slot = slots[name]
        slot.data = backend.to(array.astype(slot.dtype, copy=False), slot.device)
    return model.eval()


def vit_config(theirs, head=None):
    """The ViTConfig of a config.json; dropout stays 0. Raises ValueError as load_vit."""
    kind = theirs.get("model_type", "vit") if isinstance(theirs, dict) else None
    if kind != "vit":
        raise ValueError(
            f"vit config: config.json is of another family, model_type {kind!r}; "
            "io.huggingface.load_model(folder) reads those of text"
        )
    f, head = Fields("vit", theirs), _head(theirs) if head is None else head
    if head not in HEADS:
        raise ValueError(f"vit config: head must be one of {HEADS}, got {head!r}")
    f.check_common()
    f.only(qkv_bias=True)
    f.asked |= set(TRAINING)
    dim, heads = f.size("hidden_size", 768), f.size("num_attention_heads", 12)
    f.divides("num_attention_heads", heads, "hidden_size", dim)
    config = ViTConfig(
        image=_sizes(f, "image_size", 224),
        patch=_sizes(f, "patch_size", 16),
        channels=f.size("num_channels", 3),
        dim=dim,
        layers=f.size("num_hidden_layers", 12),
        heads=heads,
        hidden=f.size("intermediate_size", 3072),
        classes=f.classes() if head == "cls" else 0,
        activation=f.activation("hidden_act", "gelu"),
        eps=f.number("layer_norm_eps", 1e-12),
    )
    f.close()
    return config


def _head(theirs):
    """Our head by the one class of `architectures`."""
    classes = theirs.get("architectures") or ["ViTForImageClassification"]
    heads = {"ViTForImageClassification": "cls", "ViTModel": "none"}
    if not isinstance(classes, list) or len(classes) != 1 or classes[0] not in heads:
        raise ValueError(
            f"vit config: architectures={classes!r} has a head that is not computed; "
            'load_vit(folder, head="none") reads the layers below it'
        )
    return heads[classes[0]]


def _sizes(f, name, default):
    """One positive integer, or a pair of them."""
    value = f.get(name, default)
    numbers = value if isinstance(value, list) and len(value) == 2 else [value]
    if any(type(n) is not int or n < 1 for n in numbers):
        raise ValueError(
            f"{f.where}: {name} must be a positive integer or a pair of them, got {value!r}"
        )
    return numbers[0] if len(numbers) == 1 else tuple(numbers)


def rows(config):
    yield "embeddings.cls_token", ("cls",), False
    yield "embeddings.position_embeddings", ("position",), False
    yield from layer("embeddings.patch_embeddings.projection", "patch", True)
    for i in range(config.layers):
        for theirs, ours in PARTS:
            yield from layer(f"encoder.layer.{i}.{theirs}", f"blocks.{i}.{ours}", True)
    yield from layer("layernorm", "norm", True)
    if config.classes:
        yield from layer("classifier", "head", True)


def extras(config):
    return {}, [r"pooler\..*", *([] if config.classes else [r"classifier\..*"])]


FORMAT = Format(rows, extras, "vit.", ("classifier.",), "")


def _check_shapes(what, entries, config):
    """Raise CheckpointError unless the arrays have the config's sizes."""
    names = bare_names(FORMAT, entries)
    check_names(what, FORMAT, names, config)
    for theirs, (ours,), _ in FORMAT.rows(config):
        found, shape = entries[names[theirs]].shape, _shape(config, ours)
        if found != shape:
            raise CheckpointError(
                f"{what}: {theirs} has shape {found} in the file, but the sizes in "
                f"config.json ask for {shape}; do the two belong together?"
            )


def _shape(c, name):
    """The shape of the parameter `name` of ViT(config), no layer built for it."""
    path, _, kind = name.rpartition(".")
    hidden = c.hidden or 4 * c.dim
    matrices = {
        "": (1, 1 if name == "cls" else 1 + c.grid[0] * c.grid[1], c.dim),
        "patch": (c.dim, c.channels, *pair(c.patch)),
        "up": (hidden, c.dim),
        "down": (c.dim, hidden),
        "head": (c.classes, c.dim),
        **dict.fromkeys("qkvo", (c.dim, c.dim)),
    }
    shape = matrices.get(path.rpartition(".")[2], (c.dim,))  # else a norm
    return shape[:1] if kind == "bias" else shape
