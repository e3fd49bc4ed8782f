"""How a model prints: the tree with shapes, trainable counts and active deltas."""


def describe(module):
    """The repr of a Module, one line a submodule."""
    return "\n".join(_lines(module, ""))


def _lines(module, name):
    own = ", ".join(x for x in (module.extra_repr(), _shapes(module)) if x)
    head = f"{name}: " if name else ""
    deltas = "".join(f" + {type(d).__name__}" for d in module.deltas())
    yield f"{head}{type(module).__name__}({own}){deltas}{_counts(module)}"
    for child_name, child in module.named_children():
        for line in _lines(child, child_name):
            yield "  " + line


def _shapes(module):
    return ", ".join(
        f"{name} {'×'.join(map(str, p.shape)) or 'scalar'}"
        for name, p in module._parameters.items()
        if p is not None
    )


def _counts(module):
    total, trainable = module.count(), module.count(trainable=True)
    if not total:
        return ""
    return f"  [{trainable:,} of {total:,} trainable]"
