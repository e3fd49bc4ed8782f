"""adapter_config.json, read with care before any model is looked at.

Fields are read, or known to change no number. Any other field that says something is an
error that names it, since it may change the numbers (PEFT drops what it does not know,
with a warning, and makes another model).
"""

import hashlib
import json
from numbers import Real

from tinyft.io.json_text import JSONError, read_json
from tinyft.nn.select import check_pattern

KEY = "tinyft_config"
NOTES = """auto_mapping base_model_name_or_path inference_mode peft_version revision
task_type""".split()  # for people and other programs
LIMIT = 2**24  # bytes: thousands of module names
ALWAYS = """auto_mapping base_model_name_or_path exclude_modules inference_mode
layers_pattern layers_to_transform modules_to_save peft_type peft_version revision
target_modules task_type"""
CHANGES_BASE = ("corda", "loftq", "lora_ga", "olora", "pissa")  # init_lora_weights
TYPES = {
    **dict.fromkeys(("peft_type", "bias"), str),
    **dict.fromkeys(("target_modules", "exclude_modules"), (str, list)),
    **dict.fromkeys(("layers_pattern", "feedforward_modules"), (str, list)),
    **dict.fromkeys(("rank_pattern", "alpha_pattern"), dict),
    **dict.fromkeys(("lora_alpha", "alpha", "lora_dropout"), Real),
    **dict.fromkeys(("use_rslora", "use_dora", "lora_bias", "fan_in_fan_out"), bool),
    **dict.fromkeys(("save_projection", "prefix_projection"), bool),
    **dict.fromkeys(("block_share", "coft", "use_cayley_neumann", "apply_GS"), bool),
    **dict.fromkeys(("oft_block_size", "num_cayley_neumann_terms"), int),
    **dict.fromkeys(("r", "num_virtual_tokens", "num_layers", "token_dim"), int),
    "layers_to_transform": (int, list),
    "modules_to_save": list,
}
WORDS = {
    str: "a string",
    int: "an integer",
    Real: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}
INSIDE = {"layers_to_transform": int, "rank_pattern": int, "alpha_pattern": Real}


def read_config(path):
    """The config in a file, its fields of the kinds that PEFT writes.

    Raises ValueError naming the file and what is wrong: not JSON, a key given twice, NaN,
    nested too deep, a field of another kind.
    """
    try:
        config = read_json(path, LIMIT)
    except JSONError as error:
        raise ValueError(f"peft.load: {error}") from None
    if not isinstance(config, dict) or not config.get("peft_type"):
        raise ValueError(f"peft.load: {path} has no peft_type")
    _check_types(config, path)
    return config


def mark_of(config):
    """{name: checksum} of all fields that act, for the header of the tensors."""
    acting = {k: v for k, v in config.items() if k not in NOTES}
    if "num_virtual_tokens" in acting:
        acting.pop("target_modules", None)
    text = json.dumps(acting, sort_keys=True)
    return {KEY: hashlib.sha256(text.encode()).hexdigest()}


def refuse_changed(config, metadata, folder):
    """Raise ValueError if the config is another one than the tensors were saved with."""
    if metadata.get(KEY) not in (None, mark_of(config)[KEY]):
        raise ValueError(
            f"peft.load: {folder}/adapter_config.json is not the one that was saved with "
            "these tensors: it is damaged, or was changed by hand. Restore it; or, if the "
            "change is meant, take the mark off the tensors: io.save(file, io.load(file)) "
            f"for {folder}/adapter_model.safetensors"
        )


def _check_types(config, where):
    """Raise ValueError for a field that holds another kind of value than PEFT writes."""
    for name, types in TYPES.items():
        value = config.get(name)
        inside = INSIDE.get(name, str)
        items = value if isinstance(value, list) else ()
        items = value.values() if isinstance(value, dict) else items
        if value is not None and not (
            isinstance(value, types) and all(isinstance(item, inside) for item in items)
        ):
            kinds = types if isinstance(types, tuple) else (types,)
            words = " or ".join(WORDS[kind] for kind in kinds)
            raise ValueError(
                f"peft.load: {where}: {name} is {value!r}, expected {words}"
                + (f", each {WORDS[inside]}" if {list, dict} & {*kinds} else "")
            )
    for name in ("target_modules", "exclude_modules", "feedforward_modules"):
        check_pattern(f"peft.load: {where}: {name}", config.get(name))
    for name in ("rank_pattern", "alpha_pattern", "modules_to_save", "layers_pattern"):
        value = config.get(name) or ()
        for key in [value] if isinstance(value, str) else value:
            check_pattern(f"peft.load: {where}: {name}", key)


def refuse_unread(config, where, known):
    """Raise ValueError for fields that may change the numbers and that are not read.

    known: the method's fields that are read, or that change no number.
    """
    known = {*ALWAYS.split(), *known}
    found = [f"{k}={v!r}" for k, v in config.items() if v and k not in known]
    start = config.get("init_lora_weights")
    if isinstance(start, str) and start.startswith(CHANGES_BASE):
        found.append(
            f"init_lora_weights={start!r} (on a base that it changed; convert it "
            "with save_pretrained(path_initial_model_for_weight_conversion=...))"
        )
    if found:
        raise ValueError(
            f"peft.load: {where} uses what is not read: {', '.join(found)}. Such a field "
            "may change the numbers; take it out of the config if you know that it does not"
        )
