"""Module: a tree of parameters, buffers and submodules, with the two seams of PEFT.

Names and state dicts are PyTorch's. Every fine-tuning method meets a model in two places,
both in this file, so that no layer and no model mentions any method:

    reading a parameter   `self.weight` passes W through the active deltas that define
                          `weight(W)`, in order of attachment:  W' = f_n(... f_1(W))
    calling a module      `module(x)` passes its result through the deltas that define
                          `output(x, y)`:                       y' = y + (α/r) B A x

A delta that defines both (LoRA) has the same y' either way. The call takes the factored
way, `output` on the bare weight, when every active delta on the module can, and the
`weight` way otherwise. So `module.weight` is more than a field: it computes W' at each
read (`module.deltas()` shows what is active; `module.parameter("weight")` is the bare one).
"""

from tinyft import backend
from tinyft.autograd.function import mode
from tinyft.autograd.tensor import Tensor
from tinyft.nn.state import load_state, state_of
from tinyft.nn.text import describe


class Parameter(Tensor):
    """A Tensor that a Module trains: found by `parameters()`, kept in `state_dict()`."""

    __slots__ = ()

    def __init__(self, values, requires_grad=True, dtype=None):
        super().__init__(values, requires_grad, dtype)


class Buffer(Tensor):
    """State that is not trained (running statistics); `persistent` puts it in the state."""

    __slots__ = ("persistent",)

    def __init__(self, values, persistent=True, dtype=None):
        super().__init__(values, False, dtype)
        self.persistent = persistent


_KINDS = {Parameter: "_parameters", Buffer: "_buffers"}


class Module:
    """Base class of layers and models: define `__init__` and `forward`."""

    def __new__(cls, *args, **kwargs):
        self = super().__new__(cls)
        fields = self.__dict__
        fields["_parameters"], fields["_buffers"], fields["_modules"] = {}, {}, {}
        fields["_deltas"], fields["_factored"] = (), False
        fields["training"] = True
        return self

    def forward(self, *inputs, **options):
        """Compute the output; subclasses define it, callers write `module(x)`."""
        raise NotImplementedError(f"{type(self).__name__} does not define forward()")

    # --- the two seams -----------------------------------------------------------
    def __getattr__(self, name):
        fields = self.__dict__
        if name in fields["_parameters"]:
            value = fields["_parameters"][name]
            if fields["_deltas"] and not fields["_factored"]:
                for delta in self.deltas():
                    if name in delta.changes and value is not None:
                        value = delta.change(name, value)
            return value
        for kind in ("_modules", "_buffers"):
            if name in fields[kind]:
                return fields[kind][name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __call__(self, *inputs, **options):
        if mode.anomaly is not None:
            return self._watched(*inputs, **options)
        if not self._deltas:
            return self.forward(*inputs, **options)
        return self._adapted(*inputs, **options)

    def _adapted(self, *inputs, **options):
        active = self.deltas()
        factored = all(d.additive for d in active if d.changes)
        before, self.__dict__["_factored"] = self._factored, factored
        try:
            y = self.forward(*inputs, **options)
        finally:
            self.__dict__["_factored"] = before
        for delta in active:
            if delta.output is not None and (factored or not delta.changes):
                y = delta.output(inputs[0] if inputs else None, y)
        return y

    def deltas(self):
        """The deltas that act on this module now, in order of attachment."""
        return [d for d in self.__dict__["_deltas"] if d.active]

    # --- fields ------------------------------------------------------------------
    def __setattr__(self, name, value):
        fields = self.__dict__
        kind = _KINDS.get(type(value)) or ("_modules" if isinstance(value, Module) else None)
        if kind is None and name in fields["_parameters"]:
            if value is not None:
                raise TypeError(
                    f"{type(self).__name__}.{name} is a Parameter; assign a Parameter or "
                    f"None, or its values with .{name}.data = array, not a "
                    f"{type(value).__name__}"
                )
            kind = "_parameters"
        if kind is None:
            fields[name] = value
            return
        for other in ("_parameters", "_buffers", "_modules"):
            if other != kind:
                fields[other].pop(name, None)
        fields.pop(name, None)
        fields[kind][name] = value

    def __delattr__(self, name):
        for kind in ("_parameters", "_buffers", "_modules"):
            if name in self.__dict__[kind]:
                del self.__dict__[kind][name]
                return
        object.__delattr__(self, name)

    def register_parameter(self, name, parameter):
        """Add a Parameter, or None for one that is absent (a layer without a bias)."""
        self.__dict__["_parameters"][name] = parameter

    def register_buffer(self, name, values, persistent=True):
        """Add state that is not trained."""
        setattr(self, name, Buffer(values, persistent))

    def parameter(self, name):
        """The bare Parameter, past the seam."""
        return self.__dict__["_parameters"][name]

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

    def named_parameters(self, prefix=""):
        """Yield (name, Parameter); a shared one once, under its first name."""
        return self._named("_parameters", prefix)

    def parameters(self):
        """Yield every Parameter of the model once (a delta's are not among them)."""
        return (p for _, p in self.named_parameters())

    def named_buffers(self, prefix=""):
        """Yield (name, Buffer)."""
        return self._named("_buffers", prefix)

    def buffers(self):
        """Yield every Buffer."""
        return (b for _, b in self.named_buffers())

    def get_submodule(self, path):
        """The module at a path such as 'blocks.0.attn'; AttributeError if none is there."""
        module = self
        for name in path.split(".") if path else ():
            if name not in module._modules:
                raise AttributeError(
                    f"{type(self).__name__} has no submodule {path!r}: "
                    f"{type(module).__name__} holds {', '.join(module._modules) or 'none'}"
                )
            module = module._modules[name]
        return module

    # --- state -------------------------------------------------------------------
    def state_dict(self, prefix=""):
        """{name: Tensor} of parameters and persistent buffers (sharing their memory)."""
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

    def requires_grad_(self, requires_grad=True):
        """Switch the gradient of every parameter on or off. Returns self."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self):
        """Forget every gradient."""
        for p in self.parameters():
            p.grad = None

    def apply(self, function):
        """Call function(module) on all modules, children first. Returns self."""
        for child in self.children():
            child.apply(function)
        function(self)
        return self

    def to(self, target):
        """Move parameters, buffers and deltas to a device ('cuda'), or floats to a dtype."""
        for module in self.modules():
            for value in (*module._parameters.values(), *module._buffers.values()):
                if value is not None:
                    value.data = _moved(value.data, target)
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
        """Number of parameters, shared ones once; of the (un)trainable if asked."""
        return sum(
            p.size for p in self.parameters() if trainable in (None, p.requires_grad)
        )

    def extra_repr(self):
        """What the repr shows in a layer's brackets."""
        return ""

    def __repr__(self):
        return describe(self)

    def _watched(self, *inputs, **options):
        mode.anomaly.enter(self)
        try:
            return (self._adapted if self._deltas else self.forward)(*inputs, **options)
        finally:
            mode.anomaly.leave()


def _unique(items, key):
    seen = set()
    for item in items:
        if key(item) not in seen:
            seen.add(key(item))
            yield item


def _moved(array, target):
    if isinstance(target, str) and target.partition(":")[0] in ("cpu", "cuda"):
        return backend.to(array, target)
    return array.astype(target) if array.dtype.kind == "f" else array
