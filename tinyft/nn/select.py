r"""Which names a pattern means: the one language for modules and parameters.

    r"attn\.(q|v)"   a regular expression for the end of a path: 'blocks.0.attn.q'
    "^conv1"         tied to the start: the module 'conv1' of the model itself
    ["q", "v"]       a list of names, each a whole path or the end of one

`attach` (target, also, exclude), `freeze`, `layer_groups`, `L2SP(head=)` and
`IA3(feedforward=)` all read it this way, and two mistakes are errors rather than
surprises: a part that names nothing (near misses are listed), and a plain name that is
a whole path and the end of other paths too. A ResNet has 'conv1' and
'layer1.0.conv1': "conv1" could mean either, so say which:

    "^conv1"   the first alone     r".+\.conv1"   the others     r".*\bconv1"   all
"""

import difflib
import re

PLAIN = re.compile(r"\w+(\.\w+)*")


def matches(path, target):
    """Does `target`, a pattern or a list of names, name `path`?"""
    if isinstance(target, str):
        return re.fullmatch(rf"(.*\.)?({target})", path) is not None
    return any(path == name or path.endswith("." + name) for name in target)


def select(what, target, paths, kind="module"):
    """The `paths` that `target` names, in their order.

    what: the call and argument for errors, "attach(LoRA): also"; kind: what the paths
    are. Raises TypeError or ValueError for what is not a pattern, a part that names no
    path, or a plain name that could mean one path or several.
    """
    check_pattern(what, target)
    paths = [path for path in paths if path]
    for part in parts_of(target):
        if not any(matches(path, part) for path in paths):
            raise ValueError(nothing_named(what, part, paths, kind))
    found = [path for path in paths if matches(path, target)]
    if not found:  # an empty list
        raise ValueError(nothing_named(what, target, paths, kind))
    refuse_ambiguous(what, target, found)
    return found


def parts_of(target):
    """The parts of a target that each must name something: a pattern, or each name."""
    return [target] if isinstance(target, str) else [[name] for name in target or ()]


def nothing_named(what, part, paths, kind="module"):
    """The sentence for a part of a target that names none of the paths."""
    near = ", ".join(near_misses(part, paths)) or "it has none"
    return f"{what} {part!r} matches no {kind}; nearest names: {near}"


def refuse_ambiguous(what, target, found):
    """Raise ValueError if a plain name in `target` is one of the paths `found` and also
    the end of others there."""
    for name in _plain_names(target):
        others = [path for path in found if path.endswith("." + name)]
        if name in found and others:
            word = re.escape(name)
            raise ValueError(
                f"{what} {name!r} could mean {name} alone, or also {len(others)} that "
                f"end in it ({', '.join(others[:3])}{', …' * (len(others) > 3)}). Write "
                f'"^{word}" for the first, r".+\\.{word}" for the others, or '
                f'r".*\\b{word}" for all of them'
            )


def _plain_names(target):
    """The alternatives of a pattern, or entries of a list, without special signs."""
    if isinstance(target, str):
        target = re.split(r"[|()]", target.replace(r"\.", "."))
    return [name for name in target if PLAIN.fullmatch(name)]


def check_pattern(what, target):
    """Raise ValueError for a string that is not a regular expression, TypeError for what
    is neither a string nor several."""
    if isinstance(target, str):
        try:
            re.compile(target)
        except re.error as error:
            raise ValueError(
                f"{what} {target!r} is not a regular expression: {error}"
            ) from None
        return
    several = isinstance(target, (list, tuple, set, dict))
    if target is not None and not (several and all(isinstance(n, str) for n in target)):
        raise TypeError(
            f"{what}: expected a pattern or a list of names, got {target!r}"
        )


def pattern_value(patterns, path, default):
    """The value of the first key that matches the end of `path`, else `default`."""
    for key, value in (patterns or {}).items():
        if re.match(rf"(.*\.)?({key})$", path):
            return value
    return default


def layer_of(path):
    """The first number in a path: 2 of 'blocks.2.mlp.0'; None if there is none."""
    return next((int(part) for part in path.split(".") if part.isdigit()), None)


def check_layers(layers):
    """None or a list of numbers; TypeError for anything else."""
    layers = [layers] if isinstance(layers, int) else layers
    if layers is not None and (
        isinstance(layers, str) or not all(isinstance(n, int) for n in layers)
    ):
        raise TypeError(f"layers: expected a number or a list of them, got {layers!r}")
    return layers


def near_misses(asked, names, count=5):
    """The parts of names most like those asked for, else the first of the names."""
    pieces = {}
    for words in (name.split(".") for name in names):
        for i in range(len(words)):
            for j in range(i + 1, len(words) + 1):
                pieces.setdefault(".".join(words[i:j]))
    found = {}
    for word in [asked] if isinstance(asked, str) else asked:
        plain = word.replace("\\", "")
        found.update(
            dict.fromkeys(difflib.get_close_matches(plain, pieces, count, 0.5))
        )
    return list(found or names)[:count]


def refuse_tied(what, model, names):
    """Raise ValueError, with every name, if one of the parameters `names` has several."""
    owners, names = {}, list(names)
    for path, module in model.named_modules():
        for name, p in module._parameters.items():
            if p is not None:
                owners.setdefault(id(p), []).append(f"{path}.{name}".strip("."))
    for shared in owners.values():
        for name in names if len(shared) > 1 else ():
            if name in shared:
                raise ValueError(
                    f"{what}: {name} is tied, one array under the names "
                    f"{' and '.join(shared)}; a change of one would change both. Untie "
                    "them (give one its own Parameter) or choose other names"
                )
