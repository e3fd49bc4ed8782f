"""Plant faults in copies of the package and run a chapter's notebook on each.

A copy lies in a temporary folder: the package that runs this command is never changed.
A fault is caught when a check fails, when a cell raises, or when the notebook no longer
ends in time; what else survives is shown, to be judged.
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
from dataclasses import asdict, dataclass, field
from pathlib import Path

import tinyft
from tinyft.course.faults import plant, table
from tinyft.course.run.execute import CourseError
from tinyft.grading import places

CAUGHT = ("check", "exception", "timeout")
PACKAGE = Path(tinyft.__file__).parent
ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
PATIENCE, GRACE = 3, 30.0  # a trial ends after 3 × the time without a fault + 30 s
SHARE = 0.9  # of its faults that a notebook should catch


@dataclass
class Trial:
    """One fault and what became of it: check, exception, timeout, survived, equivalent."""

    fault: plant.Fault
    outcome: str
    said: str
    cell: int | None
    seconds: float

    @property
    def by_hand(self):
        """True for a fault that somebody wrote down."""
        return self.fault.where == "by hand"

    def as_json(self):
        """Plain data, without the whole text of the file."""
        fault = asdict(self.fault) | {"label": self.fault.label}
        del fault["text"]
        found = {"outcome": self.outcome, "said": self.said, "cell": self.cell}
        return fault | found | {"seconds": round(self.seconds, 1)}


@dataclass
class Survey:
    """All trials of a chapter, and the run without a fault that came first.

    problem: why there are no trials, one sentence, or "".
    """

    chapter: str
    files: list
    seconds: float = 0.0
    checks: str = ""
    problem: str = ""
    trials: list = field(default_factory=list)

    def count(self, *outcomes, by_hand=None):
        """How many trials ended so."""
        chosen = (t for t in self.trials if by_hand in (None, t.by_hand))
        return sum(trial.outcome in outcomes for trial in chosen)

    @property
    def ok(self):
        """True when nine of ten faults that change anything were caught."""
        real = len(self.trials) - self.count("equivalent")
        return not self.problem and self.count(*CAUGHT) >= SHARE * real

    def as_json(self):
        """Plain data."""
        outcomes = (*CAUGHT, "survived", "equivalent")
        counts = {name: self.count(name) for name in outcomes}
        head = {"chapter": self.chapter, "files": self.files, "ok": self.ok}
        head |= {"seconds": round(self.seconds, 1), "problem": self.problem}
        head |= {"counts": counts}
        return head | {"trials": [trial.as_json() for trial in self.trials]}


def survey(path, sample=10, seed=0, core=False, jobs=2, heard=print):
    """Plant faults for one notebook: a Survey.

    path: the notebook.  sample: how many to draw beside those by hand; None: every
    possible one.  seed: of the draw.  core: only the cells before the proofs.  jobs:
    trials side by side.  heard(text_or_trial) is called as it goes.
    """
    notes, files = table.notes(path.stem), table.files(path.stem)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        bench = Bench(Path(folder), path, code_cells(path, core), jobs)
        found = Survey(path.stem, files)
        first = bench.baseline(files)
        found.seconds, found.checks = first["seconds"], first["said"]
        if first["kind"] != "passed":
            where = f"cell {first['cell']}: " if first["cell"] else ""
            found.problem = f"it does not pass without a fault: {where}{found.checks}"
            return found
        heard(f"{path.stem}: {found.checks}, {found.seconds:.0f} s without a fault")
        faults = [plant.by_hand(PACKAGE, note) for note in notes.by_hand]
        faults += plant.sample(PACKAGE, first["seen"], sample, seed)
        bench.limit = PATIENCE * found.seconds + GRACE

        def judged(fault):
            trial = bench.trial(fault)
            if trial.outcome == "survived" and fault.label in notes.equivalent:
                trial.outcome, trial.said = "equivalent", notes.equivalent[fault.label]
            heard(trial)
            return trial

        found.trials = bench.map(judged, faults)
    return found


def code_cells(path, core=False):
    """[(number, text)] of a notebook's code cells; core: up to the heading "Proofs"."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells]
    kinds = [cell["cell_type"] for cell in cells]
    if core:
        heads = [i for i, text in enumerate(texts) if _proofs(kinds[i], text)]
        if not heads:
            raise CourseError(f"{path.name} has no heading that begins with Proofs")
        kinds = kinds[: heads[0]]
    return [(i + 1, texts[i]) for i, kind in enumerate(kinds) if kind == "code"]


def _proofs(kind, text):
    first = text.lstrip("#").strip()
    return kind == "markdown" and text.startswith("#") and first.startswith("Proofs")


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

    def trial(self, fault):
        """Run the notebook with one fault."""
        copy = self.copies.get()
        target = copy / fault.file
        kept = target.read_text(encoding="utf-8")
        try:
            target.write_text(fault.text, encoding="utf-8")
            found = self._run(copy, {"PYTHONDONTWRITEBYTECODE": "1"})
        finally:
            target.write_text(kept, encoding="utf-8")
            self.copies.put(copy)
        outcome = "survived" if found["kind"] == "passed" else found["kind"]
        return Trial(fault, outcome, found["said"], found["cell"], found["seconds"])

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
        (scratch / "job.json").write_text(json.dumps(job), encoding="utf-8")
        began = time.perf_counter()
        ended, errors = self._wait(_start(package, scratch, self.path.parent, more))
        if not ended:
            found = {"kind": "timeout", "said": f"after {self.limit:.0f} s"}
        elif report.exists():
            found = json.loads(report.read_text(encoding="utf-8"))
        else:
            found = {"kind": "exception", "said": _last_line(errors)}
        return {"cell": None} | found | {"seconds": time.perf_counter() - began}

    def _wait(self, process):
        """(it ended by itself, what it wrote to stderr)."""
        end = time.monotonic() + (self.limit or 3600)
        while process.poll() is None:
            if self.stop.is_set() or time.monotonic() > end:
                _kill(process)
                return False, ""
            time.sleep(0.05)
        return True, Path(process.errors).read_text(encoding="utf-8", errors="replace")


def _inside(package, file):
    return Path(file).relative_to(package).as_posix()


def _start(package, scratch, folder, more):
    """The process of one trial; it imports tinyft from this copy of the package."""
    names = dict.fromkeys(ONE_THREAD, "1") | os.environ
    names |= {"PYTHONPATH": os.pathsep.join([str(package.parent), *_paths()])}
    names |= {"MPLBACKEND": "Agg", "PYTHONUTF8": "1", "PYTHONHASHSEED": "0", **more}
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
