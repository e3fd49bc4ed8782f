r"""Sites: which modules of a model a pattern names.

A pattern is matched against the end of a module's path: r"attn\.(q|v)" finds
'blocks.0.attn.q'. A list of names means any of them, each exact or an ending, as Hugging
Face's `target_modules`. Matching nothing is an error that lists near misses.
"""

import difflib
import re


def matches(path, target):
    """Does `target`, a pattern or a list of names, name the module at `path`?"""
    if isinstance(target, str):
        return re.fullmatch(rf"(.*\.)?({target})", path) is not None
    return any(path == name or path.endswith("." + name) for name in target)


def layer_of(path):
    """The first number in a path: 2 of 'blocks.2.mlp.0'; None if there is none."""
    numbers = [part for part in path.split(".") if part.isdigit()]
    return int(numbers[0]) if numbers else None


def find_sites(model, delta, target, layers=None, exclude=None, saved=()):
    """{path: module} of the modules that `target` names and `delta` can sit on.

    layers: numbers to which the first number in a path is restricted; exclude: a pattern
    or list; saved: paths that another delta takes whole.
    """
    check_pattern("target", target)
    check_pattern("exclude", exclude)
    modules = dict(model.named_modules())
    layers = check_layers(layers)
    for item in items(target):
        named = {path: m for path, m in modules.items() if matches(path, item)}
        if not any(delta.fits(m) for m in named.values()):
            raise ValueError(_no_site(model, delta, item, named))
    named = {path: m for path, m in modules.items() if matches(path, target)}
    refuse_unmatched(f"attach({type(delta).__name__}): exclude", exclude, modules)
    _refuse_lost_layers(delta, layers, [p for p, m in named.items() if delta.fits(m)])
    sites = {
        path: m
        for path, m in named.items()
        if delta.fits(m)
        and path not in saved
        and not (exclude is not None and matches(path, exclude))
        and (layers is None or layer_of(path) in layers)
    }
    if not sites:
        raise ValueError(_no_site(model, delta, target, named))
    refuse_tied(model, delta, sites)
    return sites


def items(target):
    """The parts of a target that each must name something: a pattern, or each name."""
    return [target] if isinstance(target, str) else [[name] for name in target or ()]


def refuse_unmatched(what, target, paths):
    """Raise ValueError, with near misses, for a part of `target` that names no path."""
    for item in items(target):
        if not any(matches(path, item) for path in paths):
            asked = [item] if isinstance(item, str) else item
            near = near_misses(asked, [path for path in paths if path])
            raise ValueError(
                f"{what} {item!r} matches no module; nearest names: {', '.join(near)}"
            )


def check_layers(layers):
    """None or a list of numbers; TypeError for anything else."""
    layers = [layers] if isinstance(layers, int) else layers
    if layers is not None and (
        isinstance(layers, str) or not all(isinstance(n, int) for n in layers)
    ):
        raise TypeError(f"layers: expected a number or a list of them, got {layers!r}")
    return layers


def _refuse_lost_layers(delta, layers, paths):
    there = {layer_of(path) for path in paths} - {None}
    lost = [n for n in layers or () if n not in there]
    if lost:
        raise ValueError(
            f"attach({type(delta).__name__}): layers {lost}: the first numbers in the "
            f"names of the target's modules are {sorted(there)}"
        )


def find_whole(model, delta, target):
    """{path: module}: below the modules that `target` names, those with own parameters."""
    check_pattern("also", target)
    refuse_unmatched("attach(Full): also", target, dict(model.named_modules()))
    named = {path: m for path, m in model.named_modules() if matches(path, target)}
    sites = {
        f"{path}.{name}".strip("."): m
        for path, top in named.items()
        for name, m in top.named_modules()
        if delta.fits(m)
    }
    if not sites:
        raise ValueError(
            _no_site(model, delta, target, named).replace("target", "also", 1)
        )
    refuse_tied(model, delta, sites)
    return sites


def check_pattern(what, target):
    """Raise ValueError for a string that is no regular expression, TypeError for what is
    neither a string nor several."""
    if not isinstance(target, str):
        several = isinstance(target, (list, tuple, set, dict))
        if target is not None and not (
            several and all(isinstance(name, str) for name in target)
        ):
            raise TypeError(
                f"{what}: expected a pattern or a list of names, got {target!r}"
            )
        return
    try:
        re.compile(target)
    except re.error as error:
        raise ValueError(
            f"{what} {target!r} is not a regular expression: {error}"
        ) from None


def pattern_value(patterns, path, default):
    """The value of the first key that matches the end of `path`, else `default`."""
    for key, value in (patterns or {}).items():
        if re.match(rf"(.*\.)?({key})$", path):
            return value
    return default


def _no_site(model, delta, target, named):
    method = type(delta).__name__
    if not any(delta.fits(m) for m in model.modules()):
        return (
            f"attach({method}): no module of this {type(model).__name__} can hold it; "
            f"{method} sits on: {delta.where or 'see its docstring'}"
        )
    if named:
        path, module = next(iter(named.items()))
        below = [name for name, _ in module.named_children()]
        return (
            f"attach({method}): target {target!r} names {type(module).__name__} "
            f"{path!r}, where {method} can not sit, or which other options exclude"
            + (f"; did you mean one below it: {', '.join(below)}?" if below else "")
        )
    fitting = sorted({p for p, m in model.named_modules() if p and delta.fits(m)})
    asked = [target] if isinstance(target, str) else list(target)
    near = near_misses(asked, fitting)
    return (
        f"attach({method}): target {target!r} matches no module; nearest names: "
        f"{', '.join(near) or 'none'}"
    )


def near_misses(asked, names, count=5):
    """The names, or endings of names, most like those asked for."""
    endings = {}
    for name in names:
        parts = name.split(".")
        for i in range(len(parts)):
            endings.setdefault(".".join(parts[i:]), name)
    found = []
    for word in asked:
        plain = word.replace("\\", "")
        for end in difflib.get_close_matches(plain, endings, count, 0.4):
            if endings[end] not in found:
                found.append(endings[end])
    return (found or list(names))[:count]


def refuse_tied(model, delta, sites):
    """Raise ValueError, with both names, if a parameter to change has two owners."""
    owners = {}
    for path, module in model.named_modules():
        for name, p in module._parameters.items():
            owners.setdefault(id(p), []).append(f"{path}.{name}")
    for path, module in sites.items():
        for name in delta.changes or (
            module._parameters if delta.kind == "FULL" else ()
        ):
            p = module._parameters.get(name)
            names = owners[id(p)] if p is not None else ()
            if len(names) > 1:
                raise ValueError(
                    f"attach({type(delta).__name__}): {path}.{name} is tied, one array "
                    f"under the names {' and '.join(names)}; a delta on one would change "
                    "both. Untie them (give one its own Parameter) or choose other sites"
                )
