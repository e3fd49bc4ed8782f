"""Fused forms: an operation's formula is its specification, a kernel may compute it.

On a card NumPy's way costs a launch per operator, some 5 us each, and a walk through
memory. Where a chain of operators dominates a step (docs/performance.md counts them),
one kernel does it all. `registry.py` chooses between the formula and the fused forms
that an operation names, `launch.py` starts the kernels of `fused.cu`, and
`functions.py` has a Python function for each of them.
"""

from tinyft.kernels.launch import fit, on, use
from tinyft.kernels.registry import form_of

__all__ = ["fit", "form_of", "on", "use"]
