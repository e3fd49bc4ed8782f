"""attach and detach: put a method on a model and take it off again.

Attaching freezes the base: every parameter's `requires_grad` is remembered by name and
switched off, and BatchNorm statistics are frozen (a "frozen" base whose running
statistics move is not the base any more: huggingface/peft#1732). Detaching the last
adapter restores exactly what was.
"""

from tinyft.nn import BatchNorm2d, init
from tinyft.peft.acting import attached, is_merged, refuse_block
from tinyft.peft.adapter import Adapter
from tinyft.peft.delta import Delta
from tinyft.peft.full import Full
from tinyft.peft.options import refuse_unknown
from tinyft.peft.sites import find_sites, find_whole, option_changes

ARGUMENTS = ("target", "name", "rng", "also", "rank_pattern", "alpha_pattern")
ARGUMENTS += ("layers", "exclude")


def attach(
    model,
    delta,
    target=None,
    name="default",
    rng=None,
    *,
    also=None,
    rank_pattern=None,
    alpha_pattern=None,
    layers=None,
    exclude=None,
    **unknown,
):
    """Put a copy of `delta` on every module that `target` names; freeze the base.

    A second adapter acts together with the first, on top of it; `switch(model, name)` lets
    one act alone, `active(model)` and the repr of the result say which do.
    target: a regular expression for the end of module paths, or a list of names (see
    nn/select.py); None for the method's own sites. rng: a numpy Generator (or seed) for
    the initial values. also: modules that train whole, as a copy in this adapter (a new
    head, a BatchNorm with its statistics). rank_pattern, alpha_pattern: {pattern: value}
    instead of the method's r and alpha, the first key that matches a path's end. layers:
    only where the first number in the path is one of these. exclude: not these.
    Returns an Adapter. Raises ValueError if the name is taken, nothing matches (near
    misses are listed), a name is ambiguous, the model is merged, or a weight is tied.
    """
    refuse_unknown("attach", unknown, ARGUMENTS)
    _check_free(model, delta, name)
    target = _target(model, delta, target)
    saved = {} if also is None else find_whole(model, also)
    sites = find_sites(model, delta, target, layers, exclude, saved)
    changes = option_changes(delta, sites, rank_pattern, alpha_pattern)
    for path, module in sites.items():
        delta.copied(**changes[path]).check_site(path, module)
    return put(model, delta, sites, name, rng, saved, changes, target)


def _target(model, delta, target):
    target = delta.own_sites(model) if target is None else target
    if target is None:
        raise TypeError(
            f"attach({type(delta).__name__}): which modules? pass target, a pattern such "
            r"as r'attn\.(q|v)' or a list of names"
        )
    return target


def put(model, delta, sites, name, rng=None, saved=(), changes=None, target=None):
    """Bind `delta` to `sites`, {path: module}, and make them act; see `attach`."""
    _check_free(model, delta, name)
    rng, changes = init.seeded(rng), changes or {}
    shared = delta.prepare(model, sites, rng)
    bound = {
        path: delta.bind(path, module, rng, shared, **changes.get(path, {}))
        for path, module in sites.items()
    }
    beside = {}
    for path, extra in delta.companions(model, bound):
        if path not in saved:
            key = f"{path}.{type(extra).__name__.lower()}".strip(".")
            beside[key] = extra.bind(path, model.get_submodule(path), rng, shared)
    for path in saved:
        bound[path] = Full().bind(path, saved[path], rng)
        _thaw_copy(model, path, bound[path])
    if not attached(model):
        _freeze(model)
    for extra in (*beside.values(), *bound.values()):
        extra.site.__dict__["_deltas"] = (*extra.site._deltas, extra)
    attached(model)[name] = Adapter(model, name, delta, target, bound | beside)
    return attached(model)[name]


def detach(adapter):
    """Take an adapter off; after the last one, the base trains as it did before.

    Raises ValueError while the model is merged (its weights hold what acted then).
    """
    if not isinstance(adapter, Adapter):
        raise TypeError(
            "detach takes the adapter that attach() returned, not a "
            f"{type(adapter).__name__}; the adapters of a model: attached(model)"
        )
    model = adapter.model
    if attached(model).get(adapter.name) is not adapter:
        raise ValueError(
            f"detach: the adapter {adapter.name!r} is not attached any more"
        )
    refuse_block(model, "detach")
    for other in attached(model).values():
        if adapter.name in getattr(other.template, "adapters", ()):
            raise ValueError(
                f"detach: adapter {other.name!r} mixes {adapter.name!r}; detach that first"
            )
    if any(d.merged for d in adapter.deltas.values()):
        raise ValueError(
            f"detach: adapter {adapter.name!r} is merged; call unmerge(model) first, or "
            "bake(model) to keep the merged weights for good"
        )
    remove(adapter)


def remove(adapter):
    """Take the deltas off, and thaw the base after the last adapter."""
    model, gone = adapter.model, {id(d) for d in adapter.deltas.values()}
    for module in model.modules():
        kept = tuple(d for d in module._deltas if id(d) not in gone)
        module.__dict__["_deltas"] = kept
    del attached(model)[adapter.name]
    if not attached(model):
        _thaw(model)


def _check_free(model, delta, name):
    if not isinstance(delta, Delta):
        raise TypeError(
            f"attach(model, delta, target): expected a method such as peft.LoRA(r=8), got "
            f"{type(delta).__name__}"
        )
    if not isinstance(name, str) or not name:
        raise ValueError(f"attach: an adapter's name is a string, got {name!r}")
    if name in attached(model):
        raise ValueError(
            f"attach: an adapter named {name!r} is already there; detach it first, or "
            'give this one another name: attach(..., name="second")'
        )
    refuse_block(model, "attach")
    if is_merged(model):
        raise ValueError("attach: another adapter is merged; call unmerge(model) first")


def _freeze(model):
    base = dict(model._named("_parameters", ""))  # the base's alone
    norms = {
        path: m.statistics
        for path, m in model.named_modules()
        if isinstance(m, BatchNorm2d)
    }
    was = {name: p.requires_grad for name, p in base.items()}
    model.__dict__["_before_attach"] = was, norms
    for p in base.values():
        p.requires_grad_(False)
    for path, statistics in norms.items():
        if statistics == "update":
            model.get_submodule(path).statistics = "frozen"


def _thaw(model):
    was, norms = model.__dict__.pop("_before_attach")
    for name, p in model._named("_parameters", ""):
        p.requires_grad_(was.get(name, True))
    for path, statistics in norms.items():
        model.get_submodule(path).statistics = statistics


def _thaw_copy(model, path, full):
    """A trained copy of a BatchNorm has the statistics mode from before any attach."""
    norms = model.__dict__.get("_before_attach", ({}, {}))[1]
    if path in norms:
        full.copy.statistics = norms[path]
