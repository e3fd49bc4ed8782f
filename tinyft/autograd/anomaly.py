"""`with detect_anomaly():` find the operation that makes the first NaN or Inf.

Slow on purpose: every result is checked, in forward and backward, and saved arrays are
fingerprinted, so that a write the version counter cannot see (`x.data[0] = 1`) is
found.
"""

import contextlib
import zlib

from tinyft import backend
from tinyft.autograd.mode import mode


class Anomaly:
    """What `mode.anomaly` holds inside the block; nn.Module tells it where it is."""

    def __init__(self):
        self.path, self.names = [], {}

    def enter(self, module):
        """Called by Module.__call__; the outermost module names all those below."""
        if not self.path:
            self.names = {
                id(m): f"{type(m).__name__} '{name}'" if name else type(m).__name__
                for name, m in module.named_modules()
            }
        self.path.append(self.names.get(id(module), type(module).__name__))

    def leave(self):
        self.path.pop()

    def after_forward(self, node, y, inputs):
        node.where = self.path[-1] if self.path else None
        node.fingerprints = [_fingerprint(a) for a in _arrays(node)]
        if not _finite(y):
            raise FloatingPointError(
                f"{_name(node)} produced {_what(y)} in forward, from "
                + (
                    "finite inputs"
                    if all(map(_finite, inputs))
                    else "inputs that already hold it"
                )
            )

    def before_backward(self, node):
        marks = getattr(node, "fingerprints", None)
        if marks is not None and marks != [_fingerprint(a) for a in _arrays(node)]:
            raise RuntimeError(
                f"{_name(node)}: an array that it saved for backward was changed in "
                "place after forward; change a copy instead"
            )

    def after_backward(self, node, gradients):
        for i, gx in enumerate(gradients):
            if gx is not None and not _finite(getattr(gx, "_data", gx)):
                raise FloatingPointError(
                    f"{_name(node)} produced {_what(getattr(gx, '_data', gx))} in "
                    f"backward, in the gradient of its input {i}"
                )


@contextlib.contextmanager
def detect_anomaly():
    """Raise FloatingPointError at the first NaN or Inf, naming operation and module.

    Also raises RuntimeError for in-place writes into saved arrays that the version
    counter cannot see. Wrap forward and backward; it is slow, so only while searching.
    """
    before, mode.anomaly = mode.anomaly, Anomaly()
    try:
        yield
    finally:
        mode.anomaly = before


def _arrays(node):
    kept = [k[-1] if type(k) is tuple else k for k in node.saved_here or ()]
    return [a for a in kept if backend.is_array(a)]


def _fingerprint(a):
    return zlib.crc32(backend.asnumpy(a).tobytes())


def _finite(a):
    if not backend.is_array(a) or a.dtype.kind not in "fc":
        return True
    return bool(backend.xp_of(a).isfinite(a).all())


def _what(a):
    xp = backend.xp_of(a)
    nan, inf = int(xp.isnan(a).sum()), int(xp.isinf(a).sum())
    return f"{nan} NaN and {inf} Inf among {a.size} values of shape {a.shape}"


def _name(node):
    place = f" in module {node.where}" if node.where else ""
    return f"{node.function.__name__}{place}"
