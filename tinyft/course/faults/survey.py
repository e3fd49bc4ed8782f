"""Plant faults in copies of the package and run a chapter's notebook on each.

A copy lies in a temporary folder: the package that runs this command is never changed.
A fault is caught when a check fails, when a cell raises, or when the notebook no longer
ends in time; what else survives is shown, to be judged.
"""

import json
import math
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tinyft.course.faults import plant, table
from tinyft.course.faults.bench import PACKAGE, Bench
from tinyft.course.run.execute import CourseError

CAUGHT = ("check", "exception", "timeout")
PATIENCE, GRACE = (
    3,
    30,
)  # a trial may take 3 × the processor time without a fault + 30 s
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
        bench.limit = math.ceil(PATIENCE * first["processor"] + GRACE)

        def judged(fault):
            trial = Trial(fault, **bench.trial(fault.file, fault.text))
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
