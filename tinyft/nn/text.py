"""How a model prints: one line per module, with shapes, deltas and what trains.

Transformer(vocab=256, dim=64, layers=2, heads=4)                125,952 trainable
  embed: Embedding(weight 256×64)                                 16,384 trainable
  blocks: ModuleList()                                            99,968 trainable
    0-1: 2 × Block()                                              49,984 trainable each
"""


def describe(module):
    """The repr of a Module; equal neighbours in a list are one line, as PyTorch's."""
    rows = _rows(module, "")
    width = max((len(text) for text, count in rows if count), default=0)
    digits = max((len(count.split()[0]) for _, count in rows if count), default=0)
    return "\n".join(
        f"{text:{width}}  {' ' * (digits - len(count.split()[0]))}{count}"
        if count
        else text
        for text, count in rows
    )


def _rows(module, name):
    """[(text, count), ...] of a module and all below it."""
    own = ", ".join(x for x in (module.extra_repr(), _shapes(module)) if x)
    head = f"{name}: " if name else ""
    deltas = "".join(f" + {type(d).__name__}" for d in module.deltas())
    rows = [(f"{head}{type(module).__name__}({own}){deltas}", _count(module))]
    for child_name, count, child_rows in _runs(module):
        (first, total), *rest = child_rows
        if count > 1:
            first, total = f"{count} × {first}", total and f"{total} each"
        rows.append((f"  {child_name}: {first}", total))
        rows += [(f"  {text}", number) for text, number in rest]
    return rows


def _runs(module):
    """Yield (name, how many, rows) of the children; equal neighbours together."""
    runs = []
    for name, child in module.named_children():
        rows = _rows(child, "")
        if runs and name.isdigit() and runs[-1][2] == rows:
            runs[-1][1] = name
        else:
            runs.append([name, name, rows])
    for first, last, rows in runs:
        if first == last:
            yield first, 1, rows
        else:
            yield f"{first}-{last}", int(last) - int(first) + 1, rows


def _shapes(module):
    return ", ".join(
        f"{name} {'×'.join(map(str, p.shape)) or 'scalar'}"
        for name, p in module._parameters.items()
        if p is not None
    )


def _count(module):
    """'1,024 trainable', '1,024 frozen', '64 of 1,024 trainable', or ''."""
    base = list(module.base_parameters())
    total = sum(p.size for p in base) + sum(m.packed_size for m in module.modules())
    trainable = sum(p.size for p in base if p.requires_grad)
    added = module.count(trainable=True) - trainable
    if not total:
        return ""
    plus = f" + {added:,} in deltas" if added else ""
    if trainable in (0, total):
        return f"{total:,} {'trainable' if trainable else 'frozen'}{plus}"
    return f"{trainable:,} of {total:,} trainable{plus}"
