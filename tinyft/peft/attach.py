"""attach, detach, disabled: put a method on a model and take it off again.

Attaching freezes the base: every parameter's `requires_grad` is remembered by name and
switched off, and BatchNorm statistics are frozen (a "frozen" base whose running
statistics move is not the base any more: huggingface/peft#1732). Detaching the last
adapter restores exactly what was.
"""

import contextlib

from tinyft.nn import BatchNorm2d
from tinyft.peft.delta import Delta
from tinyft.peft.sites import find_sites


class Adapter:
    """A handle on what one `attach` put on a model: `name` and `deltas`, {path: delta}."""

    def __init__(self, model, name, template, target, deltas):
        self.model, self.name, self.template = model, name, template
        self.target, self.deltas = target, deltas

    def named_parameters(self):
        """Yield (site.parameter, Parameter) of every delta."""
        for path, delta in self.deltas.items():
            yield from delta.named_parameters(path)

    def parameters(self):
        """The parameters to train: give them to an optimiser."""
        return [p for _, p in self.named_parameters()]

    def state_dict(self):
        """{site.parameter: Tensor} of every delta."""
        state = {}
        for path, delta in self.deltas.items():
            state.update(delta.state_dict(f"{path}."))
        return state

    def load_state_dict(self, state):
        """Copy a state of the same sites in; raises KeyError or ValueError, listing all."""
        own = self.state_dict()
        missing, unexpected = sorted(own.keys() - state), sorted(state.keys() - own)
        if missing or unexpected:
            raise KeyError(
                f"adapter {self.name!r}: missing {', '.join(missing) or 'nothing'}; "
                f"unexpected {', '.join(unexpected) or 'nothing'}"
            )
        for path, delta in self.deltas.items():
            start = f"{path}."
            mine = {k.removeprefix(start): state[k] for k in own if k.startswith(start)}
            delta.load_state_dict({k: mine[k] for k in delta.state_dict()})

    def count(self):
        """How many numbers it trains."""
        return sum(p.size for p in self.parameters())

    def enable(self, enabled=True):
        """Switch all its deltas on or off. Returns self."""
        for delta in self.deltas.values():
            delta.enabled = bool(enabled)
        return self

    def __repr__(self):
        method = type(self.template).__name__
        return (
            f"Adapter({self.name!r}: {method} on {len(self.deltas)} sites, "
            f"{self.count():,} parameters)"
        )


def adapters(model):
    """{name: Adapter} of what is attached to `model`, in order of attachment."""
    return model.__dict__.setdefault("_adapters", {})


def attach(model, delta, target, name="default", rng=None):
    """Put a copy of `delta` on every module that `target` names; freeze the base.

    target: a regular expression for the end of module paths, or a list of names.
    rng: a numpy Generator (or seed) for the initial values. Returns an Adapter.
    Raises ValueError if the name is taken, nothing matches (near misses are listed), or a
    site's weight is tied.
    """
    if not isinstance(delta, Delta):
        raise TypeError(
            f"attach(model, delta, target): expected a method such as peft.LoRA(r=8), got "
            f"{type(delta).__name__}"
        )
    if name in adapters(model):
        raise ValueError(
            f"attach: an adapter named {name!r} is already there; detach it first, or "
            'give this one another name: attach(..., name="second")'
        )
    if any(d.merged for m in model.modules() for d in m._deltas):
        raise ValueError("attach: another adapter is merged; call unmerge(model) first")
    sites = find_sites(model, delta, target)
    bound = {path: delta.bind(path, module, rng) for path, module in sites.items()}
    if not adapters(model):
        _freeze(model)
    for path, module in sites.items():
        module.__dict__["_deltas"] = (*module._deltas, bound[path])
    adapters(model)[name] = Adapter(model, name, delta, target, bound)
    return adapters(model)[name]


def detach(adapter):
    """Take an adapter off; after the last one, the base trains as it did before."""
    model = adapter.model
    if adapters(model).get(adapter.name) is not adapter:
        raise ValueError(f"detach: the adapter {adapter.name!r} is not attached any more")
    if any(d.merged for d in adapter.deltas.values()):
        raise ValueError(
            f"detach: adapter {adapter.name!r} is merged; call unmerge(model) first, or "
            "keep the merged weights with model.state_dict()"
        )
    gone = {id(d) for d in adapter.deltas.values()}
    for module in model.modules():
        kept = tuple(d for d in module._deltas if id(d) not in gone)
        module.__dict__["_deltas"] = kept
    del adapters(model)[adapter.name]
    if not adapters(model):
        _thaw(model)


@contextlib.contextmanager
def disabled(model):
    """Inside the block the model is its base; afterwards each delta is as it was."""
    before = [(d, d.enabled) for m in model.modules() for d in m._deltas]
    try:
        for delta, _ in before:
            delta.enabled = False
        yield model
    finally:
        for delta, enabled in before:
            delta.enabled = enabled


def _freeze(model):
    was = {name: p.requires_grad for name, p in model.named_parameters()}
    norms = {
        path: m.statistics for path, m in model.named_modules() if isinstance(m, BatchNorm2d)
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
