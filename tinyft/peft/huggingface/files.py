"""save and load: adapters in Hugging Face PEFT's folder format, both ways.

    folder/adapter_config.json          method, sizes, target_modules
    folder/adapter_model.safetensors    base_model.model.<path>.lora_A.weight, ...

Loading is strict: unknown, missing or wrongly shaped names are errors that list them (PEFT
itself warns, or says nothing, and leaves random weights: huggingface/peft#2115).
"""

import re
from pathlib import Path

from tinyft.nn.select import matches, refuse_tied
from tinyft.peft.acting import find
from tinyft.peft.attach import detach, put
from tinyft.peft.full import Full
from tinyft.peft.huggingface.base import metadata_of, refuse_other_base
from tinyft.peft.huggingface.codecs import codec_for, codec_of, readable
from tinyft.peft.huggingface.config import refuse_changed, refuse_unread
from tinyft.peft.huggingface.folder import check_place, read_folder, write_folder
from tinyft.peft.huggingface.fused import exported, prompt_file, prompt_state
from tinyft.peft.huggingface.names import Names, names_of, path_of, translator
from tinyft.peft.huggingface.rules import Rules
from tinyft.peft.huggingface.state import check, fill, main_of, state_of
from tinyft.peft.huggingface.whole import complete, task_of
from tinyft.peft.sites import changed_names


def save(model, folder, name="default", overwrite=False, names=None):
    """Write the adapter `name` of `model` to `folder`, complete or not at all.

    names: "gpt2", "bert", "roberta", "llama", ... writes the module names of such a
    checkpoint, so that PEFT attaches it to the public model (prefixes and prompts name no
    modules). Of a classifier's head all that PEFT wraps is written, also what is frozen.
    overwrite: replace the two files of a folder that is not empty; others in it stay.
    Raises ValueError if there is no such adapter, FileExistsError if the folder holds
    something (unless `overwrite`), OSError if it cannot be written. Returns the path.
    """
    adapter, folder = find(model, name), Path(folder)
    check_place(folder, overwrite)
    state, config = state_of(adapter), _config(adapter)
    theirs, namesakes = None if names is None else names_of(model, names), ()
    if "num_virtual_tokens" in config:
        state = prompt_file(theirs, state)
    elif theirs is not None:
        namesakes = complete(adapter, state, config, theirs)
        state, config = exported(theirs, state, config)
        config["task_type"] = task_of(config)
    else:
        namesakes = complete(adapter, state, config, Names())
    write_folder(folder, state, config, metadata_of(adapter, namesakes))
    return folder


def load(model, folder, name="default", names=None, any_base=False):
    """Attach the adapter that `folder` holds to `model`. Returns the Adapter.

    names: whose module names the file has: "gpt2", "bert" or "llama" for an adapter of a
    public checkpoint (GPT-2's fused c_attn is split into q, k and v); None finds out.
    any_base: also on another base than the one that `save` saw, which is an error
    otherwise (PEFT's files do not say).
    Raises FileNotFoundError, or ValueError naming what does not fit: an unknown method,
    sites the model lacks, missing, unexpected or wrongly shaped tensors, NaN. The model
    is unchanged then.
    """
    folder = Path(folder)
    config, state, metadata = read_folder(folder)
    template = template_of(config, folder)
    _refuse_large(config, state, folder)
    state = state if "target_modules" in config else prompt_state(state)
    theirs = translator(model, state, names)
    if "target_modules" in config:
        sites, saved, changes = _chosen(model, template, config, theirs, state)
        state = theirs.state(state)
    else:
        sites, changes, state = _own_sites(model, template), {}, theirs.state(state)
        saved = _stored_whole(model, state)
    adapter = put(model, template, sites, name, None, saved, changes, list(sites))
    try:
        check(adapter, state, config, folder)
        refuse_changed(config, metadata, folder)
        if not any_base:
            refuse_other_base(adapter, metadata, folder)
    except Exception:
        detach(adapter)
        raise
    fill(adapter, state)
    return adapter


def template_of(config, folder="the folder"):
    """The method that a config describes."""
    codec = codec_for(config)
    if codec is None:
        raise ValueError(
            f"peft.load: {folder} has peft_type {config.get('peft_type')!r}; this version "
            f"reads {', '.join(readable())}"
        )
    refuse_unread(config, folder, codec.known())
    return codec.template(config)


def _refuse_large(config, state, folder):
    """Reject sizes larger than any tensor in the file, before anything is made.

    A LoKr with whole matrices has no tensor with a side r, and makes none.
    """
    if config.get("peft_type") == "LOKR":
        return
    asked = {name: config.get(name) or 0 for name in ("r", "num_virtual_tokens")}
    ranks = config.get("rank_pattern") or {}
    asked |= {f"rank_pattern[{k!r}]": r for k, r in ranks.items() if isinstance(r, int)}
    largest = max((n for array in state.values() for n in array.shape), default=0)
    for name, size in asked.items():
        if size > largest:
            raise ValueError(
                f"peft.load: {folder} has {name} = {size} in its config, and no tensor "
                f"has a side above {largest}"
            )


def _own_sites(model, template):
    """The sites of a method whose file names no modules."""
    target = template.own_sites(model)
    modules = dict(model.named_modules())
    sites = {
        p: m for p, m in modules.items() if template.fits(m) and matches(p, target)
    }
    if not sites:
        raise ValueError(
            f"peft.load: this model has no site for {type(template).__name__}, which sits "
            f"on {template.where}"
        )
    return sites


def _stored_whole(model, state):
    """{path: module} of the modules that a prompt's file has beside the prompt."""
    paths = {path_of(key) for key in state}
    modules = model.named_modules()
    return {p: m for p, m in modules if p and p in paths and Full().fits(m)}


def _chosen(model, template, config, theirs, state):
    """The sites and the modules stored whole that a config names, and their options."""
    rules, sites, saved, changes, stuck = Rules(config), {}, {}, {}, []
    codec = codec_of(type(template))
    for path, module in model.named_modules():
        source = theirs.path(path)
        if source and rules.saves(source):
            saved |= {path: module} if Full().fits(module) else {}
        elif source and rules.targets(source):
            if template.fits(module):
                sites[path] = module
                changes[path] = codec.site_options(template, config, source, path)
            elif source in map(path_of, state):
                kind, options = type(module).__name__, module.extra_repr()
                stuck.append(f"{path} ({kind}{options and ', ' + options})")
    if stuck:
        raise ValueError(
            f"peft.load: the file adapts {', '.join(stuck)}: {type(template).__name__} "
            f"cannot sit there; it sits on {template.where}"
        )
    if not sites:
        raise ValueError(
            f"peft.load: target_modules {config['target_modules']!r} matches no module of "
            f"{type(model).__name__} on which {type(template).__name__} can sit; the file "
            f"has {', '.join(sorted(state)[:4])} ..."
        )
    for method, chosen in ((template, sites), (Full(), saved)):
        call = f"attach({type(method).__name__})"
        refuse_tied(call, model, list(changed_names(chosen, method)))
    return sites, saved, changes


def _config(adapter):
    main, codec = main_of(adapter), codec_of(type(adapter.template))
    config = {
        "peft_type": codec.peft_type,
        "base_model_name_or_path": None,
        "inference_mode": True,
        "task_type": None,
        **codec.fields(adapter, main),
    }
    if "num_virtual_tokens" in config:
        return config
    deltas = adapter.deltas.values()
    saved = [d.path for d in deltas if isinstance(d, Full) and not d.only]
    config["target_modules"] = _target(adapter.model, [d.path for d in main])
    if type(adapter.template) is not Full and saved:
        config["modules_to_save"] = saved
    return config


def _target(model, paths):
    """The list of paths; a pattern if one of them is the ending of another module's."""
    every = {path for path, _ in model.named_modules()}
    if any(matches(path, paths) for path in every - set(paths)):
        return "|".join(map(re.escape, paths))
    return paths
