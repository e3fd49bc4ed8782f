"""What `x += y` means for a Tensor.

A leaf changes its values in place, as in NumPy and PyTorch, so that the update of a
parameter is not lost with a new name: `with no_grad(): p -= lr * p.grad`. A result on
the tape, whose old values other operations may have saved, becomes a new Tensor.
"""

from tinyft.autograd.mode import mode


def update(x, other, operation, sign):
    """x, changed in place, or the recorded result of operation(x, other)."""
    if not x.is_leaf:
        return operation(x, other)
    if mode.grad and x.requires_grad:
        raise RuntimeError(
            f"x {sign} ... on a leaf that requires a gradient would change what the tape "
            f"saved; write it inside `with no_grad():`, or x.data {sign} ..., or "
            f"y = x {sign[0]} ... for a new tensor"
        )
    result = operation(x, other)
    if result.requires_grad:
        return result
    if result.shape != x.shape or result.dtype != x.dtype:
        raise ValueError(
            f"x {sign} ...: the result has shape {result.shape} and dtype "
            f"{result.dtype}, which does not fit into x, of shape {x.shape} and dtype "
            f"{x.dtype}; write y = x {sign[0]} ... for a new tensor"
        )
    x._data[...] = result._data
    x._version[0] += 1
    return x
