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

    A group that is added later takes the rate it came with as its base.
    """

    def __init__(self, optimizer, function, **options):
        self.optimizer, self.function, self.options = optimizer, function, options
        self.t, self.base = 0, []
        self._apply()

    @property
    def multiplier(self):
        """function(t): what the base rates are multiplied with now."""
        return float(self.function(self.t, **self.options))

    def step(self):
        """Call it after optimizer.step()."""
        self.t += 1
        self._apply()

    def _apply(self):
        groups, multiplier = self.optimizer.param_groups, self.multiplier
        self.base += [group["lr"] for group in groups[len(self.base) :]]
        for group, base in zip(groups, self.base):
            group["lr"] = base * multiplier

    def state_dict(self):
        """{"t", "base"} as arrays; the function itself is code, and is not saved."""
        return {"t": backend.asnumpy(self.t), "base": backend.asnumpy(self.base)}

    def load_state_dict(self, saved):
        """Go on from a saved t, with the saved base rates."""
        base = saved["base"].tolist()
        groups = len(self.optimizer.param_groups)
        if len(base) != groups:
            raise ValueError(
                f"Schedule.load_state_dict: {len(base)} base rates were saved, the "
                f"optimizer has {groups} groups"
            )
        self.t, self.base = int(saved["t"]), base
        self._apply()
