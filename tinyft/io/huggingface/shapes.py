"""The shape of every parameter, from the config alone: no layer is built for it."""

from tinyft.io.huggingface.names import bare_names, check_names
from tinyft.io.tensors import CheckpointError


def parameter_shape(config, name):
    """The shape of the parameter `name` of Transformer(config)."""
    path, _, kind = name.rpartition(".")
    table = _matrices(config)
    last = path.rpartition(".")[2]
    shape = table.get(path) or table.get(last) or (config.dim,)  # else a norm
    return shape if kind == "weight" else shape[:1]


def _matrices(c):
    """{path, or its last part: shape of the weight}."""
    width, shared = c.heads * c.head_width, (c.kv_heads or c.heads) * c.head_width
    hidden, start = c.hidden or 4 * c.dim, c.pad + 1 if c.positions == "roberta" else 0
    last = c.classes if c.head == "cls" else c.vocab
    return {
        "embed": (c.vocab, c.dim),
        "position": (c.length + start, c.dim),
        "type": (c.types, c.dim),
        "q": (width, c.dim),
        "k": (shared, c.dim),
        "v": (shared, c.dim),
        "o": (c.dim, width),
        "q_norm": (c.head_width,),
        "k_norm": (c.head_width,),
        "up": (hidden, c.dim),
        "gate": (hidden, c.dim),
        "down": (c.dim, hidden),
        "pooler": (c.dim, c.dim),
        "head": (last, c.dim),
        "head.transform": (c.dim, c.dim),
        "head.decoder": (c.vocab, c.dim),
    }


def check_shapes(what, form, entries, config):
    """Raise CheckpointError unless the arrays of the files have the config's sizes.

    entries: {their name: Entry}. Names first: a config of a billion layers ends at the
    first that is missing.
    """
    names = bare_names(form, entries)
    check_names(what, form, names, config)
    for theirs, ours, transposed in form.rows(config):
        parts = [parameter_shape(config, name) for name in ours]
        shape = (sum(part[0] for part in parts), *parts[0][1:])
        shape = shape[::-1] if transposed else shape
        found = entries[names[theirs]].shape
        if found != shape:
            raise CheckpointError(
                f"{what}: {theirs} has shape {found} in the file, but the sizes in "
                f"config.json ask for {shape}; do the two belong together?"
            )
