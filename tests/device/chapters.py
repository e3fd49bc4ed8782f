"""The chapters' code with TINYFT_DEVICE=cuda on the stand-in, unchanged.

    python tests/device/chapters.py                 all chapters, two at a time
    python tests/device/chapters.py 09_l2sp 10      some of them

A chapter passes when every cell ran, every check() held (there was one at least), and the
device was used. Each runs in a process of its own. test_notebooks.py does this for one
chapter in the ordinary run; `.ci/run` calls it for all.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SAID = "on the device: "  # begins the last line of a chapter that ran to its end


def run(notebook, cells=None):
    """Run a notebook's first `cells` cells (None: all) in a process of its own.

    Returns {"checks", "launches", "seconds"}; raises AssertionError with the end of what
    the process wrote when it failed.
    """
    path = [str(HERE), str(ROOT), os.environ.get("PYTHONPATH", "")]
    env = {"OPENBLAS_NUM_THREADS": "1"} | os.environ
    env |= {"TINYFT_DEVICE": "cuda", "MPLBACKEND": "Agg", "PYTHONUTF8": "1"}
    env["TINYFT_GPU_KERNELS"] = "0"  # on one CPU thread they take minutes a chapter
    env["PYTHONPATH"] = os.pathsep.join(part for part in path if part)
    command = [sys.executable, str(Path(__file__)), "--here", str(notebook), str(cells)]
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        ended = subprocess.run(
            command, env=env, cwd=folder, capture_output=True, encoding="utf-8"
        )
    assert ended.returncode == 0, f"{notebook}: {ended.stderr[-2000:]}"
    found = json.loads(ended.stdout.rpartition(SAID)[2])
    assert found["checks"] > 0 and found["launches"] > 100, f"{notebook}: {found}"
    return found | {"seconds": time.perf_counter() - began}


def here(notebook, cells):
    """What the process does: the stand-in for CuPy, then one cell after the other."""
    import stand_in

    from tinyft import backend
    from tinyft.course.check import records

    backend.device_library(stand_in.library)
    names = {"__name__": "__main__"}
    every = json.loads(Path(notebook).read_text(encoding="utf-8"))["cells"]
    for i, cell in enumerate(every[:cells]):
        if cell["cell_type"] == "code":
            text = compile("".join(cell["source"]), f"cell {i + 1}", "exec")
            exec(text, names)
    assert all(record["ok"] for record in records), "a failed check was caught"
    found = {"checks": len(records), "launches": stand_in.counts["launch"]}
    print(SAID + json.dumps(found))


def line(name, path):
    """One chapter for the command line: (passed, what to print)."""
    try:
        found = run(path)
    except AssertionError as error:
        return False, f"FAILED {name}\n{error}"
    figures = "{checks} checks, {launches:,} launches, {seconds:.1f} s".format(**found)
    return True, f"passed {name}: {figures}"


def main(names):
    """Run chapters two at a time; the exit code, 1 if any failed."""
    from tinyft.course.run import execute as course

    available = course.chapters(ROOT)
    chosen = course.choose(names, available)
    good, began = True, time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        lines = pool.map(line, chosen, [available[name] for name in chosen])
        for passed, text in lines:
            print(text, flush=True)
            good = good and passed
    print(f"{len(chosen)} chapters, {time.perf_counter() - began:.0f} s")
    return 0 if good else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--here"]:
        here(sys.argv[2], None if sys.argv[3] == "None" else int(sys.argv[3]))
    else:
        sys.exit(main(sys.argv[1:]))
