"""The way out: a folder that transformers opens, with equal logits.

A family fits if its config, written and read again, is the model's: one rule for every
field. A shape that no family has (rotary positions with LayerNorm, ...) is refused with
the fields that stand in the way.
"""

import json
import os
import shutil
import uuid
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from tinyft.io.huggingface import bert, llama, roberta
from tinyft.io.huggingface.families import FAMILIES, HEADS, config_of
from tinyft.io.huggingface.names import host, to_theirs
from tinyft.io.tensors import save
from tinyft.models import Transformer

WEIGHTS = "model.safetensors"


def save_model(model, folder, model_type=None):
    """Write a Transformer as config.json and model.safetensors of a family that fits.

    model_type: the family, if several fit ("distilbert", "mistral", "xlm-roberta");
    by default the most usual. The folder appears whole or not at all; one that holds a
    model already is refused. Adapters are not part of it: merge them first.
    Returns the model_type. Raises ValueError for a shape that the family, or every
    family, lacks, and FileExistsError.
    """
    folder = Path(folder)
    _check_model(model)
    _check_folder(folder)
    kind, config = _fitting(model.config, model_type)
    state = {name: host(value) for name, value in model.state_dict().items()}
    if config.types and not model.config.types:  # BERT has types: one row of zeros
        state["type.weight"] = np.zeros((1, config.dim), state["embed.weight"].dtype)
    arrays = to_theirs("save_model", FAMILIES[kind].form, state, config)
    if config.tied:  # a tied array stands in the file once
        copies, _ = FAMILIES[kind].form.extras(config)
        arrays = {n: a for n, a in arrays.items() if n not in copies}
    _write(folder, arrays, _fields(kind, config))
    return kind


def _fields(kind, config):
    """config.json of a family."""
    family = FAMILIES[kind]
    end = next(end for end, head in HEADS.items() if head == config.head)
    end = "LMHeadModel" if (kind, config.head) == ("gpt2", "lm") else end
    labels = [f"LABEL_{i}" for i in range(config.classes)]
    return {
        "model_type": kind,
        "architectures": [family.stem + end],
        **dict.fromkeys(("bos_token_id", "eos_token_id", "sep_token_id")),
        "pad_token_id": config.pad,
        **family.write(config),
        **({"id2label": dict(enumerate(labels))} if labels else {}),
        **({"label2id": {n: i for i, n in enumerate(labels)}} if labels else {}),
    }


# --- which family -------------------------------------------------------------------


def _fitting(config, wanted):
    """(model_type, config as that family has it); ValueError if there is none."""
    if wanted is not None and wanted not in FAMILIES:
        raise ValueError(
            f"save_model: model_type must be one of {', '.join(FAMILIES)}, got {wanted!r}"
        )
    tried = {}
    for kind in [wanted] if wanted else _candidates(config):
        ours = _with_types(kind, config)
        tried[kind] = _differences(kind, ours)
        if not tried[kind]:
            return kind, ours
    best = min(tried, key=lambda kind: len(tried[kind]))
    raise ValueError(
        f"save_model: no family of transformers that was tried has this shape. The "
        f"nearest is {best}, which differs in {', '.join(tried[best])}. Save it with "
        "tinyft.io.save instead"
    )


def differences(kind, config):
    """The fields of a TransformerConfig, as text, that a family cannot express."""
    return _differences(kind, _with_types(kind, config))


def _candidates(config):
    """All families, the most usual for this shape first."""
    bare = not config.types and config.head == "none" and not config.pooler
    return ["distilbert", *FAMILIES] if bare else FAMILIES


def _with_types(kind, config):
    """Relatives of BERT have one token type at least; its row may be zero."""
    has_types = FAMILIES[kind].form.rows in (bert.rows, roberta.rows)
    return replace(config, types=1) if has_types and not config.types else config


def _differences(kind, config):
    """The fields, as text, that the family cannot express."""
    heads = FAMILIES[kind].heads
    if config.head not in heads:
        fitting = replace(config, head="mlm" if config.head == "lm" else "lm")
        return [f"head={config.head!r}", *_differences(kind, fitting)]
    gated = FAMILIES[kind].form.rows in (llama.rows, llama.glm_rows)
    if gated != (config.activation == "swiglu"):  # the one field that is not written
        fitting = replace(config, activation="swiglu" if gated else "gelu")
        return [f"activation={config.activation!r}", *_differences(kind, fitting)]
    try:
        back = config_of(kind, _json(_fields(kind, config)), config.head, config.pooler)
    except ValueError as error:
        return [str(error)]
    mine, other = _canonical(config), _canonical(back)
    return [
        f"{name}={value!r} (there {other.get(name)!r})"
        for name, value in mine.items()
        if value != other.get(name)
    ]


def _canonical(c):
    """The fields that decide the numbers, with defaults written out."""
    fields = asdict(c) | {
        "hidden": c.hidden or 4 * c.dim,
        "kv_heads": c.kv_heads or c.heads,
        "head_dim": c.head_width,
        "attn_bias": c.attention_bias,
        "rotary_pairs": None if c.rotary_pairs == "halves" else c.rotary_pairs,
    }
    unused = {"dropout"}
    rotary = {"rotary_base", "rope_scaling", "rotary_part", "rotary_pairs"}
    unused |= set() if c.positions == "rotary" else rotary
    unused |= {"length"} if c.positions == "none" else set()
    unused |= set() if c.head in ("lm", "mlm") else {"tied"}
    unused |= set() if c.positions == "roberta" or c.head == "cls" else {"pad"}
    unused |= set() if c.head == "cls" else {"classes"}
    return {name: value for name, value in fields.items() if name not in unused}


def _json(fields):
    """As a reader gets them: tuples are lists, keys strings."""
    return json.loads(json.dumps(fields))


# --- the folder ---------------------------------------------------------------------


def _check_model(model):
    if not isinstance(model, Transformer):
        raise ValueError(
            f"save_model: expected a Transformer, got {type(model).__name__}; other "
            "models are written with tinyft.io.save(path, model.state_dict())"
        )
    for name in model.named_packed():
        raise ValueError(
            f"save_model: {name} is kept in 4 bits or GGUF blocks, and a model folder "
            "is written in floats; call nn.dequantise_linears(model) first, or write the "
            "state as it is with tinyft.io.save(path, model.state_dict())"
        )
    adapted = [path for path, module in model.named_modules() if module.deltas()]
    if adapted:
        raise ValueError(
            f"save_model: adapters act on {adapted[0] or 'the model'} (of "
            f"{len(adapted)} places), and a model folder has no room for them; "
            "peft.merge(model) first, or peft.save for the adapter alone"
        )


def _check_folder(folder):
    if folder.is_file():
        raise FileExistsError(f"save_model: {folder} is a file; give a folder")
    held = [] if not folder.is_dir() else sorted(os.listdir(folder))
    models = [n for n in held if n == "config.json" or n.endswith(".safetensors")]
    if models:
        raise FileExistsError(
            f"save_model: {folder} already holds {', '.join(models[:3])}; choose another "
            "folder, or remove the old model first"
        )


def _write(folder, arrays, fields):
    """Both files in a new folder beside it, then one rename (or, into a folder that is
    there, the config last: without it a folder does not load)."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.tmp")
    new.mkdir()
    try:
        save(new / WEIGHTS, arrays, {"format": "pt"})
        text = json.dumps(fields, indent=2, sort_keys=True) + "\n"
        (new / "config.json").write_text(text, encoding="utf-8")
        if folder.is_dir():
            os.replace(new / WEIGHTS, folder / WEIGHTS)
            os.replace(new / "config.json", folder / "config.json")
        else:
            os.rename(new, folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)
