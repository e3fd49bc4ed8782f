"""Early stopping: keep the weights of the best evaluation, stop after `patience` worse.

For gradient descent on a quadratic it is a regulariser: mode i has moved by
1 - (1 - lr h_i)^t of its way (chapter 05_full_finetuning).
"""

import math

from tinyft import backend
from tinyft.nn.state import checked, fill
from tinyft.training.checks.whole import slots


class EarlyStopping:
    """`update(value, model)` is True when `patience` values in a row were no better.

    monitor: which entry of what `evaluate` returns to `fit`; mode "min" or "max"; better
    means by more than min_delta. `restore(model)` puts the best weights back, those of
    attached adapters too.
    """

    def __init__(self, patience=5, monitor="loss", mode="min", min_delta=0.0):
        whole = isinstance(patience, int) and patience >= 1
        if not whole or mode not in ("min", "max") or not min_delta >= 0:
            raise ValueError(
                f"EarlyStopping(patience={patience}, mode={mode!r}, "
                f"min_delta={min_delta}): patience >= 1 (an integer), mode 'min' or "
                "'max' and min_delta >= 0 are expected"
            )
        self.patience, self.monitor, self.mode = patience, monitor, mode
        self.min_delta, self.best, self.bad, self.weights = min_delta, math.nan, 0, None

    def update(self, value, model):
        """Take the next value (a float; NaN is never better). True: stop now."""
        if self._is_better(float(value)):
            self.best, self.bad = float(value), 0
            self.weights = {
                name: backend.asnumpy(slot.data).copy()
                for name, slot in slots(model).items()
            }
        else:
            self.bad += 1
        return self.is_over

    @property
    def is_over(self):
        """`patience` values in a row were no better."""
        return self.bad >= self.patience

    def _is_better(self, value):
        if math.isnan(self.best):
            return not math.isnan(value)
        gain = self.best - value if self.mode == "min" else value - self.best
        return gain > self.min_delta

    def restore(self, model):
        """Load the best weights into `model`; nothing before the first value."""
        if self.weights is not None:
            own = slots(model)
            fill(own, checked(own, self.weights, "EarlyStopping.restore"))

    def state_dict(self):
        """`best`, `bad` and the best weights, as arrays under flat names."""
        weights = {f"weights.{k}": v for k, v in (self.weights or {}).items()}
        best, bad = backend.asnumpy(self.best), backend.asnumpy(self.bad)
        return {"best": best, "bad": bad, **weights}

    def check_state(self, saved):
        """ValueError unless it is what `state_dict` gave."""
        missing = {"best", "bad"} - set(saved)
        if missing:
            raise ValueError(f"EarlyStopping: the state lacks {sorted(missing)}")

    def load_state_dict(self, saved):
        """Go on from what `state_dict` gave."""
        self.check_state(saved)
        self.best, self.bad = float(saved["best"]), int(saved["bad"])
        head = "weights."
        weights = {k[len(head) :]: v for k, v in saved.items() if k.startswith(head)}
        self.weights = weights or None
