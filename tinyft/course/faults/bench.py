"""Copies of the package in a temporary folder, and the processes that run on them.

The package that runs this command is never changed; bytecode that could be taken for
the bytecode of a changed file is removed.
"""

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import tinyft
from tinyft.grading import places

PACKAGE = Path(tinyft.__file__).parent
WAITS = 20  # × the limit of processor time: the clock alone where nothing else limits
ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


class Bench:
    """Copies of the package, one per job, and the processes that run on them."""

    def __init__(self, folder, path, cells, jobs):
        self.folder, self.path, self.cells, self.jobs = folder, path, cells, jobs
        self.stop, self.limit = threading.Event(), None
        self.copies = queue.Queue()

    def baseline(self, files):
        """Run without a fault, watching the files; then make the other copies."""
        first = self.folder / "0" / "tinyft"
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PACKAGE, first, ignore=ignored)
        report = self._run(first, {}, [str(first / file) for file in files])
        if report["kind"] != "passed":
            return report
        seen = {_inside(first, file): seen for file, seen in report["seen"].items()}
        for number in range(self.jobs):
            copy = self.folder / str(number) / "tinyft"
            if number:
                shutil.copytree(first, copy)
            for file in files:  # bytecode could be taken for that of a changed source
                (copy / file).touch()
                for old in (copy / file).parent.glob(
                    f"__pycache__/{Path(file).stem}.*"
                ):
                    old.unlink()
            self.copies.put(copy)
        return report | {"seen": seen}

    def trial(self, file, text):
        """Run the notebook with another text in one file: outcome, said, cell, seconds."""
        copy = self.copies.get()
        target = copy / file
        kept = target.read_text(encoding="utf-8")
        try:
            target.write_text(text, encoding="utf-8")
            found = self._run(copy, {"PYTHONDONTWRITEBYTECODE": "1"})
        finally:
            target.write_text(kept, encoding="utf-8")
            self.copies.put(copy)
        kind = found["kind"]
        outcome = "survived" if kind == "passed" else kind
        names = ("said", "cell", "seconds")
        return {"outcome": outcome} | {name: found[name] for name in names}

    def map(self, function, faults):
        """Call the function for each fault, side by side; Ctrl-C ends the processes."""
        with ThreadPoolExecutor(self.jobs) as pool:
            futures = [pool.submit(function, fault) for fault in faults]
            try:
                while not all(future.done() for future in futures):
                    time.sleep(0.1)  # short: Windows cannot interrupt a long wait
            except KeyboardInterrupt:
                self.stop.set()
                pool.shutdown(cancel_futures=True)
                raise
        return [future.result() for future in futures]

    def _run(self, package, more, watch=()):
        scratch = Path(tempfile.mkdtemp(dir=self.folder))
        report = scratch / "report.json"
        job = {"cells": self.cells, "watch": list(watch), "report": str(report)}
        job["processor"] = self.limit
        (scratch / "job.json").write_text(json.dumps(job), encoding="utf-8")
        began = time.perf_counter()
        ended, errors = self._wait(_start(package, scratch, self.path.parent, more))
        if not ended:
            found = {
                "kind": "timeout",
                "said": f"after {self.limit} s of processor time",
            }
        elif report.exists():
            found = json.loads(report.read_text(encoding="utf-8"))
        else:
            found = {"kind": "exception", "said": _last_line(errors)}
        return {"cell": None} | found | {"seconds": time.perf_counter() - began}

    def _wait(self, process):
        """(it ended by itself, what it wrote to stderr)."""
        end = time.monotonic() + WAITS * (self.limit or 3600)
        while process.poll() is None:
            if self.stop.is_set() or time.monotonic() > end:
                _kill(process)
                return False, ""
            time.sleep(0.05)
        if process.returncode == -getattr(signal, "SIGXCPU", 0) != 0:
            return False, ""
        return True, Path(process.errors).read_text(encoding="utf-8", errors="replace")


def _inside(package, file):
    return Path(file).relative_to(package).as_posix()


def _start(package, scratch, folder, more):
    """The process of one trial; it imports tinyft from this copy of the package."""
    names = dict.fromkeys(ONE_THREAD, "1") | os.environ
    names |= {"PYTHONPATH": os.pathsep.join([str(package.parent), *_paths()])}
    names |= {"MPLBACKEND": "Agg", "PYTHONUTF8": "1", "PYTHONHASHSEED": "0", **more}
    names["TINYFT_FAST"] = "0"  # a fault is planted in a formula: the formula must run
    names.setdefault("TINYFT_HOME", str(places.library()))
    names.pop("TINYFT_CHECKS", None)
    arguments = ["-P", "-m", "tinyft.course.faults.trial", str(scratch / "job.json")]
    errors = scratch / "stderr"
    group = {"start_new_session": True} if os.name == "posix" else {}
    with open(errors, "wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env=names,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            **group,
        )
    process.errors = errors
    return process


def _paths():
    """PYTHONPATH without this package's own parent."""
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return [path for path in paths if path and Path(path) != PACKAGE.parent]


def _kill(process):
    try:
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except (ProcessLookupError, PermissionError):
        pass
    process.wait()


def _last_line(text):
    lines = text.strip().splitlines()
    return lines[-1] if lines else "the process ended without a report"
