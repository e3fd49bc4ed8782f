"""Instruments: what a step really takes, read from the tape while it runs.

    with counted() as found: loss = step(); loss.backward()      found.forward, .backward
    kept_bytes(loss, model)        bytes that the tape holds, ready for backward

The counter hears of every operation through the hook that anomaly mode uses, so it costs
nothing when it is not asked. It sees which operations ran on which shapes and which
gradients came back; the ledger has neither. 2 FLOP are one multiply-add of a product.
"""

import contextlib
from math import prod

from tinyft import backend
from tinyft.autograd.mode import mode


class Count:
    """FLOPs of the products of what ran, forward and backward."""

    def __init__(self):
        self.forward = self.backward = 0
        self.depth = 0  # inside a backward that runs operations itself

    @property
    def flops(self):
        return self.forward + self.backward

    # --- what mode.anomaly is asked ------------------------------------------------
    def enter(self, module):
        """A module begins."""

    def leave(self):
        """It ends."""

    def after_forward(self, node, y, inputs):
        products = PRODUCTS.get(node.function.__name__)
        if products is not None:
            node.flops, node.for_gradients = products(y, *inputs)
            self._add(node.flops)

    def _add(self, flops):
        if self.depth:
            self.backward += flops
        else:
            self.forward += flops

    def before_backward(self, node):
        self.depth += 1

    def after_backward(self, node, gradients):
        self.depth -= 1
        wanted = [g is not None for g in gradients]
        if hasattr(node, "flops") and True in wanted:
            always, each = node.for_gradients
            self.backward += always + sum(f for f, want in zip(each, wanted) if want)


def _linear(y, x, weight, bias=None):
    flops = 2 * prod(y.shape) * weight.shape[1]
    return flops, (0, (flops, flops))


def _matmul(y, x, w):
    flops = 2 * prod(y.shape) * w.shape[-2]
    return flops, (0, (flops, flops))


def _conv(y, x, w, bias=None):
    flops = 2 * prod(y.shape) * prod(w.shape[1:])
    return flops, (0, (flops, flops))


def _attention(y, q, k, v, mask=None):
    """The scores and their mix; backward makes the scores and their gradient again."""
    scores = 2 * prod(q.shape) * k.shape[2]
    mix = 2 * prod(y.shape) * k.shape[2]
    return scores + mix, (scores + mix, (scores, scores, mix))


def _packed(y, x, bias, *arrays):
    """A linear layer whose weight is in 4 bits, and has no gradient."""
    flops = 2 * prod(y.shape) * x.shape[-1]
    return flops, (0, (flops,))


def _solve(x, A, b):
    """An LU factorisation and two triangular solves; again for gb, and gA = −gb xᵀ."""
    n, columns = b.shape[-2:]
    flops = prod(b.shape[:-2]) * (2 * n**3 // 3 + 2 * n * n * columns)
    return flops, (flops, (2 * prod(b.shape) * n,))


PRODUCTS = {
    "Linear": _linear,
    "MatMul": _matmul,
    "Conv2d": _conv,
    "Attention": _attention,
    "PackedLinear": _packed,
    "Solve": _solve,
}


@contextlib.contextmanager
def counted():
    """Count the FLOPs of products inside the block; a Count, with the sums so far.

    A causal mask saves nothing here: the products count in full, as in the published
    tables. Raises RuntimeError inside detect_anomaly, which uses the same hook.
    """
    if mode.anomaly is not None:
        raise RuntimeError(
            "efficiency.counted(): another watcher is active (detect_anomaly, or another "
            "counted); leave its block first"
        )
    mode.anomaly = Count()
    try:
        yield mode.anomaly
    finally:
        mode.anomaly = None


def kept_bytes(loss, model):
    """Bytes that the tape of `loss` holds for backward, beyond what `model` holds.

    Each array once, views as the array they look into; integers (token ids, positions)
    do not count. After backward() it is 0.
    """
    held = {
        id(_owner(p.data))
        for kind in ("_parameters", "_buffers")
        for _, p in _tensors(model, kind)
    }
    found = {}
    for node in _nodes(loss):
        for a in _arrays(node):
            owner = _owner(a)
            if id(owner) not in held and a.dtype.kind != "i":
                found[id(owner)] = owner
    return sum(a.nbytes for a in found.values())


def _tensors(model, kind):
    yield from model._named(kind, "")
    for module in model.modules():
        for delta in module._deltas:
            yield from delta._named(kind, "")


def _nodes(loss):
    """Every node behind `loss`, each once."""
    seen, waiting = set(), [loss._node]
    while waiting:
        node = waiting.pop()
        parents = getattr(node, "parents", None)
        if parents is None or id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        waiting += parents


def _arrays(node):
    """The arrays that a node keeps: saved, or as attributes."""
    saved = [k[-1] if type(k) is tuple else k for k in node.saved_here or ()]
    waiting = [*saved, *node.__dict__.values()]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list | tuple):
            waiting += value
        elif backend.is_array(value):
            yield value


def _owner(a):
    """The array whose memory `a` looks into."""
    while backend.is_array(getattr(a, "base", None)):
        a = a.base
    return a
