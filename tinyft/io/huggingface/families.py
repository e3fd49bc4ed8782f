"""The families of models that are read and written, by their model_type.

`model_type` is looked at first: other families have the same names and other formulas
(Granite multiplies by four constants of its config, Gemma adds 1 to its norms).

A classifier's head on a folder that has none (`new_head`): every other name of the folder
is checked as ever; drawn are the head and, where the folder lacks it, the layer below it
that summarises a text, N(0, 0.02²) with biases 0, as in a new Transformer.
"""

from typing import NamedTuple

from tinyft import nn
from tinyft.io.huggingface import bert, distilbert, gpt2, llama, roberta
from tinyft.io.huggingface.fields import Fields
from tinyft.io.huggingface.names import Format, bare_names

HEADS = {  # the end of a class's name: our head
    "ForCausalLM": "lm",
    "LMHeadModel": "lm",
    "ForMaskedLM": "mlm",
    "ForPreTraining": "mlm",
    "ForSequenceClassification": "cls",
    "Model": "none",
}

DRAWN = ("head.", "pooler.")  # of a classifier, in our names


class Family(NamedTuple):
    """How one family's config and names are read and written."""

    stem: str  # of its class names: "Bert" in "BertForMaskedLM"
    read: object  # (Fields, head, pooler) -> TransformerConfig
    write: object  # TransformerConfig -> fields of config.json
    form: Format
    heads: tuple  # the first is what a file without a hint holds


DECODER, ENCODER = ("lm", "cls", "none"), ("none", "mlm", "cls")
ROBERTA = (roberta.read, roberta.write, roberta.FORMAT, ENCODER)
FAMILIES = {
    "gpt2": Family("GPT2", gpt2.read, gpt2.write, gpt2.FORMAT, DECODER),
    "bert": Family("Bert", bert.read, bert.write, bert.FORMAT, ENCODER),
    "llama": Family("Llama", llama.read, llama.write, llama.FORMAT, DECODER),
    "mistral": Family(
        "Mistral", llama.read_mistral, llama.write_mistral, llama.FORMAT, DECODER
    ),
    "qwen2": Family(
        "Qwen2", llama.read_qwen2, llama.write_qwen2, llama.FORMAT, DECODER
    ),
    "qwen3": Family(
        "Qwen3", llama.read_qwen3, llama.write_qwen3, llama.FORMAT, DECODER
    ),
    "glm": Family("Glm", llama.read_glm, llama.write_glm, llama.GLM, DECODER),
    "distilbert": Family(
        "DistilBert", distilbert.read, distilbert.write, distilbert.FORMAT, ENCODER
    ),
    "roberta": Family("Roberta", *ROBERTA),
    "xlm-roberta": Family("XLMRoberta", *ROBERTA),
    "camembert": Family("Camembert", *ROBERTA),
}
# The formats of names; a family that shares another's is not repeated.
FORMATS = {
    kind: FAMILIES[kind].form
    for kind in ("gpt2", "bert", "llama", "roberta", "distilbert", "glm")
}


def family_of(theirs, where):
    """(model_type, Family) of a config.json; ValueError naming a family not read."""
    kind = theirs.get("model_type") if isinstance(theirs, dict) else None
    known = ", ".join(FAMILIES)
    if not isinstance(kind, str):
        raise ValueError(
            f"{where}: config.json has no model_type, so it is not known what to "
            f"compute; it should be one of {known}. load_gpt2, load_bert and load_llama "
            "read older folders without it"
        )
    if kind == "vit":
        raise ValueError(
            f"{where}: model_type 'vit' is a model for images; "
            "io.huggingface.load_vit(folder) reads it"
        )
    if kind not in FAMILIES:
        raise ValueError(
            f"{where}: model_type {kind!r} is a family that Transformer does not "
            f"compute; it reads {known}"
        )
    return kind, FAMILIES[kind]


def config_of(kind, theirs, head=None, pooler=None):
    """The TransformerConfig of a config.json; ValueError naming what is not computed.

    A config without model_type is taken to be of this family.
    """
    family, f = FAMILIES[kind], Fields(kind, theirs)
    other = theirs.get("model_type", kind)
    if other != kind:
        door = (
            "io.huggingface.load_model(folder) reads it"
            if other in FAMILIES
            else f"which is not read; {', '.join(FAMILIES)} are"
        )
        raise ValueError(
            f"{kind} config: config.json is of another family, model_type {other!r}; {door}"
        )
    head = family.heads[0] if head is None else head
    if head not in family.heads:
        raise ValueError(
            f"{kind} config: head must be one of {', '.join(family.heads)}, got {head!r}"
        )
    f.check_common()
    config = family.read(f, head, pooler)
    f.close()
    return config


def named_head(kind, theirs):
    """(our head or None, class name or None) by the field `architectures`."""
    classes = theirs.get("architectures") or []
    if not isinstance(classes, list) or len(classes) != 1:
        return None, None
    name, stem = str(classes[0]), FAMILIES[kind].stem
    head = HEADS.get(name.removeprefix(stem)) if name.startswith(stem) else None
    return (head if head in FAMILIES[kind].heads else None), name


class NewHead(NamedTuple):
    """What a folder is read with, and what is drawn."""

    theirs: dict  # config.json, with the new number of labels
    form: Format  # without the rows that are drawn
    drawn: list  # our names

    def draw(self, model, rng):
        """Fill the new weights of a model; the biases are 0 already."""
        slots, rng = dict(model.named_parameters()), nn.init.seeded(rng)
        for name in self.drawn:
            if slots[name].ndim > 1:
                nn.init.normal_(slots[name], 0.0, 0.02, rng)


def new_head(folder, kind, theirs, weights, head, classes):
    """The NewHead of `classes` for a folder; nothing is drawn if it has such a head.

    Raises ValueError for a head other than a classifier's and for a folder whose
    classifier has another number of classes.
    """
    _check(head, classes)
    theirs = {**theirs, "num_labels": classes, "id2label": None}
    config, form = config_of(kind, theirs, "cls"), FAMILIES[kind].form
    names, rows = bare_names(form, weights), list(form.rows(config))
    last = [their for their, ours, _ in rows if ours[0].startswith("head.")]
    there = [their for their in last if their in names]
    for their in there:
        held = weights.entries[names[their]].shape[0]
        if held != classes:
            raise ValueError(
                f"{folder} has a classifier of {held} classes ({their}), and "
                f"load_model(classes={classes}) was called; leave classes= out to read "
                'it, or read the layers below it with head="none"'
            )
    parts = () if there else DRAWN
    lacking = {r[0]: r[1][0] for r in rows if r[1][0].startswith(parts)}
    lacking = {their: our for their, our in lacking.items() if their not in names}
    return NewHead(theirs, _without(form, lacking), list(lacking.values()))


def _check(head, classes):
    if type(classes) is not int or classes < 1:
        raise ValueError(
            f"load_model: classes must be a positive integer, got {classes!r}"
        )
    if head not in (None, "cls"):
        raise ValueError(
            f"load_model: classes={classes} is for a classifier, head='cls', and "
            f"head={head!r} was given; leave one of them out"
        )


def _without(form, names):
    """A family's format without some rows."""

    def rows(config):
        return (row for row in form.rows(config) if row[0] not in names)

    return form._replace(rows=rows)
