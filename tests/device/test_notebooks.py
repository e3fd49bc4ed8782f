"""Some chapters' code with TINYFT_DEVICE=cuda on the stand-in, unchanged.

The first cells of each, up to those that train or weigh memory for seconds. Their checks
must hold, and the device must have been used.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
RUN = """
import json, sys
import stand_in
from tinyft import backend

backend._device_library = stand_in.library
backend._namespaces[stand_in.ndarray] = stand_in.library
names = {"__name__": "__main__"}
cells = json.load(open(sys.argv[1], encoding="utf-8"))["cells"]
code = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
for i, text in enumerate(code[: int(sys.argv[2])]):
    exec(compile(text, f"code cell {i}", "exec"), names)
print("launches", stand_in.counts["launch"])
"""


CHAPTERS = [("00_autograd", 23), ("08_discriminative_lr", 16), ("09_l2sp", 5)]
CHAPTERS += [("13_bitfit", 12), ("18_prefix", 16)]


@pytest.mark.parametrize("chapter, cells", CHAPTERS)
def test_a_chapter_runs_on_the_device(chapter, cells, tmp_path):
    path = [str(HERE), str(ROOT), os.environ.get("PYTHONPATH", "")]
    env = os.environ | {
        "TINYFT_DEVICE": "cuda",
        "MPLBACKEND": "Agg",
        "PYTHONPATH": os.pathsep.join(path),
    }
    notebook = ROOT / "notebooks" / f"{chapter}.ipynb"
    command = [sys.executable, "-c", RUN, str(notebook), str(cells)]
    ended = subprocess.run(
        command, env=env, cwd=tmp_path, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert int(ended.stdout.split("launches")[-1]) > 100
