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

from tinyft.nn.module import Module

registry = {}  # kind (Hugging Face's peft_type) -> class


class Delta(Module):
    """Base class of every method. `LoRA(r=8)` is a template; `attach` binds copies of it.

    Class attributes a method sets:
      changes     names of the parameters it redefines, with one method of each name
      additive    True if `output(x, y)` is the same change, factored
      mergeable   False if it is no function of the parameters (adapters, prefixes)
    Methods: `fits(module)`, `build(module, rng)`, `weight(W)` / `bias(b)`, `output(x, y)`.
    """

    kind = None
    changes, additive, mergeable = (), False, True
    output = None  # a method, for deltas that act on the result of a call

    def __init_subclass__(cls, kind=None, **rest):
        super().__init_subclass__(**rest)
        if kind is not None:
            cls.kind = kind
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
        """The new value of the site's parameter `name`: calls `self.weight(W)`, ..."""
        return getattr(self, name)(value)

    def bind(self, path, module, rng):
        """A copy of this template, built for one site."""
        delta = type(self)(**self.options)
        delta.path = path
        delta.build(module, rng)
        delta.train(module.training)
        return delta.to(module_device(module))

    # --- the Hugging Face file format: names in the file, fields of the config -----
    def file_names(self, module):
        """{own parameter: suffix in the file}, after the site's path."""
        raise NotImplementedError(f"{type(self).__name__} has no file format yet")

    def to_config(self):
        """This method's fields of adapter_config.json."""
        raise NotImplementedError(f"{type(self).__name__} has no file format yet")

    @classmethod
    def from_config(cls, config):
        """The template that a config describes."""
        raise NotImplementedError(f"{cls.__name__} has no file format yet")


def module_device(module):
    """The device of a module's first parameter ('cpu' if it has none)."""
    return next((p.device for p in module.parameters()), "cpu")
