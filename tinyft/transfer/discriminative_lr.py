r"""Discriminative learning rates: a rate for each layer, smaller further down.

    η_l = η0 α^(L−l),   l = 1 … L from the input,   η0 the rate of the TOP layer    (1)

What a rate sets is the size of a layer's own step, |ΔW_l| = η_l |g_l| for the first SGD
step and η_l √(entries) for the first Adam step. What a layer puts out also drifts because
of every layer below it: `FeatureDrift` (drift.py) measures that.

Sources: Howard and Ruder 2018, ULMFiT (α = 1/2.6, gradual unfreezing); fastai's slices.
"""

import math

from tinyft import nn
from tinyft.transfer.freeze import matching

# --- groups --------------------------------------------------------------------------


def layer_groups(model, patterns=None):
    """{name: [Parameter, ...]} from the input to the top: every parameter, once.

    Sequential     each child
    other models   what stands before the first stack ("embed" or "stem"), each member of
                   a ModuleList, each other child; all that follows the last stack is one
                   group with the last child's name (GPT: embed, blocks.0 …, head; ResNet:
                   stem, layer1 …, fc); the model's own parameters are with the first
    patterns       or your own: names from the input to the top, as for `freeze`; a
                   parameter belongs to the first that names it

    A tied parameter belongs to its lowest group; a group without parameters is left out.
    Under adapters the groups hold their parameters, by site: the base is frozen.
    Raises ValueError if a pattern names nothing, or a parameter is in no group.
    """
    if patterns is not None:
        parts = [(one, _named(model, one)) for one in patterns]
    else:
        parts = [(name, [p for m in ms for p in m.parameters()])
                 for name, ms in stages(model)]  # fmt: skip
        if parts:
            parts[0][1].extend(p for p in model._parameters.values() if p is not None)
    return _once(model, parts)


def _named(model, pattern):
    """What the pattern names, and the adapters on the modules of those."""
    found = matching(model, pattern, "layer_groups")
    own = [
        p
        for path, delta in model.named_deltas()
        if any(name.startswith(f"{path.rpartition('.')[0]}.") for name in found)
        for p in delta.parameters()
    ]
    return [*found.values(), *own]


def _trained(model):
    """{id: name} of the parameters to group: all, or those of the adapters if any."""
    base = {id(p) for p in model.base_parameters()}
    every = {id(p): name for name, p in model.named_parameters()}
    return {i: name for i, name in every.items() if i not in base} or every


def stages(model):
    """[(name, [module, ...])] from the input to the top."""
    children = [c for c in model.named_children() if [*c[1].parameters()]]
    if isinstance(model, nn.Sequential):
        return [(name, [child]) for name, child in children]
    stacks = [i for i, (_, m) in enumerate(children) if isinstance(m, nn.Sequential)]
    if not stacks:
        return [(name, [child]) for name, child in children]
    first, last = stacks[0], stacks[-1] + 1
    stages = _merged(children[:first], 0)
    for name, child in children[first:last]:
        parts = child.named_children() if isinstance(child, nn.ModuleList) else ()
        stages += [(f"{name}.{i}", [m]) for i, m in parts] or [(name, [child])]
    return stages + _merged(children[last:], -1)


def _merged(children, which):
    """One stage of these children, under the name of the first or the last."""
    if not children:
        return []
    names, modules = zip(*children)
    front = "embed" if isinstance(modules[0], nn.Embedding) else "stem"
    return [(names[-1] if which else front, list(modules))]


def _once(model, parts):
    groups, seen, every = {}, set(), _trained(model)
    for name, params in parts:
        new = {id(p): p for p in params if id(p) in every and id(p) not in seen}
        seen |= set(new)
        if new:
            groups[name] = list(new.values())
    left = [name for i, name in every.items() if i not in seen]
    if left or not groups:
        raise ValueError(
            f"layer_groups: {type(model).__name__} has parameters in no group: "
            f"{', '.join(left[:5]) or '(it has none at all)'}; name all of them in "
            'patterns, for example patterns=["encoder", ".*"]'
        )
    return groups


# --- rates ---------------------------------------------------------------------------


def layer_rates(lr, decay, count):
    """[η0 α^(L−l) for l = 1 … L], L = count: the last is lr, the top layer's rate.

    decay α in (0, 1]; 1 is one rate for all. Raises ValueError outside of that.
    """
    if not 0 < decay <= 1:
        hint = f"; to divide by {decay:g}, write 1/{decay:g}" if decay > 1 else ""
        raise ValueError(f"layer_rates: decay={decay} should lie in (0, 1]{hint}")
    _check("layer_rates", count, lr=lr)
    return [lr * decay**under for under in reversed(range(count))]  # under = L − l


def slice_rule(lo, hi, count):
    """fastai's slice(lo, hi): rates that grow by one factor from lo to hi.

    lo None is slice(hi): hi/10 for all but the top, which has hi. With count = 1 both
    are [hi]: the factor (hi/lo)^(1/(count−1)) does not exist and lo has no say. It is
    (1) with α = (lo/hi)^(1/(count−1)), so one slice is another α in another model.
    """
    _check("slice_rule", count, **{"hi": hi} if lo is None else {"lo": lo, "hi": hi})
    if count == 1:
        return [hi]
    if lo is None:
        return [hi / 10] * (count - 1) + [hi]
    return [lo * (hi / lo) ** (i / (count - 1)) for i in range(count)]


def discriminative_groups(groups, lr, decay=1.0):
    """Optimiser groups with η_l = lr · decay^(L−l): optim.SGD(discriminative_groups(…)).

    groups   {name: parameters} from the input to the top, as `layer_groups` gives them
    lr       the top group's rate η0, or one rate for each group (`slice_rule`)
    decay    α in (0, 1]

    Returns [{"name", "params", "lr"}, ...]. A number that a group lacks (weight_decay,
    betas) is the optimiser's default. Raises ValueError for a wrong count or range.
    """
    rates = lr if isinstance(lr, (list, tuple)) else None
    if rates is None:
        rates = layer_rates(lr, decay, len(groups))
    if len(rates) != len(groups) or (rates is lr and decay != 1):
        raise ValueError(
            f"discriminative_groups: {len(groups)} groups ({', '.join(groups)}) need one "
            f"lr and a decay, or {len(groups)} rates; got {len(rates)} rates and "
            f"decay={decay}"
        )
    return [
        {"name": name, "params": list(params), "lr": rate}
        for (name, params), rate in zip(groups.items(), rates)
    ]


def _check(caller, count, **rates):
    if not isinstance(count, int) or count < 1:
        raise ValueError(f"{caller}: count={count} should be a number of groups, >= 1")
    for name, rate in rates.items():
        if not 0 < rate < math.inf:
            raise ValueError(f"{caller}: {name}={rate} should be finite and > 0")


# --- gradual unfreezing --------------------------------------------------------------


def gradual_unfreeze(groups, epoch, every=1):
    """Call it before each epoch 0, 1, …: the top 1 + epoch // every groups train.

    Group l of L trains from epoch (L−l)·every on, so for max(0, E − (L−l)·every) epochs
    of E. Sets requires_grad and returns the names that train, from the input to the top.
    BatchNorm's running statistics in the frozen part move all the same (chapter 10).
    """
    if epoch < 0 or every < 1:
        raise ValueError(
            f"gradual_unfreeze: epoch={epoch} should be >= 0 and every={every} >= 1"
        )
    names = list(groups)
    on = names[max(0, len(names) - 1 - epoch // every) :]
    for name, params in groups.items():
        for p in params:
            p.requires_grad_(name in on)
            if name not in on:
                p.grad = None  # an optimiser would take its last step again
    return on
