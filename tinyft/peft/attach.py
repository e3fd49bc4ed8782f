"""attach, detach, disabled, switch: put a method on a model and take it off again.

Attaching freezes the base: every parameter's `requires_grad` is remembered by name and
switched off, and BatchNorm statistics are frozen (a "frozen" base whose running
statistics move is not the base any more: huggingface/peft#1732). Detaching the last
adapter restores exactly what was.
"""

import contextlib

from tinyft.nn import BatchNorm2d, Module, init
from tinyft.peft.adapter import Adapter
from tinyft.peft.delta import Delta
from tinyft.peft.methods.full import Full
from tinyft.peft.sites import (
    check_pattern,
    find_sites,
    find_whole,
    near_misses,
    pattern_value,
)


def attached(model):
    """{name: Adapter} of what is attached to `model`, in order of attachment."""
    if not isinstance(model, Module):
        raise TypeError(
            f"expected a model, a Module with adapters attached, got a "
            f"{type(model).__name__}"
        )
    return model.__dict__.setdefault("_adapters", {})


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
):
    """Put a copy of `delta` on every module that `target` names; freeze the base.

    target: a regular expression for the end of module paths, or a list of names; None for
    the method's own sites. rng: a numpy Generator (or seed) for the initial values.
    also: modules that train whole, as a copy in this adapter (a new head, a BatchNorm with
    its statistics). rank_pattern, alpha_pattern: {pattern: value} in place of the method's
    r and alpha, the first key that matches a path's end. layers: only where the first
    number in the path is one of these. exclude: not these. Returns an Adapter.
    Raises ValueError if the name is taken, nothing matches (near misses are listed), or a
    site's weight is tied.
    """
    _check_free(model, delta, name)
    target = delta.sites if target is None else target
    if target is None:
        raise TypeError(
            f"attach({type(delta).__name__}): which modules? pass target, a pattern such "
            r"as r'attn\.(q|v)' or a list of names"
        )
    saved = {} if also is None else find_whole(model, Full(), also)
    sites = find_sites(model, delta, target, layers, exclude, saved)
    changes = _changes(delta, sites, rank_pattern, alpha_pattern)
    return put(model, delta, sites, name, rng, saved, changes, target)


def put(model, delta, sites, name, rng=None, saved=(), changes=None, target=None):
    """Bind `delta` to `sites`, {path: module}, and make them act; see `attach`."""
    _check_free(model, delta, name)
    rng, changes = init.seeded(rng), changes or {}
    shared = delta.prepare(model, sites, rng)
    bound = {
        path: delta.bind(path, module, rng, shared, **changes.get(path, {}))
        for path, module in sites.items()
    }
    for path, extra in delta.companions(model, sites).items():
        if path not in saved:
            bound[path] = extra.bind(path, model.get_submodule(path), rng, shared)
    for path in saved:
        bound[path] = Full().bind(path, saved[path], rng)
        _thaw_copy(model, path, bound[path])
    if not attached(model):
        _freeze(model)
    for path, one in bound.items():
        module = model.get_submodule(path)
        module.__dict__["_deltas"] = (*module._deltas, one)
    attached(model)[name] = Adapter(model, name, delta, target, bound)
    return attached(model)[name]


def detach(adapter):
    """Take an adapter off; after the last one, the base trains as it did before."""
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
    if any(d.merged for d in adapter.deltas.values()):
        raise ValueError(
            f"detach: adapter {adapter.name!r} is merged; call unmerge(model) first, or "
            "keep the merged weights with model.state_dict()"
        )
    gone = {id(d) for d in adapter.deltas.values()}
    for module in model.modules():
        kept = tuple(d for d in module._deltas if id(d) not in gone)
        module.__dict__["_deltas"] = kept
    del attached(model)[adapter.name]
    if not attached(model):
        _thaw(model)


def find(model, name):
    """The adapter of that name; ValueError listing those that are there."""
    if not isinstance(name, str):
        raise TypeError(f"expected an adapter's name, a string, got {name!r}")
    if name not in attached(model):
        there = ", ".join(map(repr, attached(model))) or "none"
        raise ValueError(f"no adapter named {name!r} on this model; there is {there}")
    return attached(model)[name]


def switch(model, *names):
    """Let only the adapters of these names act (none: the base). Returns model."""
    wanted = [find(model, name) for name in names]
    for adapter in attached(model).values():
        adapter.enable(any(adapter is one for one in wanted))
    return model


@contextlib.contextmanager
def disabled(model):
    """Inside the block the model is its base; afterwards each delta is as it was."""
    with _restored(model) as deltas:
        for delta in deltas:
            delta.enabled = False
        yield model


@contextlib.contextmanager
def _restored(model):
    """Yield all deltas; afterwards each is on or off as it was."""
    before = [(d, d.enabled) for m in model.modules() for d in m._deltas]
    try:
        yield [delta for delta, _ in before]
    finally:
        for delta, enabled in before:
            delta.enabled = enabled


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
    if any(d.merged for m in model.modules() for d in m._deltas):
        raise ValueError("attach: another adapter is merged; call unmerge(model) first")


def _changes(delta, sites, rank_pattern, alpha_pattern):
    """{path: the options that rank_pattern and alpha_pattern change there}."""
    changes = {path: {} for path in sites}
    for option, what, patterns in (
        ("r", "rank_pattern", rank_pattern),
        ("alpha", "alpha_pattern", alpha_pattern),
    ):
        if not patterns:
            continue
        _check_patterns(delta, option, what, patterns, sites)
        for path in sites:
            default = delta.options[option]
            changes[path][option] = pattern_value(patterns, path, default)
    return changes


def _check_patterns(delta, option, what, patterns, sites):
    method = f"attach({type(delta).__name__})"
    if option not in delta.options:
        raise ValueError(
            f"{method}: this method has no {option}, so rank_pattern and alpha_pattern "
            "mean nothing to it"
        )
    if not isinstance(patterns, dict):
        raise TypeError(
            f"{method}: {what} is a dict, {{pattern: value}}, got {patterns!r}"
        )
    for key in patterns:
        check_pattern(f"{method}: {what}", key)
        if not any(pattern_value({key: True}, path, False) for path in sites):
            raise ValueError(
                f"{method}: {what} {key!r} matches none of the sites; nearest names: "
                f"{', '.join(near_misses([key], list(sites)))}"
            )


def _freeze(model):
    was = {name: p.requires_grad for name, p in model.named_parameters()}
    norms = {
        path: m.statistics
        for path, m in model.named_modules()
        if isinstance(m, BatchNorm2d)
    }
    model.__dict__["_before_attach"] = was, norms
    model.requires_grad_(False)
    for path, statistics in norms.items():
        if statistics == "update":
            model.get_submodule(path).statistics = "frozen"


def _thaw(model):
    was, norms = model.__dict__.pop("_before_attach")
    for name, p in model.named_parameters():
        p.requires_grad_(was.get(name, True))
    for path, statistics in norms.items():
        model.get_submodule(path).statistics = statistics


def _thaw_copy(model, path, full):
    """A trained copy of a BatchNorm has the statistics mode from before any attach."""
    norms = model.__dict__.get("_before_attach", ({}, {}))[1]
    if path in norms:
        full.copy.statistics = norms[path]
