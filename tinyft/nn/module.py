"""Module: a tree of parameters, buffers and submodules, with the two seams of PEFT.

Names and state dicts are PyTorch's. Every fine-tuning method meets a model in two
places, both in this file, so that no layer and no model mentions any method:

    reading a parameter   `self.weight` passes W through the active deltas that define
                          `weight(W)`, in order of attachment:  W' = f_n(... f_1(W))
    calling a module      `module(x)` passes its result through the deltas that define
                          `output(x, y)`:                       y' = y + (α/r) B A x

A delta that defines both (LoRA) has the same y' either way. The call takes the factored
way, `output` on the bare weight, when every active delta on that parameter can, and the
`weight` way otherwise. So `module.weight` is more than a field: it computes W' at each
read (`module.deltas()` shows what is active; `module.parameter("weight")` is the bare
one).
"""

from collections import namedtuple

from tinyft.autograd import hints
from tinyft.autograd.mode import mode
from tinyft.nn.parameter import Buffer, Parameter
from tinyft.nn.text import describe
from tinyft.nn.tree import Tree

KINDS = ("_parameters", "_buffers", "_modules")
WeightSpec = namedtuple("WeightSpec", "shape dtype device")


class Module(Tree):
    """Base class of layers and models: define `__init__` and `forward`."""

    def __new__(cls, *args, **kwargs):
        if kwargs:
            hints.explain(cls.__name__, cls.__init__, kwargs)
        self = super().__new__(cls)
        fields = self.__dict__
        fields["_parameters"], fields["_buffers"], fields["_modules"] = {}, {}, {}
        fields["_deltas"], fields["_factored"] = (), ()
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
            return self.adapted(name, value) if fields["_deltas"] else value
        for kind in ("_modules", "_buffers"):
            if name in fields[kind]:
                return fields[kind][name]
        held = ", ".join(key for kind in KINDS for key in fields[kind]) or "nothing"
        raise AttributeError(
            f"{type(self).__name__} has no attribute {name!r}; as a module it holds "
            f"{held}{hints.instead('MODULE', name)}"
        )

    def adapted(self, name, value):
        """A parameter's value, passed through the deltas that redefine it now."""
        for delta in self.deltas():
            closed = delta not in self._factored
            if closed and name in delta.changes and value is not None:
                value = delta.change(name, value)
        return value

    def __call__(self, *inputs, **options):
        if mode.anomaly is not None:
            return self._watched(*inputs, **options)
        if not self._deltas:
            return self.forward(*inputs, **options)
        return self._adapted(*inputs, **options)

    def _adapted(self, *inputs, **options):
        active = self.deltas()
        before, factored = self._factored, _factored(active)
        for delta in active:
            if delta.changes and delta not in factored:
                delta.check_closed()
        self.__dict__["_factored"] = factored
        try:
            y = self.forward(*inputs, **options)
        finally:
            self.__dict__["_factored"] = before
        for delta in (*factored, *(d for d in active if not d.changes)):
            if delta.output is not None:
                y = delta.output(inputs[0] if inputs else None, y)
        return y

    def deltas(self):
        """The deltas that act on this module now, in order of attachment."""
        return [d for d in self.__dict__["_deltas"] if d.active]

    # --- fields ------------------------------------------------------------------
    def __setattr__(self, name, value):
        fields, kind = self.__dict__, _kind_of(value)
        for own in KINDS if kind is None else ():
            if name in fields[own]:
                self._check_empty(name, value, own)
                kind = own
        if value is None and kind == "_modules":  # an absent module is a plain None
            del fields[kind][name]
            kind = None
        if kind is None:
            object.__setattr__(self, name, value)
            return
        for other in KINDS:
            if other != kind:
                fields[other].pop(name, None)
        fields.pop(name, None)
        fields[kind][name] = value

    def _check_empty(self, name, value, kind):
        if value is not None:
            what = kind.strip("_").removesuffix("s").capitalize()
            raise TypeError(
                f"{type(self).__name__}.{name} is a {what}; assign a {what} or None"
                + (
                    ""
                    if what == "Module"
                    else f", or its values with .{name}.data = array"
                )
                + f", not a {type(value).__name__}"
            )

    def __delattr__(self, name):
        for kind in KINDS:
            if name in self.__dict__[kind]:
                del self.__dict__[kind][name]
                return
        object.__delattr__(self, name)

    def add_module(self, name, module):
        """Add a submodule; its name may be no identifier ('0', 'task a')."""
        if not isinstance(module, Module):
            raise TypeError(
                f"{type(self).__name__}: {name!r} must be a Module, got "
                f"{type(module).__name__}; wrap a function in a Module's forward"
            )
        self._check_free(name, "_modules", "a submodule")
        self.__dict__["_modules"][name] = module

    def register_parameter(self, name, parameter):
        """Add a Parameter, or None for one that is absent (a layer without a bias)."""
        self._check_free(name, "_parameters", "a parameter")
        if not isinstance(parameter, Parameter | None):
            raise TypeError(
                f"{type(self).__name__}: {name!r} must be a Parameter or None, got "
                f"{type(parameter).__name__}; write nn.Parameter(values)"
            )
        self.__dict__["_parameters"][name] = parameter

    def register_buffer(self, name, values, persistent=True):
        """Add state that is not trained, or None for state that is absent."""
        self._check_free(name, "_buffers", "a buffer")
        held = None if values is None else Buffer(values, persistent)
        self.__dict__["_buffers"][name] = held

    def _check_free(self, name, kind, what):
        """Raise ValueError unless `name` is free, or already names one of this kind."""
        held = [one for one in KINDS if one != kind and name in self.__dict__[one]]
        hidden = kind != "_modules" and hasattr(type(self), str(name))  # a method, say
        taken = held or hidden or name in self.__dict__
        if taken or not isinstance(name, str) or not name or "." in name:
            raise ValueError(
                f"{type(self).__name__}: {what} cannot be named {name!r}; use a string "
                "without dots that no other attribute has"
            )

    def parameter(self, name):
        """The bare Parameter, past the seam."""
        return self.__dict__["_parameters"][name]

    def weight_spec(self, name="weight"):
        """Shape, dtype and device of a parameter, its values left alone; None if absent.

        For whoever only needs to know how large a weight is: a layer that stores it
        packed answers without unpacking it. Raises AttributeError for an unknown name.
        """
        held = self.__dict__["_parameters"]
        if name not in held:
            raise AttributeError(
                f"{type(self).__name__} has no parameter {name!r}; it has "
                f"{', '.join(held) or 'none of its own'}"
            )
        p = held[name]
        return None if p is None else WeightSpec(p.shape, p.dtype, p.device)

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


def _factored(active):
    """The deltas that act on the result: no delta that cannot changes a parameter of
    theirs, nor one of a delta that is thereby kept to the closed form."""
    closed, before = {n for d in active for n in d.changes if not d.factored}, None
    while closed != before:
        before = closed
        closed = closed.union(*(d.changes for d in active if closed & {*d.changes}))
    return tuple(d for d in active if d.changes and not closed & {*d.changes})


def _kind_of(value):
    """The dict that holds such a value; None for a plain attribute."""
    for kind, held in zip((Parameter, Buffer, Module), KINDS):
        if isinstance(value, kind):
            return held
    return None
