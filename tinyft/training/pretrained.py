"""Our own checkpoints: names in, model, tokenizer and the facts of the run out.

    model, tokenizer, about = load_pretrained("gpt_text")

The tokenizer is None for images; `about` is the header of the file.
"""

import json
from pathlib import Path

from tinyft import data, io, models, nn

KINDS = {  # what a header's "model" stands for, and its config
    "ResNet": (models.ResNet, models.ResNetConfig),
    "Transformer": (models.Transformer, models.TransformerConfig),
    "ViT": (models.ViT, models.ViTConfig),
}
FOLDER = Path(__file__).parent.parent / "pretrained"


def checkpoint_path(name, folder=None):
    """Where the weights of `name` lie."""
    return Path(folder or FOLDER) / f"{name}.safetensors"


def available(folder=None):
    """The names that `load_pretrained` knows."""
    return sorted(p.stem for p in Path(folder or FOLDER).glob("*.safetensors"))


def load_pretrained(name, folder=None):
    """Return (model, tokenizer or None, metadata) of a checkpoint; the model trains.

    metadata has "config", "classes", "data" and "held_out" as Python objects, the rest
    as text. Raises ValueError naming the known checkpoints; io.CheckpointError when the
    file is damaged, or is not a model of ours.
    """
    path = checkpoint_path(name, folder)
    if not path.is_file():
        raise ValueError(
            f"load_pretrained: there is no checkpoint {name!r}, only "
            f"{', '.join(available(folder)) or 'none'}; make it with tinyft pretrain"
        )
    state, about = io.load_with_metadata(path)
    if about.get("model") not in KINDS:
        raise io.CheckpointError(
            f"{path} has no header of ours (model {about.get('model')!r}); read it "
            "with tinyft.io.load, or make it again with tinyft pretrain"
        )
    about |= {
        k: json.loads(about[k]) for k in ("config", "classes", "data", "held_out")
    }
    model = build(about["model"], about["config"])
    load_stored(model, state, path)
    tokens = path.with_name(f"{name}.tokenizer.json")
    tokenizer = data.load_own(tokens) if tokens.is_file() else None
    return model, tokenizer, about


def build(kind, config):
    """A model of a stored configuration, its weights not yet drawn."""
    make, sizes = KINDS[kind]
    lists = {k: tuple(v) if isinstance(v, list) else v for k, v in config.items()}
    with nn.init.skipped():
        return make(sizes(**lists))


def stored_state(model):
    """The model's state with every shared tensor once, under its first name."""
    stored, seen = {}, set()
    for name, tensor in model.state_dict().items():
        if id(tensor.data) not in seen:
            seen.add(id(tensor.data))
            stored[name] = tensor
    return stored


def load_stored(model, state, path):
    """Load what `stored_state` gave; strict about every name."""
    wanted = stored_state(model)
    if set(wanted) != set(state):
        differ = sorted(set(wanted) ^ set(state))
        raise io.CheckpointError(
            f"{path}: the names in the file are not those of the model; {differ[:5]} "
            "stand on one side only. Make it again with tinyft pretrain."
        )
    model.load_state_dict(state, strict=False)  # names of tied tensors are left out
