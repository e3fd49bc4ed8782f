"""Early stopping: keep the weights of the best evaluation, stop after `patience` worse.

For gradient descent on a quadratic it is a regulariser: mode i has moved by
1 - (1 - lr h_i)^t of its way (chapter 05_full_finetuning).
"""

import math

from tinyft import backend


class EarlyStopping:
    """`update(value, model)` is True when `patience` values in a row were no better.

    monitor: which entry of the evaluation `fit` gives it; mode "min" or "max"; better
    means by more than min_delta. `restore(model)` puts the best weights back.
    """

    def __init__(self, patience=5, monitor="loss", mode="min", min_delta=0.0):
        if patience < 1 or mode not in ("min", "max") or min_delta < 0:
            raise ValueError(
                f"EarlyStopping(patience={patience}, mode={mode!r}, "
                f"min_delta={min_delta}): patience >= 1, mode 'min' or 'max' and "
                "min_delta >= 0 are expected"
            )
        self.patience, self.monitor, self.mode = patience, monitor, mode
        self.min_delta, self.best, self.bad, self.weights = min_delta, math.nan, 0, None

    def update(self, value, model):
        """Take the next value (a float; NaN is never better). True: stop now."""
        if self._is_better(float(value)):
            self.best, self.bad = float(value), 0
            self.weights = {
                name: backend.asnumpy(tensor.data).copy()
                for name, tensor in model.state_dict().items()
            }
        else:
            self.bad += 1
        return self.bad >= self.patience

    def _is_better(self, value):
        if math.isnan(self.best):
            return not math.isnan(value)
        gain = self.best - value if self.mode == "min" else value - self.best
        return gain > self.min_delta

    def restore(self, model):
        """Load the best weights into `model`; nothing before the first value."""
        if self.weights is not None:
            model.load_state_dict(self.weights)

    def state_dict(self):
        """`best`, `bad` and the best weights, as arrays under flat names."""
        weights = {f"weights.{k}": v for k, v in (self.weights or {}).items()}
        best, bad = backend.asnumpy(self.best), backend.asnumpy(self.bad)
        return {"best": best, "bad": bad, **weights}

    def load_state_dict(self, saved):
        """Go on from what `state_dict` gave."""
        self.best, self.bad = float(saved["best"]), int(saved["bad"])
        head = "weights."
        weights = {k[len(head) :]: v for k, v in saved.items() if k.startswith(head)}
        self.weights = weights or None
