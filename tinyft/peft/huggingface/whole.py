"""The modules stored whole, completed to those that PEFT wraps, so that it finds each.

    also="norm"  in our names   every module whose name ends in 'norm' is in the file
    also="head"  in RoBERTa's   classifier.out_proj, and classifier.dense from the base

What no adapter trains comes from the base, and is the same after loading.
"""

from tinyft.peft.full import Full
from tinyft.peft.huggingface.codecs import PREFIX
from tinyft.peft.huggingface.rules import HEADS, Rules, wrapped


def complete(adapter, state, config, names):
    """Add the base's modules that PEFT would take for those stored whole, since it reads
    modules_to_save as endings of names, under their `names`. Returns all their paths.

    Raises ValueError if one of them is adapted.
    """
    own = config.get("modules_to_save")
    if not own:
        return ()
    saved, whole = _saved(own, names), Full()
    rules = Rules(config | {"modules_to_save": saved})
    modules = adapter.model.named_modules()
    named = ((path, names.path(path), module) for path, module in modules)
    paths = [p for p, name, m in named if name and rules.saves(name) and whole.fits(m)]
    for path in sorted(set(paths) - set(own)):
        delta = adapter.deltas.get(path)
        if delta is not None and type(delta) is not Full:
            raise ValueError(
                f"peft.save: a file has the modules stored whole as endings of names, and "
                f"{', '.join(saved)} names {path} too, which is adapted; "
                + _advice(names, path)
            )
        _add(state, path, adapter.model.get_submodule(path))
    paths += [path for path in own if not names.path(path)]  # refused by `exported`
    config["modules_to_save"] = paths
    return paths


def task_of(config):
    """PEFT's task type: with SEQ_CLS it looks for the head of a classifier in the file."""
    saved = config.get("modules_to_save") or ()
    return "SEQ_CLS" if any(path.endswith(HEADS) for path in saved) else None


def _saved(own, names):
    """What PEFT wraps, by its name."""
    if names.table is None:
        return own
    found = (wrapped(names.path(path)) for path in own)
    return [name for name in dict.fromkeys(found) if name]


def _advice(names, path):
    if names.table is None:
        return "give one of them another name"
    return f"train {path} whole too (also=), or adapt all of them"


def _add(state, path, module):
    """The base's own arrays, where the adapter has none."""
    for name, slot in {**module._parameters, **module._buffers}.items():
        if slot is not None:
            state.setdefault(f"{PREFIX}{path}.{name}", slot.numpy())
