"""The row of `tinyft doctor` on the compiled kernels: do they run here, are they right?

Every form in ops/compiled is compiled, run on one small input each and compared with
NumPy's form of the operation.
"""

import importlib.metadata
import time

import numpy as np

from tinyft import backend, kernels, nn, ops, optim, tensor
from tinyft.kernels import compiled

NAME, CLOSE = "compiled kernels", 1e-5  # relative to the largest entry, as for a card


def _adam(x):
    """x after a step, as a Tensor that leads back to x."""
    p = nn.Parameter(x.numpy().copy())
    p.grad = x.detach()
    optim.AdamW([p]).step()
    return x * 0 + p.detach()


def _depthwise(x):
    """The channels of x as images of 4 x 4, and x itself as the taps."""
    taps = x.reshape(-1)[:72].reshape(8, 1, 3, 3)
    return ops.conv2d(x.reshape(2, 8, 4, 4), taps, padding=1, groups=8)


PROBES = {
    "GELU": lambda x: ops.gelu(x) + ops.gelu(x, "tanh"),
    "activations": lambda x: ops.silu(x) + ops.softmax(x) + ops.relu(x),
    "clip": lambda x: ops.clip(x, -0.5, 0.5) + x,
    "norms": lambda x: ops.layer_norm(x) + ops.rms_norm(x),
    "batch norm": lambda x: ops.batch_norm(x, None, None),
    "attention": lambda x: ops.attention(*[x.reshape(2, 2, 8, 8)] * 3, causal=True),
    "depthwise": _depthwise,
    "LSTM": lambda x: ops.lstm(x.reshape(4, 8, 8), x[:, :8], x[:, 8:12])[0],
    "cross-entropy": lambda x: ops.cross_entropy(x, np.arange(len(x))),
    "Adam": _adam,
}


def row():
    """(name, value, state, remedy): what runs, or in a sentence why it does not."""
    start = time.perf_counter()
    wrong = [] if compiled.why_not() else [n for n in PROBES if not right(PROBES[n])]
    seconds, why = time.perf_counter() - start, compiled.why_not()
    if why:
        missing = why.endswith("is not installed")
        remedy = 'python -m pip install "tinyft[fast]"' if missing else ""
        return NAME, f"not in use, NumPy computes: {why}", "note", remedy
    if wrong:
        return (
            NAME,
            f"WRONG: {', '.join(wrong)}; leave TINYFT_FAST unset",
            "missing",
            "",
        )
    numba = importlib.metadata.version("numba")
    on = "on" if kernels.on("compiled") else "run here, off unless TINYFT_FAST=1"
    return NAME, f"{on} (numba {numba}, ready after {seconds:.1f} s)", "ok", ""


def right(function):
    """Whether function(x) and its gradient are close to NumPy's; x is (16, 16)."""
    want, got = values(function, False), values(function, True)
    return all(abs(a - b).max() <= CLOSE * abs(a).max() for a, b in zip(want, got))


def values(function, on):
    """y and the gradient of x, with compiled kernels on or off."""
    x = backend.rng(0).standard_normal((16, 16)).astype("f4")
    x = tensor(x, requires_grad=True)
    with kernels.use(on, "compiled"):
        y = function(x)
        (y * y * y).sum().backward()
    return y.numpy(), x.grad.numpy()
