"""The fixture `cuda`: tinyft with the stand-in as its device library.

`kernels` runs a test twice, on the generic way and, where g++ can compile them for the
CPU, on the fused kernels.
"""

import sys
from pathlib import Path

import pytest

from tinyft import backend
from tinyft import kernels as fused
from tinyft.backend import library

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "ops"))


@pytest.fixture(params=["generic", "fused"])
def kernels(request):
    import cpu_kernels

    on = request.param == "fused"
    if on and cpu_kernels.compiler() is None:
        pytest.skip("the fused kernels need g++ to run on the CPU")
    with fused.use(on, "cuda"):
        yield on


@pytest.fixture
def cuda(monkeypatch):
    import stand_in

    monkeypatch.setattr(library, "_device_library", None)
    monkeypatch.setattr(library, "_namespaces", dict(library._namespaces))
    backend.device_library(stand_in.library)
    stand_in.counts.clear()
    return stand_in
