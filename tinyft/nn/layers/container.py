"""Containers: Sequential, ModuleList, ModuleDict, Flatten."""

import math

from tinyft import ops
from tinyft.nn.module import Module


class Sequential(Module):
    """Apply modules one after another; named '0', '1', ... or by a dict's keys."""

    def __init__(self, *modules):
        if len(modules) == 1 and isinstance(modules[0], dict):
            named = modules[0].items()
        else:
            named = ((str(i), module) for i, module in enumerate(modules))
        for name, module in named:
            self.add_module(name, module)

    def forward(self, x):
        for module in self.children():
            x = module(x)
        return x

    def __getitem__(self, i):
        found = list(self.children())[i]
        return Sequential(*found) if isinstance(i, slice) else found

    def __setitem__(self, i, module):
        self.add_module(list(self._modules)[i], module)

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(list(self.children()))

    def append(self, module):
        """Add a module at the end. Returns self."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules):
        """Add modules at the end. Returns self."""
        for module in modules:
            self.append(module)
        return self


class ModuleList(Sequential):
    """A list of modules that the tree finds; their owner calls them."""

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
            self.add_module(name, module)

    def __getitem__(self, name):
        return self._modules[name]

    def __setitem__(self, name, module):
        self.add_module(name, module)

    def __delitem__(self, name):
        del self._modules[name]

    def __contains__(self, name):
        return name in self._modules

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules)

    def keys(self):
        return self._modules.keys()

    def values(self):
        return self._modules.values()

    def items(self):
        return self._modules.items()

    def forward(self, *inputs):
        raise NotImplementedError("a ModuleDict is not called; call one of its members")


class Flatten(Module):
    """(N, ...) to (N, number of the other entries)."""

    def forward(self, x):
        return ops.reshape(x, (x.shape[0], math.prod(x.shape[1:])))
