"""Public checkpoints: a folder with config.json and safetensors, as a Transformer.

    model = load_model(folder)      any family that is read, by its model_type
    load_model(folder, classes=2)   the same, with a new classifier's head
    load_gpt2, load_bert, load_llama    the same, for one family

The order protects memory: the config's fields, the headers of the files against its
sizes, then one array at a time. Nothing is fetched: the folder must be there.
"""

from pathlib import Path

from tinyft import backend, nn
from tinyft.io.huggingface.families import (
    FAMILIES,
    config_of,
    family_of,
    named_head,
    new_head,
)
from tinyft.io.huggingface.names import NamesError, bare_names, pieces
from tinyft.io.huggingface.shapes import check_shapes
from tinyft.io.huggingface.weights import PackedWeights, Weights
from tinyft.io.json_text import JSONError, read_json
from tinyft.io.tensors import CheckpointError
from tinyft.io.values import PIECE
from tinyft.models import Transformer
from tinyft.nn.packed.convert import pack

TABLES = ("embed", "position", "type")
CONFIG_LIMIT = 2**20  # bytes; 1,000 labels take 50 kB


def load_model(folder, head=None, dtype=None, classes=None, rng=0):
    """The model of a folder: GPT-2, (Distil)BERT, RoBERTa, Llama, Mistral, Qwen2/3, GLM.

    head: "lm", "mlm", "cls" (a sequence classifier) or "none"; by default the one that
    config.json names in `architectures`. classes: a new classifier of so many classes on
    a folder without one, drawn from `rng`, a seed or a generator; a folder that has one
    of this size is read as it is. Weights of any float type become `dtype`,
    float32 by default. Layers that the files hold in bitsandbytes' NF4 stay in 4 bits, as
    nn.Linear4bit; nn.dequantise_linears(model) makes floats of them. Raises
    FileNotFoundError, CheckpointError for damaged files and names or sizes that do not
    agree, ValueError naming a family, a field or a head that is not computed.
    """
    folder = Path(folder)
    theirs = read_config(folder)
    kind, _ = family_of(theirs, folder)
    weights = Weights(folder)
    if classes is not None:
        new = new_head(folder, kind, theirs, weights, head, classes)
        fields, form = new.theirs, new.form
        model = _build(folder, kind, fields, weights, "cls", None, dtype, form)
        new.draw(model, rng)
        return model
    if head is None:
        head = _head(kind, theirs, weights, folder)
    pooler = head == "none" and any("pooler.dense." in name for name in weights)
    return _build(folder, kind, theirs, weights, head, pooler, dtype)


def load_gpt2(folder, dtype=None):
    """GPT-2 with its language-model head; errors as load_model."""
    return _load(folder, "gpt2", "lm", None, dtype)


def load_bert(folder, head="none", pooler=None, dtype=None):
    """BERT: its encoder and pooler, head="mlm" with masked tokens, "cls" a classifier."""
    return _load(folder, "bert", head, pooler, dtype)


def load_llama(folder, dtype=None):
    """Llama with its language-model head; errors as load_model."""
    return _load(folder, "llama", "lm", None, dtype)


def _load(folder, kind, head, pooler, dtype):
    folder = Path(folder)
    theirs = read_config(folder)
    config_of(kind, theirs, head, pooler)  # the family before the files
    return _build(folder, kind, theirs, Weights(folder), head, pooler, dtype)


def _build(folder, kind, theirs, weights, head, pooler, dtype, form=None):
    config = config_of(kind, theirs, head, pooler)
    form = form or FAMILIES[kind].form
    quantised, kept = theirs.get("quantization_config"), dtype or backend.float32
    weights = PackedWeights(folder, weights, quantised, kept)
    try:
        check_shapes(str(folder), form, weights.entries, config)
    except NamesError as error:
        raise NamesError(f"{error}{_hint(kind, theirs, head)}") from None
    weights.check()
    with nn.init.skipped():
        model = Transformer(config, dtype=dtype)
    slots = dict(model.named_parameters())
    for name, packed in _packed(folder, form, weights, config):
        slot, layer = slots.pop(name), model.get_submodule(name.rpartition(".")[0])
        arrays = {n: backend.to(a, slot.device) for n, a in packed.arrays.items()}
        pack(layer, packed._replace(**arrays))
    for name, array in pieces(str(folder), form, weights, config, weights.packed):
        check_finite(folder, name, array)
        slot = slots.pop(name)
        slot.data = backend.to(array.astype(slot.dtype, copy=False), slot.device)
    return model.eval()


def _packed(folder, form, weights, config):
    """Yield (our name, quantise.Packed) of the layers in NF4.

    ValueError for one that is not one Linear layer here: codes cannot be split or
    transposed without quantising again.
    """
    names = bare_names(form, weights)
    for theirs, ours, transposed in form.rows(config):
        if names[theirs] not in weights.packed:
            continue
        if transposed or len(ours) > 1 or ours[0].partition(".")[0] in TABLES:
            raise ValueError(
                f"{folder}: {theirs} is in NF4, and here it is several layers, transposed, "
                "or a table of embeddings, which are not kept in 4 bits; read the file "
                "with io.load, make floats with io.huggingface.dense_state, and save those"
            )
        yield ours[0], weights.layer(names[theirs])


def check_finite(folder, name, array):
    """Raise CheckpointError for an array with NaN or Inf."""
    flat, finite = array.reshape(-1), backend.host().isfinite
    parts = (flat[i : i + PIECE] for i in range(0, flat.size, PIECE))
    if array.dtype.kind == "f" and not all(finite(part).all() for part in parts):
        raise CheckpointError(
            f"{folder}: {name} holds values that are NaN or infinite; the file is "
            "damaged, or the training run it comes from diverged"
        )


def _head(kind, theirs, weights, folder):
    """The head that config.json names, or that the names in the file show."""
    head, name = named_head(kind, theirs)
    if head is not None:
        return head
    heads = FAMILIES[kind].heads
    if name is not None:
        raise ValueError(
            f"{folder}: config.json of a {kind} names the class {name}, whose head is "
            f"not computed; load_model(folder, head=...) takes {', '.join(heads)}, "
            'head="none" the layers below any head'
        )
    if not any(n.startswith(FAMILIES[kind].form.bare) for n in weights):
        return heads[0]
    raise ValueError(
        f"{folder}: config.json names no class in architectures, and the file holds a "
        f"head; say which, load_model(folder, head=...): {', '.join(heads)}"
    )


def _hint(kind, theirs, head):
    """What config.json itself says that the folder holds."""
    right, name = named_head(kind, theirs)
    if name is None or right == head:
        return ""
    if head == "cls":
        return (
            f" config.json names {name}, without a classifier: "
            "load_model(folder, classes=...) gives it one"
        )
    door = f'head="{right}"' if right else "another class"
    return (
        f" config.json names {name}, that is {door}: load_model(folder) reads such a "
        f"folder, load_{kind} takes head= and pooler=False"
        if kind == "bert"
        else f" config.json names {name}, that is {door}: use load_model(folder)"
    )


def read_config(folder):
    """config.json as a dict; FileNotFoundError or CheckpointError."""
    path = folder / "config.json"
    if folder.suffix == ".gguf":
        raise FileNotFoundError(
            f"{folder} is not the folder of a Hugging Face model; io.load_gguf(path) "
            "reads a model of llama.cpp"
        )
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder} has no config.json; expected the folder of a Hugging Face "
            "model, with config.json and *.safetensors"
        )
    try:  # NaN and Infinity pass: the field that holds one is refused by its name
        theirs = read_json(path, CONFIG_LIMIT, finite=False)
    except JSONError as error:
        raise CheckpointError(f"{error} Fetch it again.") from None
    if not isinstance(theirs, dict):
        raise CheckpointError(
            f"{path} holds a {type(theirs).__name__}, expected an object of fields; "
            "fetch it again."
        )
    return theirs
