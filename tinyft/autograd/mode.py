"""Whether operations are recorded, for each thread: no_grad, enable_grad."""

import contextlib
import threading


class _Mode(threading.local):
    grad = True  # record operations?
    anomaly = None  # None, or the Anomaly that watches (autograd/anomaly.py)


mode = _Mode()


class no_grad(contextlib.ContextDecorator):
    """Record nothing inside the block (or the decorated function)."""

    value = False

    def _recreate_cm(self):  # a decorated function may run in several threads at once
        return type(self)()

    def __enter__(self):
        self._before = [*getattr(self, "_before", ()), mode.grad]
        mode.grad = self.value

    def __exit__(self, *error):
        mode.grad = self._before.pop()


class enable_grad(no_grad):
    """Record again inside a `no_grad` block."""

    value = True


def is_grad_enabled():
    """True where operations are recorded."""
    return mode.grad
