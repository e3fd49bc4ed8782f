"""Containers: Sequential, ModuleList, ModuleDict, Flatten."""

from tinyft import ops
from tinyft.nn.module import Module


class Sequential(Module):
    """Apply modules one after another; they are named '0', '1', ... or by a dict's keys."""

    def __init__(self, *modules):
        named = modules[0].items() if modules and isinstance(modules[0], dict) else None
        for name, module in named or enumerate(modules):
            setattr(self, str(name), module)

    def forward(self, x):
        for module in self.children():
            x = module(x)
        return x

    def __getitem__(self, i):
        found = list(self.children())[i]
        return Sequential(*found) if isinstance(i, slice) else found

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(list(self.children()))

    def append(self, module):
        """Add a module at the end. Returns self."""
        setattr(self, str(len(self)), module)
        return self


class ModuleList(Sequential):
    """A list of modules that are found by the tree; the owner decides how to call them."""

    def __init__(self, modules=()):
        super().__init__(*modules)

    def __getitem__(self, i):
        found = list(self.children())[i]
        return ModuleList(found) if isinstance(i, slice) else found

    def forward(self, *inputs):
        raise NotImplementedError("a ModuleList is not called; call its members")


class ModuleDict(Module):
    """Modules by name: heads of several tasks."""

    def __init__(self, modules=()):
        for name, module in dict(modules).items():
            setattr(self, name, module)

    def __getitem__(self, name):
        return self._modules[name]

    def __setitem__(self, name, module):
        setattr(self, name, module)

    def __contains__(self, name):
        return name in self._modules

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules)

    def items(self):
        return self._modules.items()


class Flatten(Module):
    """(N, ...) to (N, rest)."""

    def forward(self, x):
        return ops.reshape(x, (x.shape[0], -1))
