"""The families of models that are read and written, by their model_type.

`model_type` is looked at first: other families have the same names and other formulas
(Granite multiplies by four constants of its config, Gemma adds 1 to its norms).
"""

from typing import NamedTuple

from tinyft.io.huggingface import bert, distilbert, gpt2, llama, roberta
from tinyft.io.huggingface.fields import Fields
from tinyft.io.huggingface.names import Format

HEADS = {  # the end of a class's name: our head
    "ForCausalLM": "lm",
    "LMHeadModel": "lm",
    "ForMaskedLM": "mlm",
    "ForPreTraining": "mlm",
    "ForSequenceClassification": "cls",
    "Model": "none",
}


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
