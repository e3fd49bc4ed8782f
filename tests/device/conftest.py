"""The fixture `cuda`: tinyft with the stand-in as its device library."""

import sys
from pathlib import Path

import pytest

from tinyft import backend

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "ops"))


@pytest.fixture
def cuda(monkeypatch):
    import stand_in

    monkeypatch.setattr(backend, "_device_library", None)
    monkeypatch.setattr(backend, "_namespaces", dict(backend._namespaces))
    backend.device_library(stand_in.library)
    stand_in.counts.clear()
    return stand_in
