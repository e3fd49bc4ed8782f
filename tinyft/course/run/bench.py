"""`tinyft bench`: training steps beside PyTorch and others, in alternation.

The benchmarks live beside the package in its repository, not in the wheel: they are built
from the public API only, and each peer is a process of its own (benchmarks/compare.py).
"""

import subprocess
import sys

from tinyft.course.run.execute import CourseError
from tinyft.grading.places import PACKAGE_PARENT


def bench(workload, peers, rounds, threads, device, fast, json):
    """Run benchmarks/compare.py; its exit code (1 if losses do not agree)."""
    script = PACKAGE_PARENT / "benchmarks" / "compare.py"
    if not script.is_file():
        raise CourseError(
            f"bench: {script} is not there; the benchmarks are part of the repository, "
            "so clone it and install with: python -m pip install -e '.[course,peers]'"
        )
    command = [
        sys.executable,
        str(script),
        f"--rounds={rounds}",
        f"--threads={threads}",
    ]
    command += [f"--device={device}", f"--peers={peers}"]
    if fast:
        command.append("--fast")
    if workload:
        command.append(f"--workload={workload}")
    if json is not None:
        command.append(f"--json={json}")
    return subprocess.run(command, check=False).returncode
