"""Delta: what a fine-tuning method adds to one site of a model.

A method is one file with one class (and, if Hugging Face PEFT has it, one codec in
peft/huggingface/):

    class LoRA(Delta, kind="LORA"):                      # W' = W + (α/r) B A
        changes, factored = ("weight",), True
        def build(self, module, rng): ...                # make A and B for this site
        def weight(self, W):    return W + self.scale * (self.B @ self.A)
        def output(self, x, y): return y + self.scale * ((x @ self.A.T) @ self.B.T)

`weight` is the closed form (merge, inspection), `output` the factored form of a call;
tests/test_peft_contract.py proves for every registered method that they agree, and the
other laws of the house: off is the base bit for bit, merge is live, unmerge is exact.

Where they act: the two seams at the head of tinyft/nn/module.py. Deltas compose in order
of attachment; `factored` says that `output` is the whole effect of the changed weight.
"""

import itertools

from tinyft import backend
from tinyft.nn.module import Module
from tinyft.peft.options import read_options

registry = {}  # kind -> class


class Delta(Module):
    """Base class of every method. `LoRA(r=8)` is a template; `attach` binds copies of it.

    The arguments of `__init__` are the method's options: each is an attribute of that
    name before `__init__` runs, and all are in `options`. What a method sets:

      changes     names of the parameters it redefines, with one method of each name
      buffers_too names of buffers it redefines when merged (a copy of a BatchNorm)
      factored    True if `output(x, y)` is the same change; asked at every call
      mergeable   False if it is not a function of the parameters (adapters, prefixes)
      identity_at_start  False if the model differs from the base before any training
      composes    False if of two on one site only the last acts
      rowwise     False if it cannot act on some rows of a batch only
      sites       the pattern of `attach(model, delta)` without a target
      formula, where, counts, chapter    for the table, docs/methods.md
    Methods: `fits(module)`, `build(module, rng)`, `weight(W)` / `bias(b)`, `output(x, y)`;
    for several sites at once `prepare(model, sites, rng)` and `companions(model, deltas)`.
    """

    kind = peft_type = None  # peft_type: PEFT's name, set by the method's codec
    changes, buffers_too, factored, mergeable = (), (), False, True
    identity_at_start = rowwise = composes = True
    sites = None
    formula = where = counts = chapter = ""
    output = None  # a method, for deltas that act on the result of a call

    def __init_subclass__(cls, kind=None, **rest):
        super().__init_subclass__(**rest)
        if kind is not None:
            cls.kind = kind
            registry[kind] = cls

    def __new__(cls, *args, **given):
        self = super().__new__(cls)
        self.enabled, self.merged, self.path = True, False, None
        self.options = {}
        Delta.__init__(self, **read_options(cls, args, given))
        return self

    def __init__(self, **options):
        """Set options; a method's own `__init__` checks them, and may set them again."""
        self.options.update(options)
        for name, value in options.items():
            setattr(self, name, value)

    @property
    def active(self):
        """Acts on its site now: enabled, and not already part of the merged weight."""
        return self.enabled and not self.merged

    def own_sites(self, model):
        """The target of an `attach` that names none; None if the user must name one."""
        return self.sites

    def fits(self, module):
        """Can this method sit on `module`?"""
        raise NotImplementedError

    def check_site(self, path, module):
        """Raise ValueError if these options make no sense at this site. Asked by attach
        only: files and combinations may have what a user would not choose."""

    def build(self, module, rng):
        """Make this delta's parameters for its site."""
        raise NotImplementedError

    def check_closed(self):
        """Raise ValueError if a call by the closed form would lose this delta's dropout.

        Asked when another method on the same weight has no factored form.
        """
        token_ids = getattr(getattr(self, "layout", None), "lookup", False)
        if getattr(self, "dropout", 0) and self.training and not token_ids:
            raise ValueError(
                f"{type(self).__name__} at {self.path!r}: its dropout of {self.dropout} "
                "acts on the input of the factored form, and another method on this "
                "weight needs the closed form; set dropout=0, or switch the other off"
            )

    def change(self, name, value):
        """The new value of the site's parameter `name`: calls `weight(W)`, `bias(b)`."""
        return getattr(type(self), name)(self, value)

    def prepare(self, model, sites, rng):
        """What the sites of one adapter share; each bound delta has it as `shared`."""
        return None

    def companions(self, model, deltas):
        """[(path, Delta)] that the method needs beside its own deltas, {path: Delta}: a
        prefix shifts the positions. They act before the method's own at a site."""
        return []

    def copied(self, **changes):
        """The same method with some options changed."""
        return type(self)(**{**self.options, **changes})

    def bind(self, path, module, rng, shared=None, **changes):
        """A copy of this template, built for one site; `changes` are other options."""
        delta = self.copied(**changes)
        delta.path = path
        delta.__dict__.update(site=module, shared=shared)  # not part of the tree
        values = itertools.chain(module.parameters(), module.buffers())
        here = next((value.device for value in values), None)
        with backend.device(here or backend.default_device()):
            delta.build(module, rng)
        delta.train(module.training)
        return delta if here is None else delta.to(here)  # None: build chose the place

    def stored(self):
        """The Tensors a file holds: all, or what an encoder makes of them, `vectors`."""
        made = getattr(self, "vectors", None)
        return [made()] if made else list(self.slots().values())

    def slots(self):
        """{name: Parameter or Buffer} of this delta."""
        return {**dict(self.named_parameters()), **dict(self.named_buffers())}
