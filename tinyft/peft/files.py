"""save and load: adapters in Hugging Face PEFT's folder format, both ways.

    folder/adapter_config.json          method, sizes, target_modules
    folder/adapter_model.safetensors    base_model.model.<path>.lora_A.weight, ...

Loading is strict: unknown, missing or wrongly shaped names are errors that list them (PEFT
itself warns, or says nothing, and leaves random weights: huggingface/peft#2115).
"""

import json
import os
import re
import shutil
import tempfile
from pathlib import Path

from tinyft import io
from tinyft.peft.attach import detach, find, put
from tinyft.peft.delta import PREFIX, registry
from tinyft.peft.export import exported
from tinyft.peft.full import Full
from tinyft.peft.names import names_of, translator
from tinyft.peft.sites import Rules, matches, pattern_value, refuse_tied

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def save(model, folder, name="default", overwrite=False, names=None):
    """Write the adapter `name` of `model` to `folder`, complete or not at all.

    names: "gpt2", "bert" or "llama" writes the module names of such a checkpoint, so that
    PEFT attaches it to the public model (prefixes and prompts name no modules).
    Raises ValueError if there is no such adapter, FileExistsError if the folder exists
    (unless `overwrite`). Returns the folder's path.
    """
    adapter, folder = find(model, name), Path(folder)
    if folder.exists() and not overwrite:
        raise FileExistsError(
            f"peft.save: {folder} exists already; choose another folder, or pass "
            "overwrite=True to replace it"
        )
    state, config = _state(adapter), _config(adapter)
    if names is not None and "target_modules" in config:
        state, config = exported(names_of(model, names), state, config)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder.parent))
    try:
        io.save(temporary / WEIGHTS, state, {"format": "pt"})
        text = json.dumps(config, indent=2, sort_keys=True) + "\n"
        (temporary / CONFIG).write_text(text, encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def load(model, folder, name="default", names=None):
    """Attach the adapter that `folder` holds to `model`. Returns the Adapter.

    names: whose module names the file has: "gpt2", "bert" or "llama" for an adapter of a
    public checkpoint (GPT-2's fused c_attn is split into q, k and v); None finds out.
    Raises FileNotFoundError, or ValueError naming what does not fit: an unknown method,
    sites the model lacks, missing, unexpected or wrongly shaped tensors. The model is
    unchanged then.
    """
    folder = Path(folder)
    config, state = read_folder(folder)
    template = template_of(config, folder)
    if "target_modules" in config:
        theirs = translator(model, state, names)
        sites, saved, changes = _chosen(model, template, config, theirs, state)
        state = _without_base(theirs.state(state), sites)
    else:
        sites = {p: m for p, m in model.named_modules() if template.fits(m)}
        sites = {p: m for p, m in sites.items() if matches(p, template.sites)}
        saved, changes = {}, {}
        if not sites:
            raise ValueError(
                f"peft.load: this model has no site for {type(template).__name__}, which "
                f"sits on {template.where} ({template.sites!r})"
            )
    adapter = put(model, template, sites, name, None, saved, changes, list(sites))
    try:
        _fill(adapter, state, folder)
    except Exception:
        detach(adapter)
        raise
    return adapter


def read_folder(folder):
    """(config, state) of an adapter folder; errors name the file and what is wrong."""
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(
            f"peft.load: {path} is not there; expected a folder with {CONFIG} and {WEIGHTS}"
        ) from None
    except ValueError as error:
        raise ValueError(f"peft.load: {path} is not valid JSON: {error}") from None
    if not isinstance(config, dict) or not config.get("peft_type"):
        raise ValueError(f"peft.load: {path} has no peft_type")
    prompts = "num_virtual_tokens" in config
    if not prompts and not config.get("target_modules"):
        raise ValueError(f"peft.load: {path} names no target_modules")
    if prompts:
        config.pop("target_modules", None)
    return config, io.load(folder / WEIGHTS)


def template_of(config, folder="the folder"):
    """The method that a config describes."""
    found = [cls for cls in registry.values() if cls.reads(config)]
    if not found:
        known = sorted({cls.peft_type for cls in registry.values()})
        raise ValueError(
            f"peft.load: {folder} has peft_type {config.get('peft_type')!r}; this version "
            f"reads {', '.join(known)}"
        )
    return found[0].from_config(config)


def _chosen(model, template, config, theirs, state):
    """The sites and the modules stored whole that a config names, and their options."""
    rules, sites, saved, changes = Rules(config), {}, {}, {}
    for path, module in model.named_modules():
        source = theirs.path(path)
        if source and rules.saves(source):
            below = module.named_modules(path)
            saved.update((p, m) for p, m in below if Full().fits(m))
        elif source and rules.targets(source) and template.fits(module):
            sites[path] = module
            changes[path] = _options(template, config, source, path)
    if not sites:
        raise ValueError(
            f"peft.load: target_modules {config['target_modules']!r} matches no module of "
            f"{type(model).__name__} on which {type(template).__name__} can sit; the file "
            f"has {', '.join(sorted(state)[:4])} ..."
        )
    refuse_tied(model, template, sites)
    refuse_tied(model, Full(), saved)
    return sites, saved, changes


def _without_base(state, sites):
    """Without the base embeddings that PEFT adds when it thinks that words were added."""
    keep = dict(state)
    for path, module in sites.items():
        key = f"{PREFIX}{path}.base_layer.weight"
        if key in keep and _is(module.parameter("weight").numpy(), keep.pop(key)):
            continue
        if key in state:
            raise ValueError(
                f"peft.load: the file has another base weight for {path} than this model; "
                "was the adapter made for another base?"
            )
    return keep


def _is(base, array):
    """The same values, as far as the file's dtype tells."""
    return base.shape == array.shape and bool((base.astype(array.dtype) == array).all())


def _options(template, config, source, path):
    """What the config's patterns say of one site, by its name in the file."""
    found = {}
    for option, key in (("r", "rank_pattern"), ("alpha", "alpha_pattern")):
        if config.get(key) and option in template.options:
            default = template.options[option]
            found[option] = pattern_value(config[key], source, default)
    if "feedforward" in template.options:
        named = template.feedforward and matches(source, template.feedforward)
        found["feedforward"] = (path,) if named else ()
    return found


def _config(adapter):
    main = _main(adapter)
    config = {
        "peft_type": adapter.template.peft_type,
        "base_model_name_or_path": None,
        "inference_mode": True,
        "task_type": None,
        **adapter.template.to_config(main),
    }
    if "num_virtual_tokens" in config:
        return config
    saved = [
        d.path for d in adapter.deltas.values() if isinstance(d, Full) and not d.only
    ]
    target = [d.path for d in main]
    config["target_modules"] = _target(adapter.model, target)
    if type(adapter.template) is not Full and saved:
        config["modules_to_save"] = saved
    return config


def _main(adapter):
    """The deltas of the adapter's own method."""
    return [d for d in adapter.deltas.values() if type(d) is type(adapter.template)]


def _target(model, paths):
    """The list of paths; a pattern if one of them is the ending of another module's."""
    every = {path for path, _ in model.named_modules()}
    if any(matches(path, paths) for path in every - set(paths)):
        return "|".join(map(re.escape, paths))
    return paths


def _state(adapter):
    """{name in the file: array} of the whole adapter."""
    state = {}
    for cls, deltas in _by_class(adapter).items():
        state.update(cls.to_file(deltas))
    return state


def _by_class(adapter):
    groups = {}
    for delta in adapter.deltas.values():
        if delta.slots():
            groups.setdefault(type(delta), []).append(delta)
    return groups


def _fill(adapter, state, folder):
    own = {key: array.shape for key, array in _state(adapter).items()}
    missing, unexpected = sorted(own.keys() - state), sorted(state.keys() - own)
    wrong = [
        f"{key}: here {shape}, in the file {state[key].shape}"
        for key, shape in own.items()
        if key in state and state[key].shape != shape
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
    for cls, deltas in _by_class(adapter).items():
        cls.from_file(deltas, state)
