"""Gradients in one flat array on the host, with what must be summed beside them.

    [g_1 ... g_k, used_1 ... used_k, loss, count]

used_i counts the ranks on which parameter i has a gradient: one that has none anywhere
keeps none (an optimizer skips it), one that has some is zero on the other ranks.
"""

from tinyft import backend
from tinyft.autograd import Tensor

EXACT = 2**24  # float32 holds every whole number up to here


def pack(params, loss, count):
    """The buffer of this rank: float64 if any parameter is, else float32."""
    wide = any(p.dtype == backend.float64 for p in params)
    dtype = backend.float64 if wide else backend.float32
    size = sum(p.size for p in params)
    buffer = backend.HOST.zeros(size + len(params) + 2, dtype)
    start = 0
    for i, p in enumerate(params):
        if p.grad is not None:
            flat = backend.asnumpy(p.grad.data).reshape(-1)
            buffer[start : start + p.size] = flat
            buffer[size + i] = 1
        start += p.size
    buffer[-2:] = loss, count
    return buffer


def unpack(buffer, params):
    """Write the mean gradients back, each where its parameter is; (mean loss, count).

    Raises ValueError if no rank had a target, or too many for the buffer to count.
    """
    count = float(buffer[-1])
    if not count > 0:
        raise ValueError(
            "DataParallel.average: no rank has a target that counts in this step"
        )
    if buffer.dtype == backend.float32 and count >= EXACT:
        raise ValueError(
            f"DataParallel.average: {count:.0f} targets in a step, and a float32 buffer "
            f"counts to {EXACT} exactly; take smaller steps"
        )
    size = len(buffer) - len(params) - 2
    mean = buffer[:size]
    mean /= count  # the one division
    start = 0
    for p, used in zip(params, buffer[size:]):
        p.grad = None
        if used:
            part = mean[start : start + p.size].reshape(p.shape).astype(p.dtype)
            p.grad = Tensor(backend.to(part, p.device))
        start += p.size
    return float(buffer[-2]) / count, count


def compare(joint, exact, size):
    """(relative difference, least-squares factor) of two buffers' mean gradients."""
    a, b = (one[:size].astype("float64") / float(one[-1]) for one in (joint, exact))
    norm = backend.HOST.linalg.norm
    return float(norm(a - b) / norm(b)), float(a @ b / (b @ b))
