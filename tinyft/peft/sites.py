r"""Sites: which modules of a model a pattern names.

A pattern is matched against the end of a module's path: r"attn\.(q|v)" finds
'blocks.0.attn.q'. A list of names means any of them, each exact or an ending, as Hugging
Face's `target_modules`. Matching nothing is an error that lists near misses.

The rules of Hugging Face's configs are `Rules`: there a string must match the whole path,
`exclude_modules` and `modules_to_save` win over targets, `layers_to_transform` looks at the
first number of a path (unless the list has the path itself), and the first key of
`rank_pattern` that matches an end decides.
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
    named = {path: m for path, m in model.named_modules() if matches(path, target)}
    layers = [layers] if isinstance(layers, int) else layers
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


def find_whole(model, delta, target):
    """{path: module}: below the modules that `target` names, those with own parameters."""
    check_pattern("also", target)
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
    """Raise ValueError for a string that is no regular expression."""
    if not isinstance(target, str):
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


class Rules:
    """How Hugging Face PEFT 0.21 reads target_modules and its companions."""

    def __init__(self, config):
        self.target, self.saved = (
            config["target_modules"],
            config.get("modules_to_save"),
        )
        self.exclude = config.get("exclude_modules") or ()
        self.layers = config.get("layers_to_transform")
        names = config.get("layers_pattern") or ()
        self.names = [names] if isinstance(names, str) else list(names)

    def saves(self, path):
        """Is the module stored whole, itself or as part of one that is?"""
        names, parts = tuple(self.saved or ()), path.split(".")
        above = (".".join(parts[: i + 1]) for i in range(len(parts)))
        return any(one.endswith(names) for one in above)

    def targets(self, path):
        """Is the module a target?"""
        below = (rf"(^|.*\.){name}($|\..*)" for name in self.saved or ())
        if _named(path, self.exclude) or any(re.match(b, path) for b in below):
            return False
        return _named(path, self.target) and self._in_layers(path)

    def _in_layers(self, path):
        if self.layers in (None, []) or isinstance(self.target, str):
            return True
        if path in self.target:
            return True
        forms = [rf"(?:^|.*?\.){name}\.(\d+)\." for name in self.names]
        for form in forms or [r".*?\.[^.]*\.(\d+)\."]:
            found = re.match(form, path)
            if found:
                layers = self.layers
                wanted = [layers] if isinstance(layers, int) else layers
                return int(found[1]) in wanted
        return False


def _named(path, target):
    """PEFT's rule for one field: a string matches the whole path."""
    if isinstance(target, str):
        return re.fullmatch(target, path) is not None
    return matches(path, target)


def is_feedforward(config, path):
    """PEFT's rule for feedforward_modules: a string as a whole, the names of a list as any
    ending ('fc' is one of 'myfc')."""
    named = config.get("feedforward_modules") or ()
    if isinstance(named, str):
        return re.fullmatch(named, path) is not None
    return path.endswith(tuple(named))


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
