"""Hugging Face adapter files as changes of weights: read(folder) without any model.

    changes = read(folder)                     {"fc.weight": f}
    changes["fc.weight"](W)                    W' − W, float64

The method itself computes W', on a layer that is made of W alone; LoHa and LoKr are
formulas (lycoris.py), which know their core tensors of convolutions too. What is stored
whole (modules_to_save, biases) changes by saved − base.

Which way a weight lies, its shape tells, and fan_in_fan_out for a square one. PEFT changes
the flag while it wraps, so a file of GPT-2's layers and its lm_head has the flag of
lm_head: there a square weight is refused (peft.load knows the layers and needs no flag).
"""

import math
import re
from functools import partial
from pathlib import Path

from tinyft import backend, nn
from tinyft.autograd import no_grad
from tinyft.nn.parameter import Parameter
from tinyft.peft.huggingface import lycoris
from tinyft.peft.huggingface.codecs import PREFIX, codec_for
from tinyft.peft.huggingface.codecs.ia3 import is_feedforward
from tinyft.peft.huggingface.codecs.vera import SHARED
from tinyft.peft.huggingface.config import refuse_changed, refuse_unread
from tinyft.peft.huggingface.folder import read_folder
from tinyft.peft.huggingface.names import PARTS
from tinyft.peft.huggingface.rules import Rules

MAGNITUDE = "lora_magnitude_vector"
OF_A_METHOD = re.compile("(lora|ia3|hada|lokr|vera|hira|miss|oft|hra|base_layer)[_.]")


def read(folder):
    """{parameter's name: f}, where f(its base array) is the merged change, in float64.

    Raises ValueError for a kind that changes no weight (prefixes, prompts: use
    peft.load), for tensors that belong to no formula or lack a part of it (all are
    listed), and in f for a base array of another shape.
    """
    config, state, metadata = read_folder(Path(folder))
    kind = config["peft_type"]
    if kind not in READERS:
        raise ValueError(
            f"peft.huggingface.read: {folder} is a {kind}, not a change of weights "
            f"that is read here ({', '.join(READERS)}); attach it: peft.load(model, folder)"
        )
    formula = READERS[kind].__module__ == lycoris.__name__
    known = lycoris.FIELDS.split() if formula else codec_for(config).known()
    refuse_unread(config, folder, known)
    sites, changes, unread = _sorted(config, state)
    if "lm_head" in sites and any(re.search(r"\.c_\w+$", path) for path in sites):
        config["fan_in_fan_out"] = "unknown"
    shared = sites.pop("", None)
    for path, parts in sites.items():
        try:
            found = READERS[kind](config, path, parts, shared)
        except KeyError as error:
            unread.append(f"{path} has no {error.args[0]}")
            continue
        changes |= {f"{path}.{name}": f for name, f in found.items()}
        unread += [f"{path}.{part}" for part in parts]
    if unread:
        raise ValueError(
            f"peft.huggingface.read: {folder} does not hold a complete {kind}: "
            f"{', '.join(unread)}"
        )
    refuse_changed(config, metadata, folder)
    return changes


def _sorted(config, state):
    """{path: its tensors}, {name: change} of what is stored whole, and other names.

    The path '' has the matrices that all sites of a VeRA share.
    """
    sites, changes, unread, rules = {}, {}, [], Rules(config)
    for key, array in state.items():
        found = PARTS.fullmatch(key.removeprefix(PREFIX))
        path, part = (found["path"], found["part"]) if found else (key, "")
        if key.startswith(SHARED):
            path = ""
        own = OF_A_METHOD.match(part) and (rules.targets(path) or not path)
        whole = rules.saves(path) and not OF_A_METHOD.match(part)
        bias = part == "bias" and config.get("bias", "none") != "none"
        if array.dtype.kind != "f" and part != "num_batches_tracked":
            unread.append(f"{key} ({array.dtype})")
        elif own and array.ndim and (key.startswith(PREFIX) or not path):
            sites.setdefault(path, {})[part] = array.astype("f8")
        elif part and (bias or whole) and key.startswith(PREFIX):
            changes[f"{path}.{part}"] = partial(_replaced, array.astype("f8"))
        else:
            unread.append(key)
    return sites, changes, unread


# --- the tensors of one site, as a function of its weight ----------------------------


def _lora(config, path, parts, shared):
    parts.pop("base_layer.weight", None)  # the base embedding, which PEFT may add
    lookup = "lora_embedding_A" in parts
    names = ["lora_embedding_A", "lora_embedding_B"]
    names = names if lookup else ["lora_A.weight", "lora_B.weight"]
    A, B = (parts[name] for name in names)
    lycoris.check_rank(config, path, len(A), *B.shape[1:2])
    sides = len(B), math.prod(A.shape[1:])
    names += [MAGNITUDE] if config.get("use_dora") else []
    tensors = {name: parts.pop(name) for name in names}
    changes = {"weight": partial(_changed, config, path, tensors, sides, lookup)}
    step = parts.pop("lora_B.bias") if config.get("lora_bias") else None
    biased = config.get("bias", "none") != "none"
    new = parts.pop("base_layer.bias", None) if biased else None
    if step is not None or new is not None:
        step = 0 if step is None else _template(config, path).scale * step
        changes["bias"] = partial(_moved, step, new)
    return changes


def _ia3(config, path, parts, shared):
    tensors = {"ia3_l": parts.pop("ia3_l")}
    l, by_input = tensors["ia3_l"].reshape(-1), is_feedforward(config, path)
    sides = (None, len(l)) if by_input else (len(l), None)
    changes = {"weight": partial(_changed, config, path, tensors, sides, False)}
    return changes | ({} if by_input else {"bias": lambda b: (l - 1) * b})


def _vera(config, path, parts, shared):
    tensors = {n: parts.pop(n) for n in ("vera_lambda_b", "vera_lambda_d")}
    if shared is None:
        raise ValueError(
            "peft.huggingface.read: this VeRA file lacks vera_A and vera_B"
        )
    new, (A, B) = (
        parts.pop("base_layer.bias", None),
        (shared[f"vera_{n}"] for n in "AB"),
    )
    ranks = len(tensors["vera_lambda_d"]), len(A), B.shape[1]
    lycoris.check_rank(config | {"r": config.get("r", 256)}, path, *ranks)
    sides = len(tensors["vera_lambda_b"]), None
    tensors |= {SHARED + "A": A, SHARED + "B": B}
    changes = {"weight": partial(_changed, config, path, tensors, sides, False)}
    return changes | ({} if new is None else {"bias": partial(_replaced, new)})


def _adalora(config, path, parts, shared):
    tensors = {name: parts.pop(name) for name in ("lora_A", "lora_B", "lora_E")}
    A, B, E = tensors.values()
    ranks = len(A), B.shape[1], len(E)
    lycoris.check_rank(config | {"r": config.get("init_r", 12)}, path, *ranks)
    sides = len(B), A.shape[1]
    return {"weight": partial(_changed, config, path, tensors, sides, False)}


def _hira(config, path, parts, shared):
    lookup = "hira_embedding_A" in parts
    parts.pop("base_layer.weight", None)  # the base embedding, which PEFT may add
    names = [f"hira_{'embedding_' if lookup else ''}{n}" for n in "AB"]
    tensors = {name: parts.pop(name) for name in names}
    A, B = tensors.values()
    lycoris.check_rank(config | {"r": config.get("r", 32)}, path, len(A), B.shape[1])
    sides = len(B), math.prod(A.shape[1:])
    return {"weight": partial(_changed, config, path, tensors, sides, lookup)}


def _miss(config, path, parts, shared):
    tensors = {"miss_block": parts.pop("miss_block")}
    r, out = tensors["miss_block"].shape
    lycoris.check_rank(config | {"r": config.get("r", 64)}, path, r)
    sides = out, None
    return {"weight": partial(_changed, config, path, tensors, sides, False)}


def _turned(part):
    """The reader of a method that turns the inputs: one tensor, `part`."""

    def read_site(config, path, parts, shared):
        tensors = {part: parts.pop(part)}
        sides = None, codec_for(config).inputs(config, tensors[part])
        return {"weight": partial(_changed, config, path, tensors, sides, False)}

    return read_site


def _changed(config, path, tensors, sides, lookup, W):
    """W' − W by the method itself, on a layer that is made of W."""
    turned = lycoris.is_turned(
        W, sides, False if lookup else config.get("fan_in_fan_out")
    )
    turned = turned != lookup  # an Embedding's weight is the transpose already
    base = (W.T if turned else W).astype("f8")
    with no_grad():
        delta = _delta(config, path, tensors, base, lookup)
        new = delta.change("weight", Parameter(base, dtype=base.dtype)).numpy()
    return (new.T if turned else new) - W


def _delta(config, path, tensors, W, lookup=False):
    """The delta that the tensors are, on a layer whose weight is W."""
    kind = nn.Embedding if lookup else nn.Conv2d if W.ndim == 4 else nn.Linear
    layer = kind.__new__(kind)
    layer.weight, layer.groups = Parameter(W, dtype=backend.float64), 1
    template = _template(config, path)
    with nn.init.skipped():
        shared = template.prepare(None, {path: layer}, None)
        delta = template.bind(path, layer, None, shared)
    whole = (PREFIX + path + ".", "")
    state = {whole[key.startswith(SHARED)] + key: a for key, a in tensors.items()}
    codec_for(config).fill(None, [delta], state)
    return delta


def _template(config, path):
    """The method with the options of one site."""
    codec = codec_for(config)
    template = codec.template(config)
    return template.copied(**codec.site_options(template, config, path, path))


def _replaced(new, base):
    if new.shape != base.shape:
        raise ValueError(
            f"peft.huggingface.read: this was stored as {new.shape}, the base has "
            f"{base.shape}; was the adapter made for another base?"
        )
    return new - base.astype("f8")


def _moved(step, new, base):
    """A bias with a step, after it was replaced if it was."""
    return step + (0 if new is None else _replaced(new, base))


READERS = {"IA3": _ia3, "LOHA": lycoris.loha, "LOKR": lycoris.lokr}
READERS |= {"OFT": _turned("oft_R.weight"), "HRA": _turned("hra_u")}
READERS |= {"LORA": _lora, "VERA": _vera, "ADALORA": _adalora}
READERS |= {"HIRA": _hira, "MISS": _miss}
