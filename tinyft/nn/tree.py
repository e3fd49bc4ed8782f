"""Tree: the part of a Module that is a tree of named values: walking it, its state, its
mode, its device. Names are PyTorch's: 'blocks.0.attn.q.weight'.

Each node keeps three dicts, `_parameters`, `_buffers` and `_modules`, and the tuple
`_deltas` of the fine-tuning methods that sit on it. What trains, clears, clips, counts or
moves a model means all of it, so `parameters()` and `buffers()` give the deltas' too,
after the base's: 'blocks.0.attn.q.default.A' is matrix A of the adapter "default". The
base alone is `base_parameters()` and `state_dict()`, and `modules()` are its modules.
"""

import contextlib
import itertools

from tinyft import backend
from tinyft.nn.moving import checked_target, moved
from tinyft.nn.packed_weights import count, named_packed, refuse_packed
from tinyft.nn.state import load_state, state_of


class Tree:
    """Base class of Module; see nn/module.py."""

    packed_size = 0  # weights that this module itself keeps packed, frozen for good
    packed_in = "4 bits"  # or what else they are kept in

    # --- the tree ----------------------------------------------------------------
    def named_modules(self, prefix=""):
        """Yield (path, module) for this module and all below it, each once."""
        yield from _unique(self._walk(prefix), lambda item: id(item[1]))

    def _walk(self, prefix):
        yield prefix, self
        for name, child in self._modules.items():
            yield from child._walk(f"{prefix}.{name}" if prefix else name)

    def modules(self):
        """Yield this module and all below it, each once."""
        return (module for _, module in self.named_modules())

    def named_children(self):
        """Yield (name, module) of the direct submodules."""
        yield from self._modules.items()

    def children(self):
        """Yield the direct submodules."""
        yield from self._modules.values()

    def _named(self, kind, prefix, unique=True):
        items = (
            (f"{path}.{name}" if path else name, value)
            for path, module in self._walk(prefix)
            for name, value in module.__dict__[kind].items()
            if value is not None
        )
        return _unique(items, lambda item: id(item[1])) if unique else items

    def _all_named(self, kind, prefix):
        """The base's, then those of the deltas on it, each once."""
        base = self._named(kind, prefix, unique=False)
        deltas = (delta._named(kind, path) for path, delta in self.named_deltas(prefix))
        items = itertools.chain(base, itertools.chain.from_iterable(deltas))
        return _unique(items, lambda item: id(item[1]))

    def named_deltas(self, prefix=""):
        """Yield (site.adapter, delta) of all that is attached here and below."""
        for path, module in self._walk(prefix):
            for i, delta in enumerate(module._deltas):
                name = str(delta.__dict__.get("adapter", i))
                yield (f"{path}.{name}" if path else name), delta

    def named_parameters(self, prefix=""):
        """Yield (name, Parameter), adapters' too; a shared one once, by its first name."""
        return self._all_named("_parameters", prefix)

    def parameters(self):
        """Yield every Parameter once: the base's, then those of its adapters."""
        return (p for _, p in self.named_parameters())

    def named_base_parameters(self, prefix=""):
        """Yield (name, Parameter) of the base, adapters left out; see `state_dict`."""
        return self._named("_parameters", prefix)

    def base_parameters(self):
        """Yield every Parameter of the base once."""
        return (p for _, p in self.named_base_parameters())

    def named_buffers(self, prefix=""):
        """Yield (name, Buffer), adapters' too."""
        return self._all_named("_buffers", prefix)

    def buffers(self):
        """Yield every Buffer, adapters' too."""
        return (b for _, b in self.named_buffers())

    def get_submodule(self, path):
        """The module at a path such as 'blocks.0.attn', or AttributeError."""
        module = self
        for name in path.split(".") if path else ():
            if name not in module._modules:
                raise AttributeError(
                    f"{type(self).__name__} has no submodule {path!r}: "
                    f"{type(module).__name__} holds "
                    f"{', '.join(module._modules) or 'none'}"
                )
            module = module._modules[name]
        return module

    def set_submodule(self, path, module):
        """Put `module` at `path`, where another one is; returns the one it replaces.

        Raises AttributeError if there is none, ValueError for one that carries an
        adapter, TypeError for something that is not a Module.
        """
        old = self.get_submodule(path)
        if not path or any(m._deltas for m in old.modules()):
            raise ValueError(
                f"set_submodule({path!r}): "
                + (
                    "an adapter sits there; detach it first, then attach it again"
                    if path
                    else "a model cannot replace itself; give the path of a part"
                )
            )
        owner, _, name = path.rpartition(".")
        self.get_submodule(owner).add_module(name, module)
        return old

    # --- state -------------------------------------------------------------------
    def state_dict(self, prefix=""):
        """{name: Tensor} of the base's parameters and persistent buffers, memory shared.

        An adapter's are in its own: `peft.attached(model)["default"].state_dict()`.
        """
        return state_of(self, prefix)

    def load_state_dict(self, state, strict=True):
        """Copy values of the same names and shapes in; dtypes and devices stay.

        Raises KeyError listing missing and unexpected names (unless `strict=False`) and
        ValueError listing wrong shapes; nothing is changed then. Returns (missing,
        unexpected).
        """
        return load_state(self, state, strict)

    def train(self, training=True):
        """Set training mode here and below (deltas too). Returns self."""
        for module in self.modules():
            module.__dict__["training"] = bool(training)
            for delta in module._deltas:
                delta.train(training)
        return self

    def eval(self):
        """Leave training mode: dropout off, BatchNorm by its running statistics."""
        return self.train(False)

    @contextlib.contextmanager
    def evaluating(self):
        """Evaluation mode inside the block; then each module and delta is as it was."""
        modules = [(m, m.training) for m in self.modules()]
        deltas = [(d, d.training) for m, _ in modules for d in m._deltas]
        self.eval()
        try:
            yield self
        finally:
            for module, training in modules:
                module.__dict__["training"] = training
            for delta, training in deltas:
                delta.train(training)

    def requires_grad_(self, requires_grad=True):
        """Switch the gradient of every parameter, adapters' too. Returns self.

        Raises ValueError for True if a weight is kept in 4 bits: it cannot train.
        """
        if requires_grad:
            refuse_packed("requires_grad_(True)", self.named_packed())
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self):
        """Forget every gradient, adapters' too."""
        for p in self.parameters():
            p.grad = None

    def apply(self, function):
        """Call function(module) on all modules, children first. Returns self."""
        for child in self.children():
            child.apply(function)
        function(self)
        return self

    def to(self, target):
        """Move parameters, buffers and deltas to a device, or floats to a dtype.

        Shared parameters stay shared; gradients are forgotten. Returns self.
        """
        target = checked_target(target)
        for module in self.modules():
            for value in (*module._parameters.values(), *module._buffers.values()):
                if value is not None:
                    value.data = moved(value, target)
                    value.grad = None
            for delta in module._deltas:
                delta.to(target)
        return self

    def float(self):
        """Parameters and buffers as float32."""
        return self.to(backend.float32)

    def double(self):
        """Parameters and buffers as float64, for theory."""
        return self.to(backend.float64)

    def count(self, trainable=None):
        """Number of parameters, adapters' too, shared ones once; (un)trainable if asked.

        Weights in 4 bits count as what they stand for, and never train.
        """
        return count(self, trainable)

    def nbytes(self):
        """Bytes of all parameters and buffers, adapters' too, shared ones once."""
        return sum(x.nbytes for x in (*self.parameters(), *self.buffers()))

    def named_packed(self):
        """The full names of the weights that are kept in 4 bits."""
        return named_packed(self)


def _unique(items, key):
    seen = set()
    for item in items:
        if key(item) not in seen:
            seen.add(key(item))
            yield item
