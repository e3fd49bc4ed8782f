"""An adapter's folder: written whole, and read with care before any model is looked at.

Fields of adapter_config.json are read, or known to change no number. Any other field that
says something is an error that names it, since it may change the numbers (PEFT drops what
it does not know, with a warning, and makes another model).
"""

import inspect
import json
import os
import re
import shutil
import uuid
from numbers import Real
from pathlib import Path

from tinyft import io
from tinyft.peft.sites import check_pattern

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PICKLE = "adapter_model.bin"
TWICE = re.compile(r"\.(modules_to_save|original_module)\.")
ALWAYS = """auto_mapping base_model_name_or_path exclude_modules inference_mode
layers_pattern layers_to_transform modules_to_save peft_type peft_version revision
target_modules task_type"""
PROMPT = """encoder_dropout encoder_hidden_size encoder_num_layers
encoder_reparameterization_type init_weights num_attention_heads num_layers
num_transformer_submodules num_virtual_tokens prefix_projection prompt_tuning_init
prompt_tuning_init_text token_dim tokenizer_kwargs tokenizer_name_or_path"""
LYCORIS = """alpha alpha_pattern decompose_both decompose_factor init_weights
module_dropout r rank_dropout rank_dropout_scale rank_pattern use_effective_conv2d"""
KNOWN = {
    "LORA": """alpha_pattern bias corda_config ensure_weight_tying eva_config
    fan_in_fan_out init_lora_weights loftq_config lora_alpha lora_bias lora_dropout
    lora_ga_config megatron_config megatron_core qalora_group_size r rank_pattern use_dora
    use_rslora""",
    "IA3": "fan_in_fan_out feedforward_modules init_ia3_weights",
    "VERA": """bias d_initial fan_in_fan_out init_weights projection_prng_key r
    save_projection vera_dropout""",
    "LOHA": LYCORIS,
    "LOKR": LYCORIS,
    "PREFIX_TUNING": PROMPT,
    "PROMPT_TUNING": PROMPT,
    "P_TUNING": PROMPT,
}
CHANGES_BASE = ("corda", "loftq", "lora_ga", "olora", "pissa")  # init_lora_weights
TYPES = {
    **dict.fromkeys(("peft_type", "bias"), str),
    **dict.fromkeys(("target_modules", "exclude_modules"), (str, list)),
    **dict.fromkeys(("layers_pattern", "feedforward_modules"), (str, list)),
    **dict.fromkeys(("rank_pattern", "alpha_pattern"), dict),
    **dict.fromkeys(("lora_alpha", "alpha", "lora_dropout"), Real),
    **dict.fromkeys(("use_rslora", "use_dora", "lora_bias", "fan_in_fan_out"), bool),
    **dict.fromkeys(("save_projection", "prefix_projection"), bool),
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


def check_place(folder, overwrite):
    """Raise FileExistsError if an adapter may not be written there."""
    if folder.exists() and not overwrite:
        raise FileExistsError(
            f"peft.save: {folder} exists already; choose another folder, or pass "
            "overwrite=True to replace it"
        )
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(
            f"peft.save: {folder} is a file, expected a folder; choose another name"
        )


def write_folder(folder, state, config):
    """Write both files; OSError with a sentence if that can not be, and nothing changed."""
    text = json.dumps(config, indent=2, sort_keys=True) + "\n"
    try:
        _write(Path(os.path.realpath(folder)), state, text)
    except OSError as error:
        raise OSError(
            error.errno,
            f"peft.save: {folder} can not be written ({error.strerror}); nothing was "
            "changed there. Choose another folder, or make room",
        ) from error


def _write(folder, state, text):
    """Both files, complete or not at all; others in the folder are never touched."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    mark = uuid.uuid4().hex[:8]
    new, old = (folder.with_name(f".{what}-{mark}") for what in ("writing", "replaced"))
    new.mkdir()
    try:
        io.save(new / WEIGHTS, state, {"format": "pt"})
        (new / CONFIG).write_text(text, encoding="utf-8")
        if folder.exists():
            _swap(new, folder, old)
        else:
            os.replace(new, folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _swap(new, folder, old):
    """The new files for those in `folder`, or all as it was.

    The config goes first and comes last: without it a folder does not load.
    """
    old.mkdir()
    moved = []
    moves = [(folder, old, CONFIG), (folder, old, WEIGHTS)]
    moves += [(new, folder, WEIGHTS), (new, folder, CONFIG)]
    try:
        for source, target, name in moves:
            if (source / name).exists():
                os.replace(source / name, target / name)
                moved.append((target / name, source / name))
    except OSError:
        for now, before in reversed(moved):
            os.replace(now, before)
        old.rmdir()
        raise
    shutil.rmtree(old)


def read_folder(folder):
    """(config, state) of an adapter folder; errors name the file and what is wrong."""
    path = folder / CONFIG
    try:
        text = path.read_text(encoding="utf-8")
        config = json.loads(text, parse_constant=_no_number)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise FileNotFoundError(
            f"peft.load: {path} is not there; expected a folder with {CONFIG} and {WEIGHTS}"
        ) from None
    except ValueError as error:
        raise ValueError(f"peft.load: {path} is not valid JSON: {error}") from None
    if not isinstance(config, dict) or not config.get("peft_type"):
        raise ValueError(f"peft.load: {path} has no peft_type")
    _check_types(config, path)
    prompts = "num_virtual_tokens" in config
    if not prompts and not config.get("target_modules"):
        raise ValueError(
            f"peft.load: {path} names no target_modules (target_parameters are not read)"
        )
    if prompts:
        config.pop("target_modules", None)
    return config, _weights(folder, config)


def _weights(folder, config):
    """The tensors of a folder, as they act: PEFT's bias="all" writes some twice."""
    if not (folder / WEIGHTS).exists() and (folder / PICKLE).exists():
        raise ValueError(
            f"peft.load: {folder} has no {WEIGHTS} but a {PICKLE}, a pickle, which could "
            "run code when read and is not; convert it: load it in PEFT and save it again"
        )
    state = io.load(folder / WEIGHTS)
    if not state:
        raise ValueError(f"peft.load: {folder / WEIGHTS} holds no tensors")
    if config.get("bias") == "all" and config.get("modules_to_save"):
        state = {key: array for key, array in state.items() if not TWICE.search(key)}
    return state


def _no_number(name):
    raise ValueError(f"{name} is no number of JSON")


def _check_types(config, where):
    """Raise ValueError for a field that holds another kind of value than PEFT writes."""
    for name, types in TYPES.items():
        value = config.get(name)
        inside = INSIDE.get(name, str)
        items = value if isinstance(value, list) else ()
        items = value.values() if isinstance(value, dict) else items
        if value is not None and not (
            isinstance(value, types) and all(isinstance(one, inside) for one in items)
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


def refuse_unread(config, where, options=()):
    """Raise ValueError for fields that may change the numbers and that are not read.

    options: the names that are read of a method that is not PEFT's.
    """
    kind = config["peft_type"]
    known = {*ALWAYS.split(), *(KNOWN[kind].split() if kind in KNOWN else options)}
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


def options_of(cls):
    """The names that a method's own config has: its options."""
    return list(inspect.signature(cls.__init__).parameters)[1:]
