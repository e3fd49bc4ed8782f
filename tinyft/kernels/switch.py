"""The switch of the fused forms, and the name of the path that numbers take.

    cuda      kernels for a card: on, unless TINYFT_GPU_KERNELS=0
    compiled  kernels for the processor (numba): off, unless TINYFT_FAST=1

Installing numba therefore changes no number: whoever wants speed instead of NumPy's bits
asks for it. `use` switches inside a block, `path` says what serves now.
"""

import contextlib
import os

TARGETS = ("cuda", "compiled")
_on = {
    "cuda": os.environ.get("TINYFT_GPU_KERNELS", "1").strip() != "0",
    "compiled": os.environ.get("TINYFT_FAST", "0").strip() not in ("", "0"),
}


@contextlib.contextmanager
def use(on, *targets):
    """Switch fused forms on or off inside this block: those named, or all.

    targets: "cuda" or "compiled"; none of them means both. ValueError for another name.
    """
    global _on
    unknown = [name for name in targets if name not in TARGETS]
    if unknown:
        raise ValueError(
            f"kernels.use: there is no target {unknown[0]!r}, only "
            f"{' and '.join(map(repr, TARGETS))}"
        )
    before = _on
    _on = before | dict.fromkeys(targets or TARGETS, bool(on))
    try:
        yield
    finally:
        _on = before


def on(target="cuda"):
    """Whether the fused forms of `target` are switched on."""
    return _on[target]
