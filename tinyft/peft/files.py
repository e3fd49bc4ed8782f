"""save and load: adapters in Hugging Face PEFT's folder format, both ways.

    folder/adapter_config.json          method, sizes, target_modules
    folder/adapter_model.safetensors    base_model.model.<path>.lora_A.weight, ...

Loading is strict: unknown, missing or wrongly shaped names are errors that list them (PEFT
itself warns, or says nothing, and leaves random weights: huggingface/peft#2115).
"""

import json
import os
import shutil
import tempfile
from pathlib import Path

from tinyft import io
from tinyft.peft.attach import adapters, attach, detach
from tinyft.peft.delta import registry

PREFIX = "base_model.model."
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def save(model, folder, name="default", overwrite=False):
    """Write the adapter `name` of `model` to `folder`, complete or not at all.

    Raises ValueError if there is no such adapter, FileExistsError if the folder exists
    (unless `overwrite`). Returns the folder's path.
    """
    adapter = _find(model, name)
    folder = Path(folder)
    if folder.exists() and not overwrite:
        raise FileExistsError(
            f"peft.save: {folder} exists already; choose another folder, or pass "
            "overwrite=True to replace it"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder.parent))
    try:
        io.save(temporary / WEIGHTS, _state(adapter), {"format": "pt"})
        text = json.dumps(_config(adapter), indent=2, sort_keys=True) + "\n"
        (temporary / CONFIG).write_text(text, encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def load(model, folder, name="default"):
    """Attach the adapter that `folder` holds to `model`. Returns the Adapter.

    Raises FileNotFoundError, or ValueError naming what does not fit: an unknown method,
    sites the model lacks, missing, unexpected or wrongly shaped tensors. The model is
    unchanged then.
    """
    folder = Path(folder)
    config, state = _read_config(folder / CONFIG), io.load(folder / WEIGHTS)
    kind = config.get("peft_type")
    if kind not in registry:
        raise ValueError(
            f"peft.load: {folder / CONFIG} has peft_type {kind!r}; this version reads "
            f"{', '.join(sorted(registry))}"
        )
    template = registry[kind].from_config(config)
    adapter = attach(model, template, config["target_modules"], name)
    try:
        _fill(adapter, state, folder)
    except Exception:
        detach(adapter)
        raise
    return adapter


def _find(model, name):
    if name not in adapters(model):
        there = ", ".join(map(repr, adapters(model))) or "none"
        raise ValueError(f"no adapter named {name!r} on this model; there is {there}")
    return adapters(model)[name]


def _config(adapter):
    return {
        "peft_type": adapter.template.kind,
        "target_modules": list(adapter.deltas),
        "base_model_name_or_path": None,
        "inference_mode": True,
        "task_type": None,
        **adapter.template.to_config(),
    }


def _read_config(path):
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(
            f"peft.load: {path} is not there; expected a folder with {CONFIG} and {WEIGHTS}"
        ) from None
    except ValueError as error:
        raise ValueError(f"peft.load: {path} is not valid JSON: {error}") from None
    if not isinstance(config, dict) or not config.get("target_modules"):
        raise ValueError(f"peft.load: {path} names no target_modules")
    return config


def _names(adapter):
    """{name in the file: (delta, parameter name)}."""
    names = {}
    for path, delta in adapter.deltas.items():
        module = adapter.model.get_submodule(path)
        for own, suffix in delta.file_names(module).items():
            names[f"{PREFIX}{path}.{suffix}"] = delta, own
    return names


def _state(adapter):
    return {k: d.parameter(own).numpy() for k, (d, own) in _names(adapter).items()}


def _fill(adapter, state, folder):
    names = _names(adapter)
    missing, unexpected = sorted(names.keys() - state), sorted(state.keys() - names)
    wrong = [
        f"{key}: here {delta.parameter(own).shape}, in the file {state[key].shape}"
        for key, (delta, own) in names.items()
        if key in state and state[key].shape != delta.parameter(own).shape
    ]
    parts = [
        f"{what}: {', '.join(which)}"
        for what, which in (
            ("missing", missing),
            ("unexpected", unexpected),
            ("of another shape", wrong),
        )
        if which
    ]
    if parts:
        raise ValueError(
            f"peft.load: {folder} does not fit this model. " + "; ".join(parts) + ". "
            "Was the adapter made for another base?"
        )
    for delta in adapter.deltas.values():
        delta.load_state_dict({n: state[k] for k, (d, n) in names.items() if d is delta})
