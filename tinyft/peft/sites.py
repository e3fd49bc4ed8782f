"""Sites: the modules of a model that a target names and a method can sit on."""

from tinyft.nn.select import (
    check_layers,
    check_pattern,
    layer_of,
    matches,
    near_misses,
    nothing_named,
    parts_of,
    pattern_value,
    refuse_ambiguous,
    refuse_tied,
    select,
)
from tinyft.peft.full import Full


def find_sites(model, delta, target, layers=None, exclude=None, saved=()):
    """{path: module} of the modules that `target` names and `delta` can sit on.

    layers: numbers to which the first number in a path is restricted; exclude: a pattern
    or list; saved: paths that another delta takes whole.
    """
    call = f"attach({type(delta).__name__})"
    check_pattern("target", target)
    check_pattern("exclude", exclude)
    modules, layers = dict(model.named_modules()), check_layers(layers)
    for part in parts_of(target):
        named = {path: m for path, m in modules.items() if matches(path, part)}
        if not any(delta.fits(m) for m in named.values()):
            raise ValueError(_no_site(call, model, delta, part, named))
    named = {path: m for path, m in modules.items() if matches(path, target)}
    fitting = {path: m for path, m in named.items() if delta.fits(m)}
    excluded = select(f"{call}: exclude", exclude, modules) if exclude else ()
    _refuse_lost_layers(call, layers, fitting)
    sites = {
        path: m
        for path, m in fitting.items()
        if path not in saved
        and path not in excluded
        and (layers is None or layer_of(path) in layers)
    }
    if not sites:
        raise ValueError(_no_site(call, model, delta, target, named))
    refuse_ambiguous(f"{call}: target", target, list(sites))
    refuse_tied(call, model, changed_names(sites, delta))
    return sites


def find_whole(model, target):
    """{path: module}: below the modules that `target` names, those with own parameters."""
    paths = dict(model.named_modules())
    named = select("attach(Full): also", target, paths)
    sites = {
        f"{path}.{name}".strip("."): m
        for path in named
        for name, m in paths[path].named_modules()
        if Full().fits(m)
    }
    if not sites:
        raise ValueError(
            _no_site("attach(Full)", model, Full(), target, dict.fromkeys(named))
        )
    refuse_tied("attach(Full)", model, changed_names(sites, Full()))
    return sites


def changed_names(sites, delta):
    """The full names of the parameters that deltas on these sites redefine."""
    whole = isinstance(delta, Full) and not delta.only
    for path, module in sites.items():
        for name in module._parameters if whole else delta.changes:
            yield f"{path}.{name}".strip(".")


def option_changes(delta, sites, rank_pattern, alpha_pattern):
    """{path: the options that rank_pattern and alpha_pattern change there}."""
    changes = {path: {} for path in sites}
    for option, what, patterns in (
        ("r", "rank_pattern", rank_pattern),
        ("alpha", "alpha_pattern", alpha_pattern),
    ):
        if patterns:
            _check_patterns(delta, option, what, patterns, sites)
            default = delta.options[option]
            for path in sites:
                changes[path][option] = pattern_value(patterns, path, default)
    return changes


def _check_patterns(delta, option, what, patterns, sites):
    call = f"attach({type(delta).__name__})"
    if option not in delta.options:
        raise ValueError(
            f"{call}: this method has no {option}, so rank_pattern and alpha_pattern "
            "mean nothing to it"
        )
    if not isinstance(patterns, dict):
        raise TypeError(
            f"{call}: {what} is a dict, {{pattern: value}}, got {patterns!r}"
        )
    for key in patterns:
        check_pattern(f"{call}: {what}", key)
        if not any(pattern_value({key: True}, path, False) for path in sites):
            raise ValueError(
                f"{call}: {what} {key!r} matches none of the sites; nearest names: "
                f"{', '.join(near_misses(key, list(sites)))}"
            )


def _refuse_lost_layers(call, layers, paths):
    there = {layer_of(path) for path in paths} - {None}
    lost = [n for n in layers or () if n not in there]
    if lost:
        raise ValueError(
            f"{call}: layers {lost}: the first numbers in the names of the target's "
            f"modules are {sorted(there)}"
        )


def _no_site(call, model, delta, target, named):
    """Why a target gives no site: none fits, the wrong modules, or no module at all."""
    modules = dict(model.named_modules())
    fitting = sorted({path for path, m in modules.items() if path and delta.fits(m)})
    if not any(delta.fits(m) for m in modules.values()):
        return (
            f"{call}: no module of this {type(model).__name__} can hold it; "
            f"{type(delta).__name__} sits on: {delta.where or 'see its docstring'}"
        )
    if not named:
        return nothing_named(f"{call}: target", target, fitting)
    path = next(iter(named))
    held = f" (its weight is kept in {modules[path].packed_in})"
    packed = held * bool(modules[path].packed_size)
    below = ", ".join(name for name, _ in modules[path].named_children())
    return (
        f"{call}: target {target!r} names {type(modules[path]).__name__} {path!r}{packed}, "
        f"where {type(delta).__name__} cannot sit, or which other options exclude"
        + (f"; did you mean one below it: {below}?" if below else "")
    )
