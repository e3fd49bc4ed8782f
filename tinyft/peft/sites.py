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


def find_sites(model, delta, target):
    """{path: module} of the modules that `target` names and `delta` can sit on."""
    _check_pattern(target)
    named = {path: m for path, m in model.named_modules() if matches(path, target)}
    sites = {path: m for path, m in named.items() if delta.fits(m)}
    if not sites:
        raise ValueError(_no_site(model, delta, target, named))
    for path, module in sites.items():
        _refuse_tied(model, delta, path, module)
    return sites


def _check_pattern(target):
    if not isinstance(target, str):
        return
    try:
        re.compile(target)
    except re.error as error:
        raise ValueError(
            f"target {target!r} is not a regular expression: {error}"
        ) from None


def _no_site(model, delta, target, named):
    method = type(delta).__name__
    if named:
        path, module = next(iter(named.items()))
        below = [name for name, _ in module.named_children()]
        return (
            f"attach({method}): target {target!r} names {type(module).__name__} "
            f"{path!r}, where {method} can not sit"
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


def _refuse_tied(model, delta, path, module):
    for name in delta.changes:
        p = module._parameters.get(name)
        owners = [
            f"{other}.{key}"
            for other, m in model.named_modules()
            for key, q in m._parameters.items()
            if q is p and p is not None
        ]
        if len(owners) > 1:
            raise ValueError(
                f"attach({type(delta).__name__}): {path}.{name} is tied, one array under "
                f"the names {' and '.join(owners)}; a delta on one would change both. "
                "Untie them (give one its own Parameter) or choose other sites"
            )
