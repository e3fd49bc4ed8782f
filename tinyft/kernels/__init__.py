"""Fused forms: an operation's formula is its specification, a kernel may compute it.

On a card NumPy's way costs a launch per operator, some 5 us each, and on every machine a
walk through memory. Where a chain of operators dominates a step (docs/performance.md
counts them), one kernel does it all. `registry.py` chooses between the formula and the
fused forms that an operation names, `switch.py` says which are on. For a card,
`launch.py` starts the kernels of `fused.cu` and `functions.py` has a Python function for
each of them; for the processor, `compiled/` has Python that numba compiles.
"""

from tinyft.kernels.launch import fit
from tinyft.kernels.registry import adam_for, form_of, path
from tinyft.kernels.switch import on, use

__all__ = ["adam_for", "fit", "form_of", "on", "path", "use"]
