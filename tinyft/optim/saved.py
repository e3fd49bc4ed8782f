"""What an optimiser saves: its groups' numbers and each parameter's state, as arrays.

    class  groups.0.lr  groups.0.base_lr  state.3.step  state.3.m ...

Parameters are numbered through all groups, as in PyTorch. Loading looks at everything
first: a state that does not fit changes nothing.
"""

from tinyft import backend
from tinyft.optim.slab import slabs

SCHEDULED = ("base_lr", "scheduled_lr")  # of a group under a schedule (schedule.py)


class Saved:
    """The part of Optimizer that saves and loads."""

    def state_dict(self):
        """A flat dict of host arrays: `groups.0.lr`, `state.3.step`, `state.3.m`, ...

        Parameters are numbered through all groups, as in PyTorch; arrays are copies.
        """
        saved = {
            f"groups.{i}.{key}": backend.asnumpy(group[key])
            for i, group in enumerate(self.param_groups)
            for key in (*self.defaults, *(k for k in SCHEDULED if k in group))
        }
        number = self._numbers()
        for slab in (slab for placed in self._slabs for slab in placed):
            for i, p in enumerate(slab.params):
                head = f"state.{number[id(p)]}"
                saved[f"{head}.step"] = backend.asnumpy(slab.steps[i])
                for name in slab.state:
                    saved[f"{head}.{name}"] = backend.asnumpy(slab.view(name, i)).copy()
        return {**saved, "class": backend.asnumpy(list(self._name.encode()))}

    def check_state(self, saved):
        """ValueError, naming the entries, unless `saved` fits this optimizer."""
        self._check_names(saved)
        letters = list(self._name.encode())
        theirs = saved["class"].tolist() if "class" in saved else letters
        if theirs != letters:
            raise ValueError(
                f"{self._name}.load_state_dict: this state was saved by "
                f"{''.join(map(chr, theirs))}, whose numbers mean something else to "
                f"{self._name}; make the same optimizer"
            )
        number = self._numbers()
        for i, group in enumerate(self.param_groups):
            values = {**group, **self._group_numbers(saved, i)}
            self.check_numbers(values)
            for p in group["params"]:
                self._check_arrays(p, number[id(p)], values, saved)

    def _check_arrays(self, p, number, group, saved):
        keys = [f"state.{number}.{name}" for name in self.state_names_of(group)]
        for key in keys if f"state.{number}.step" in saved else ():
            array = saved[key]
            if array.shape != p.shape:
                raise ValueError(
                    f"{self._name}.load_state_dict: {key} has shape {array.shape}, the "
                    f"parameter {p.shape}"
                )
            if array.dtype != p.dtype:
                raise ValueError(
                    f"{self._name}.load_state_dict: {key} is {array.dtype}, the parameter "
                    f"{p.dtype}; give the model the dtype of that run, model.to(...)"
                )

    def load_state_dict(self, saved):
        """Take over what `state_dict` of an equally built optimizer gave (strict).

        Raises ValueError, naming the entries, when groups, parameters, shapes or the kind
        of optimizer differ; nothing is changed then.
        """
        self.check_state(saved)
        numbers = [self._group_numbers(saved, i) for i in range(len(self.param_groups))]
        number, made = self._numbers(), []
        for group, values in zip(self.param_groups, numbers):
            old = [p for p in group["params"] if f"state.{number[id(p)]}.step" in saved]
            made.append(slabs(old, self.state_names_of({**group, **values})))
            for slab in made[-1]:
                _fill(slab, saved, number)
        self._slabs = made
        for group, values in zip(self.param_groups, numbers):
            for key in SCHEDULED:
                group.pop(key, None)
            group.update(values)

    def _group_numbers(self, saved, i):
        """{key: Python number or tuple} of group i."""
        found = {}
        for key in (*self.defaults, *SCHEDULED):
            if f"groups.{i}.{key}" in saved:
                value = saved[f"groups.{i}.{key}"].tolist()
                found[key] = tuple(value) if isinstance(value, list) else value
        return found

    def _check_names(self, saved):
        number, wanted, maybe = self._numbers(), set(), {"class"}
        for i, group in enumerate(self.param_groups):
            wanted |= {f"groups.{i}.{key}" for key in self.defaults}
            maybe |= {f"groups.{i}.{key}" for key in SCHEDULED}
            for p in group["params"]:
                head = f"state.{number[id(p)]}"
                if f"{head}.step" in saved:
                    names = ("step", *self.state_names_of(group))
                    wanted |= {f"{head}.{name}" for name in names}
        missing = sorted(wanted - set(saved))
        unexpected = sorted(set(saved) - wanted - maybe)
        if missing or unexpected:
            raise ValueError(
                f"{self._name}.load_state_dict: this state was saved by another kind "
                f"of optimizer or for other parameters; missing {missing[:5]}, "
                f"unexpected {unexpected[:5]}"
            )

    def _numbers(self):
        params = (p for group in self.param_groups for p in group["params"])
        return {id(p): i for i, p in enumerate(params)}


def _fill(slab, saved, number):
    for i, p in enumerate(slab.params):
        head = f"state.{number[id(p)]}"
        slab.steps[i] = int(saved[f"{head}.step"])
        for name in slab.state:
            slab.view(name, i)[...] = backend.to(saved[f"{head}.{name}"], p.device)
