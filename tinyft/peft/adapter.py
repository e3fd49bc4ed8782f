"""Adapter: the handle on what one `attach` put on a model."""

from tinyft.nn.state import checked, fill, slots_of
from tinyft.peft.acting import acting, enable


class Adapter:
    """What one `attach` put on a model.

    name      its name; `attached(model)[name]` finds it again
    deltas    {path: delta}, one for each site, then those that the method needs beside
              them under path.class ('fc.bitfit')
    template  the method as it was given, target as it was asked for
    """

    def __init__(self, model, name, template, target, deltas):
        self.model, self.name, self.template = model, name, template
        self.target, self.deltas = target, deltas
        for delta in deltas.values():
            delta.__dict__["adapter"] = name  # it names the delta's parameters

    def named_parameters(self):
        """Yield (site.parameter, Parameter) of every delta, a shared one once."""
        seen = set()
        for path, delta in self.deltas.items():
            for name, p in delta.named_parameters(path):
                if id(p) not in seen:
                    seen.add(id(p))
                    yield name, p

    def parameters(self):
        """The parameters to train: give them to an optimiser."""
        return [p for _, p in self.named_parameters()]

    def state_dict(self):
        """{site.parameter: Tensor} of every delta, buffers too."""
        state = {}
        for path, delta in self.deltas.items():
            state.update(delta.state_dict(f"{path}."))
        return state

    def load_state_dict(self, state):
        """Copy a state of the same sites in; raises KeyError, TypeError or ValueError,
        listing all that does not fit, before anything changes."""
        slots = {
            f"{path}.{name}": slot
            for path, delta in self.deltas.items()
            for name, slot in slots_of(delta).items()
        }
        fill(slots, checked(slots, state, f"adapter {self.name!r}"))

    def count(self):
        """How many parameters it has, those included that were frozen since: A by LoRA-FA,
        all of it while a Fusion trains."""
        return sum(p.size for p in self.parameters())

    def enable(self, enabled=True):
        """Switch all its deltas on or off. Returns self.

        Raises ValueError if that would change which adapters act while the model is
        merged, or inside `disabled` or `rows`.
        """
        enable(self, bool(enabled))
        return self

    @property
    def state(self):
        """'on', 'off', 'merged' (on, as part of the weights), or 'partly on'."""
        return acting(self)

    def penalty(self):
        """The method's own regulariser, to be added to the loss (0 for most)."""
        penalties = (getattr(d, "penalty", None) for d in self.deltas.values())
        return sum(p() for p in penalties if p is not None)

    def __repr__(self):
        method = type(self.template).__name__
        sites = sum(bool(delta.slots()) for delta in self.deltas.values())
        return (
            f"Adapter({self.name!r}: {method} on {sites} sites, {self.count():,} "
            f"parameters, {self.state}{self._company()})"
        )

    def _company(self):
        others = self.model.__dict__.get("_adapters", {}).values()
        acting = [repr(a.name) for a in others if a is not self and a.state != "off"]
        return f"; {', '.join(acting)} also on" if acting else ""
