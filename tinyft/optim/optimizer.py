"""Optimizer: parameter groups, the step that walks them, and the state it can save.

A method is one rule on 1-D arrays, applied in place:

    def rule(self, p, g, state, t, group):
        p -= group["lr"] * g

`p` parameters, `g` gradients, `state` one array for each name in `state_names` (zeros
at first), `t` = 1, 2, ... the step, `group` the numbers of the group. Groups have
PyTorch's form, [{"params": [...], "lr": 1e-4}, ...]; the rest is the default.
"""

import math
import warnings
from numbers import Real

from tinyft import backend
from tinyft.autograd import Tensor
from tinyft.optim.saved import SCHEDULED, Saved
from tinyft.optim.slab import slabs


class Optimizer(Saved):
    """Base of every optimiser. A parameter whose `.grad` is None is left as it is.

    Raises ValueError for no parameters, one given twice, or a number out of its range;
    TypeError for something that is not a floating-point leaf Tensor.
    """

    state_names = ()

    def __init__(self, params, **defaults):
        self.defaults = {key: _plain(value) for key, value in defaults.items()}
        self.param_groups, self._slabs = [], []
        single = isinstance(params, Tensor) or hasattr(params, "named_parameters")
        if single or not hasattr(params, "__iter__"):
            raise TypeError(
                f"{self._name}(params): expected an iterable of Tensors, got one "
                f"{type(params).__name__}; pass "
                + ("its .parameters()" if hasattr(params, "parameters") else "[x]")
            )
        params = list(params)
        if not params:
            raise ValueError(
                f"{self._name}(params): there is nothing to optimise, the list is "
                "empty (a generator used before? a pattern that matched nothing?)"
            )
        grouped = isinstance(params[0], dict)
        for group in params if grouped else [{"params": params}]:
            self.add_param_group(group)
        self._warn_if_all_frozen()

    def _warn_if_all_frozen(self):
        params = [p for group in self.param_groups for p in group["params"]]
        if not any(p.requires_grad or p.grad is not None for p in params):
            warnings.warn(
                f"{self._name}(params): none of the {len(params)} parameters requires a "
                "gradient, so nothing would train. peft.attach freezes the base: pass "
                "adapter.parameters(); or unfreeze some first",
                stacklevel=4,
            )

    _name = property(lambda self: type(self).__name__)

    # --- groups ------------------------------------------------------------------
    def add_param_group(self, group):
        """Add {"params": ..., "lr": ..., "name": ...}; the rest is the default."""
        unknown = set(group) - {"params", "name", *self.defaults, *SCHEDULED}
        if unknown or "params" not in group:
            raise ValueError(
                f"{self._name}: a group holds 'params', perhaps 'name', and any of "
                f"{sorted(self.defaults)}; got {sorted(group)}"
            )
        params = group["params"]
        params = [params] if isinstance(params, Tensor) else list(params)
        self._check_params(params, group.get("name", len(self.param_groups)))
        numbers = {k: _plain(v) for k, v in group.items() if k != "params"}
        full = {**self.defaults, **numbers, "params": params}
        self.check_numbers(full)
        self.param_groups.append(full)
        self._slabs.append([])

    def _check_params(self, params, name):
        known = {}
        for i, group in enumerate(self.param_groups):
            known |= {id(p): group.get("name", i) for p in group["params"]}
        for p in params:
            if not isinstance(p, Tensor) or p.dtype.kind != "f" or not p.is_leaf:
                what = f"a Tensor of {p.dtype}" if isinstance(p, Tensor) else type(p)
                raise TypeError(
                    f"{self._name}: group {name!r} should hold floating-point leaf "
                    f"Tensors, got {what}"
                    + (", the result of an operation" if _is_result(p) else "")
                )
            self.check_dtype(p)
            if id(p) in known:
                raise ValueError(
                    f"{self._name}: a parameter of shape {p.shape} stands in group "
                    f"{known[id(p)]!r} and again in group {name!r}; each parameter may "
                    "be stepped once"
                )
            known[id(p)] = name

    def check_numbers(self, group):
        """Raise ValueError for a learning rate, decay or epsilon below zero, or NaN."""
        for key in ("lr", "weight_decay", "eps", "momentum"):
            value = group.get(key, 0.0)
            if not isinstance(value, Real) or not 0 <= value < math.inf:
                raise ValueError(
                    f"{self._name}: {key}={value!r} should be >= 0, a finite number"
                )
        betas = group.get("betas", (0.0, 0.0))
        if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(
                f"{self._name}: betas={betas} should be two numbers, and should lie in "
                "[0, 1)"
            )

    def check_dtype(self, p):
        """Raise TypeError for a parameter whose dtype the method cannot work in."""

    # --- the step ----------------------------------------------------------------
    def rule(self, p, g, state, t, group):
        """Change p (and state) in place; all are 1-D arrays of one length."""
        raise NotImplementedError

    def rule_on(self, slab):
        """`rule`, or what computes the same faster where the slab lives."""
        return self.rule

    def step(self):
        """Apply the rule to every parameter that has a gradient.

        All gradients are looked at first: a refusal has moved nothing.
        """
        self._check_step()
        try:
            for group, placed in zip(self.param_groups, self._slabs):
                self._place_new(group, placed)
            for group, placed in zip(self.param_groups, self._slabs):
                for slab in placed:
                    slab.update(self.rule_on(slab), group)
        except MemoryError as error:
            raise backend.memory_error(f"{self._name}.step", error) from error

    def _check_step(self):
        for group, placed in zip(self.param_groups, self._slabs):
            self.check_numbers(group)
            known = {id(p): slab for slab in placed for p in slab.params}
            for p in group["params"]:
                if p.grad is not None:
                    self._check_gradient(p, known.get(id(p)))

    def _check_gradient(self, p, slab):
        own, g = p._data, p.grad._data
        dtype = own.dtype if slab is None else slab.dtype
        if not own.dtype == g.dtype == dtype:
            raise TypeError(
                f"step(): a parameter of shape {p.shape} is {p.dtype} and its gradient "
                f"{p.grad.dtype}, but it was {dtype} at its first step; build the "
                "optimizer after model.to(...)"
            )
        if own.shape != g.shape:
            raise ValueError(
                f"step(): a parameter of shape {p.shape} has a gradient of shape "
                f"{p.grad.shape}; give it the gradient of its own shape"
            )
        if slab is None:
            self.check_dtype(p)
        if backend.devices_in_use():
            held = [] if slab is None else slab.state.values()
            backend.check_same_device("step() of an optimizer", [own, g, *held])

    def _place_new(self, group, placed):
        """Give state to parameters that have a gradient for the first time."""
        if sum([len(slab.params) for slab in placed]) == len(group["params"]):
            return
        known = {id(p) for slab in placed for p in slab.params}
        new = [p for p in group["params"] if p.grad is not None and id(p) not in known]
        placed += slabs(new, self.state_names_of(group))

    def state_names_of(self, group):
        """The names of the state arrays that this group needs."""
        return self.state_names

    def zero_grad(self):
        """Forget the gradients (they become None)."""
        for group in self.param_groups:
            for p in group["params"]:
                p.grad = None

    def __repr__(self):
        lines = [f"{self._name}("]
        for i, group in enumerate(self.param_groups):
            numbers = ", ".join(f"{key}={group[key]}" for key in self.defaults)
            count = sum(p.size for p in group["params"])
            lines.append(
                f"  {group.get('name', i)}: {len(group['params'])} tensors, {count:,} "
                f"parameters, {numbers}"
            )
        return "\n".join([*lines, ")"])


def _is_result(p):
    return isinstance(p, Tensor) and not p.is_leaf


def _plain(value):
    """Python numbers only: NumPy's float64 scalar promotes every array it meets."""
    if isinstance(value, (tuple, list)):
        return tuple(float(v) for v in value)
    if isinstance(value, bool) or not backend.is_scalar(value):
        return value
    return float(value)
