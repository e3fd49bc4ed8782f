"""Delta: what a fine-tuning method adds to one site of a model.

A method is one file with one class:

    class LoRA(Delta, kind="LORA"):                      # W' = W + (α/r) B A
        changes, additive = ("weight",), True
        def build(self, module, rng): ...                # make A and B for this site
        def weight(self, W):    return W + self.scale * (self.B @ self.A)
        def output(self, x, y): return y + self.scale * ((x @ self.A.T) @ self.B.T)

`weight` is the closed form (merge, inspection), `output` the factored form of a call;
tests/test_peft_contract.py proves for every registered method that they agree, and the
other laws of design: off is the base bit for bit, merge is live, unmerge is exact.

Where they act: the two seams at the head of tinyft/nn/module.py. Deltas compose in order
of attachment; `additive` says that `output` is the whole effect of the changed weight.
"""

import inspect

from tinyft import backend
from tinyft.nn.module import Module

PREFIX = "base_model.model."  # before every path in Hugging Face's adapter files

registry = {}  # kind -> class


class Delta(Module):
    """Base class of every method. `LoRA(r=8)` is a template; `attach` binds copies of it.

    Class attributes a method sets:
      changes     names of the parameters it redefines, with one method of each name
      buffers_too names of buffers it redefines when merged (a copy of a BatchNorm)
      additive    True if `output(x, y)` is the same change, factored
      mergeable   False if it is no function of the parameters (adapters, prefixes)
      identity_at_start  False if the model differs from the base before any training
      composes    False if of two on one site only the last acts
      rowwise     False if it can not act on some rows of a batch only
      sites       the pattern of `attach(model, delta)` without a target
      formula, where, counts, chapter    for the table, docs/methods.md
    Methods: `fits(module)`, `build(module, rng)`, `weight(W)` / `bias(b)`, `output(x, y)`;
    for several sites at once `prepare(model, sites, rng)` and `companions(model, sites)`.
    """

    kind = peft_type = None
    changes, buffers_too, additive, mergeable = (), (), False, True
    identity_at_start = rowwise = composes = True
    sites = None
    formula = where = counts = chapter = ""
    output = None  # a method, for deltas that act on the result of a call

    def __init_subclass__(cls, kind=None, **rest):
        super().__init_subclass__(**rest)
        if kind is not None:
            cls.kind = kind
            cls.peft_type = cls.__dict__.get("peft_type", kind)
            registry[kind] = cls

    def __init__(self, **options):
        self.options = options
        for name, value in options.items():
            setattr(self, name, value)
        self.enabled, self.merged, self.path = True, False, None

    @property
    def active(self):
        """Acts on its site now: enabled, and not already part of the merged weight."""
        return self.enabled and not self.merged

    def fits(self, module):
        """Can this method sit on `module`?"""
        raise NotImplementedError

    def build(self, module, rng):
        """Make this delta's parameters for its site."""
        raise NotImplementedError

    def change(self, name, value):
        """The new value of the site's parameter `name`: calls `weight(W)`, `bias(b)`."""
        return getattr(type(self), name)(self, value)

    def prepare(self, model, sites, rng):
        """What the sites of one adapter share; each bound delta has it as `shared`."""
        return None

    def companions(self, model, sites):
        """{path: Delta} that the method needs elsewhere: a prefix shifts the positions."""
        return {}

    def bind(self, path, module, rng, shared=None, **changes):
        """A copy of this template, built for one site; `changes` are other options."""
        delta = type(self)(**{**self.options, **changes})
        delta.path = path
        delta.__dict__.update(site=module, shared=shared)  # not part of the tree
        here = next((p.device for p in module.parameters()), None)
        with backend.device(here or backend.default_device()):
            delta.build(module, rng)
        delta.train(module.training)
        return delta if here is None else delta.to(here)  # None: build chose the place

    # --- the Hugging Face file format: names in the file, fields of the config -----
    @classmethod
    def reads(cls, config):
        """Is this the class for such an adapter_config.json?"""
        return config.get("peft_type") == cls.peft_type

    def file_names(self):
        """{own parameter or buffer: its suffix in the file, after the site's path}."""
        return {name: name for name in self.slots()}

    def file_arrays(self):
        """What a file holds of this delta, as arrays: by default all of it."""
        return list(self.slots().values())

    def slots(self):
        """{name: Parameter or Buffer} of this delta."""
        return {**dict(self.named_parameters()), **dict(self.named_buffers())}

    @classmethod
    def to_file(cls, deltas):
        """{name in the file: array} of one adapter's deltas of this class."""
        return {key: slot.numpy() for key, slot in _file_slots(deltas).items()}

    @classmethod
    def from_file(cls, deltas, state):
        """Copy what `to_file` wrote back in; names and shapes have been checked."""
        for key, slot in _file_slots(deltas).items():
            slot.data = backend.to(state[key].astype(slot.dtype), slot.device)

    def to_config(self, deltas):
        """This method's fields of adapter_config.json; by default its options."""
        return dict(self.options)

    @classmethod
    def from_config(cls, config):
        """The template that a config describes."""
        names = inspect.signature(cls.__init__).parameters
        return cls(**{key: _tuples(config[key]) for key in names if key in config})


def _file_slots(deltas):
    found = {}
    for delta in deltas:
        slots = delta.slots()
        for own, suffix in delta.file_names().items():
            path = f"{delta.path}." if delta.path else ""
            found[f"{PREFIX}{path}{suffix}"] = slots[own]
    return found


def _tuples(value):
    return tuple(value) if isinstance(value, list) else value
