"""Learning-rate schedules: plain functions step -> multiplier, and what applies them.

With t = 0, 1, 2, ... the number of steps already taken:

    schedule = Schedule(optimizer, warmup_cosine, warmup=100, total=1000)
    for batch in batches:
        ...; optimizer.step(); schedule.step()

Every group's rate is its own base rate times the multiplier, so the ratios between
layer groups stay. Any function of t will do: Schedule(optimizer, lambda t: 0.9**t).
"""

import math

from tinyft import backend


def constant(t):
    """1."""
    return 1.0


def linear_warmup(t, warmup):
    """(t+1)/w for t < w, then 1: the first step counts, step w-1 has the full rate."""
    return min(1.0, (t + 1) / warmup) if warmup else 1.0


def linear(t, total, floor=0.0):
    """1 + (floor - 1) t/T, then floor."""
    return 1.0 + (floor - 1.0) * min(t / total, 1.0)


def cosine(t, total, floor=0.0):
    """floor + (1 - floor) (1 + cos(pi t/T)) / 2, then floor.

    The mean over t = 0..T-1 is floor + (1 - floor)(T+1)/(2T). Loshchilov, Hutter 2017.
    """
    return floor + (1.0 - floor) * (1.0 + math.cos(math.pi * min(t / total, 1.0))) / 2


def warmup_cosine(t, warmup, total, floor=0.0):
    """(t+1)/w for t < w, then the cosine over the T - w steps that are left."""
    if t < warmup:
        return linear_warmup(t, warmup)
    return cosine(t - warmup, max(total - warmup, 1), floor)


def warmup_linear(t, warmup, total, floor=0.0):
    """(t+1)/w for t < w, then linear over the T - w steps that are left (BERT's)."""
    if t < warmup:
        return linear_warmup(t, warmup)
    return linear(t - warmup, max(total - warmup, 1), floor)


def step(t, every, factor=0.1):
    """factor^floor(t / every)."""
    return factor ** (t // every)


def one_cycle(t, total, rise=0.3, start=1 / 25, end=1 / 250_000):
    """Cosine from `start` up to 1 in the first `rise` of the steps, then down to `end`.

    As PyTorch's OneCycleLR (the peak is the base rate). Source: Smith 2018.
    """
    peak, last = rise * total - 1, total - 1
    if t <= peak:
        return 1 + (start - 1) * (1 + math.cos(math.pi * t / peak)) / 2
    part = min((t - peak) / (last - peak), 1.0)
    return end + (1 - end) * (1 + math.cos(math.pi * part)) / 2


def slanted_triangular(t, total, rise=0.1, ratio=32):
    """(1 + q (ratio - 1)) / ratio, q from 0 to 1 at c = floor(rise T), then to 0 at T.

    Source: Howard and Ruder 2018 (ULMFiT), equation (3).
    """
    cut = max(math.floor(rise * total), 1)
    q = t / cut if t < cut else max(0.0, 1 - (t - cut) / max(total - cut, 1))
    return (1 + q * (ratio - 1)) / ratio


class Schedule:
    """Sets every group's lr to base * function(t, **options), now and at each step().

    A group's base is its rate before any schedule: a second Schedule begins with it too,
    not with what the first has left of it, unless you have set another group["lr"]. A
    group that is added later takes the rate it came with.
    """

    def __init__(self, optimizer, function, **options):
        _check(optimizer, function)
        self.optimizer, self.function, self.options = optimizer, function, options
        self.t, self.base = 0, []
        self._apply(0)

    @property
    def multiplier(self):
        """function(t): what the base rates are multiplied with now."""
        return self._multiplier(self.t)

    def _multiplier(self, t):
        try:
            value = float(self.function(t, **self.options))
        except (TypeError, ValueError, ArithmeticError) as error:
            raise ValueError(f"{self._call(t)} gives no multiplier: {error}") from error
        if not 0 <= value < math.inf:
            raise ValueError(f"{self._call(t)} is {value}; expected a number >= 0")
        return value

    def _call(self, t):
        options = "".join(f", {k}={v!r}" for k, v in self.options.items())
        return (
            f"Schedule: {getattr(self.function, '__name__', 'function')}({t}{options})"
        )

    def step(self):
        """Call it after optimizer.step()."""
        self._apply(self.t + 1)

    def _apply(self, t):
        groups, multiplier = self.optimizer.param_groups, self._multiplier(t)
        self.t = t
        self.base += [_base(group) for group in groups[len(self.base) :]]
        for group, base in zip(groups, self.base):
            group["base_lr"] = base
            group["lr"] = group["scheduled_lr"] = base * multiplier

    def state_dict(self):
        """{"t", "base"} as arrays; the function itself is code, and is not saved."""
        return {"t": backend.asnumpy(self.t), "base": backend.asnumpy(self.base)}

    def check_state(self, saved):
        """ValueError unless `saved` has a rate for each group of the optimizer."""
        missing = sorted({"t", "base"} - set(saved))
        if missing:
            raise ValueError(f"Schedule.load_state_dict: the state lacks {missing}")
        base = saved["base"].tolist()
        groups = len(self.optimizer.param_groups)
        if len(base) != groups:
            raise ValueError(
                f"Schedule.load_state_dict: {len(base)} base rates were saved, the "
                f"optimizer has {groups} groups"
            )
        self._multiplier(int(saved["t"]))

    def load_state_dict(self, saved):
        """Go on from a saved t, with the saved base rates."""
        self.check_state(saved)
        self.base = saved["base"].tolist()
        self._apply(int(saved["t"]))


def _base(group):
    """The rate of a group before a schedule, this one or an earlier one, changed it."""
    if group["lr"] == group.get("scheduled_lr"):
        return group["base_lr"]
    return group["lr"]


def _check(optimizer, function):
    if not hasattr(optimizer, "param_groups"):
        raise TypeError(
            "Schedule(optimizer, function): expected an optimizer first, got a "
            f"{type(optimizer).__name__}"
        )
    if not callable(function):
        raise TypeError(
            f"Schedule(optimizer, function): {function!r} should be a function of the "
            "step, such as optim.schedule.cosine"
        )
