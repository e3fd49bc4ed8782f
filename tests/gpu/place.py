"""The fixture `place`: where a test of this folder runs, the stand-in or the card.

Each test runs on the stand-in in the ordinary test run, so that the suite cannot rot, and
on the card by `pytest -m gpu`. Without a usable card it is skipped with the reason;
TINYFT_REQUIRE_GPU=1 makes that a failure. What the card did is written to gpu-report.json.
"""

import contextlib
import datetime
import json
import os
import platform
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import tinyft
from tinyft import backend
from tinyft.backend import diagnose, library

TESTS = Path(__file__).parent.parent
sys.path[:0] = [str(TESTS / "device"), str(TESTS / "ops")]
REPORT = Path(os.environ.get("TINYFT_GPU_REPORT", "gpu-report.json"))
figures = {}  # of the card: {what: {name: number}}
outcomes = {"passed": 0, "failed": 0, "skipped": 0}


class Place:
    """The device, how long to train on it, and where figures go."""

    def __init__(self, on_card, library):
        self.on_card, self.library = on_card, library
        self.steps = 20 if on_card else 2
        self.many = 50 if on_card else 3

    def note(self, what, name, number):
        if self.on_card:
            figures.setdefault(what, {})[name] = number

    @contextlib.contextmanager
    def no_waiting(self):
        """Fail if the block waits for the device."""
        if not self.on_card:
            with self.library.expect(0):
                yield
            return
        import cupyx

        with warnings.catch_warnings():  # it misses some, and says so
            warnings.simplefilter("ignore", UserWarning)
            with cupyx.allow_synchronize(False):  # raises DeviceSynchronized
                yield


@pytest.fixture(params=["stand_in", pytest.param("card", marks=pytest.mark.gpu)])
def place(request, monkeypatch):
    if request.param == "stand_in":
        monkeypatch.setattr(library, "_device_library", None)
        monkeypatch.setattr(library, "_namespaces", dict(library._namespaces))
        import stand_in

        backend.device_library(stand_in.library)
        return Place(False, stand_in)
    need_card()
    return Place(True, backend.device_library())


def need_card():
    usable, sentence = diagnose.gpu_status()
    if usable:
        return
    if os.environ.get("TINYFT_REQUIRE_GPU", "0") not in ("", "0"):
        pytest.fail(f"TINYFT_REQUIRE_GPU is set, and {sentence}", pytrace=False)
    pytest.skip(sentence)


def pytest_runtest_logreport(report):
    if "gpu" in report.keywords and (
        report.when == "call" or report.outcome != "passed"
    ):
        outcomes[report.outcome] += 1


def pytest_sessionfinish(session):
    if figures:
        write_report(REPORT, outcomes, figures)


def write_report(path, outcomes, figures):
    """gpu-report.json: the card, the versions, how many tests, every figure."""
    cupy = backend.device_library()
    runtime = cupy.cuda.runtime
    card = runtime.getDeviceProperties(0)
    _, total = runtime.memGetInfo()
    report = {
        "when": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "card": card["name"].decode(),
        "compute capability": f"{card['major']}.{card['minor']}",
        "memory GB": round(total / 1e9, 1),
        "driver (CUDA)": runtime.driverGetVersion(),
        "runtime (CUDA)": runtime.runtimeGetVersion(),
        "cupy": cupy.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "tinyft": tinyft.__version__,
        "tests": outcomes,
        "figures": figures,
    }
    path.write_text(json.dumps(report, indent=1) + "\n")
