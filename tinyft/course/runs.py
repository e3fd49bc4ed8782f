"""Experiments that a chapter's minute is too short for: run once, committed, drawn.

    tinyft study 15                  runs the plan of lessons/ch15_lora.py, one by one
    runs = load("15_lora")           what it wrote to studies/15_lora.json
    runs.where(method="LoRA", r=4).by("lr", "valid")     {rate: [a value per seed]}

A plan is a list of settings, each a dict with a rate "lr" and a seed. It covers the grid
of rates with the seeds of CHOOSING; then the other seeds of SEEDS follow at the best rate
of each grid, by the score "valid" (a plan with every seed at every rate, for cheap
runs, has no such second pass; a lesson that chooses more than a rate has its own
`finals(grids)`). The file holds every single result with its settings,
and the version and processor that made it; a run that the file has already is not
repeated, so the command can be stopped and started again.
"""

import importlib
import json
import platform
from pathlib import Path

import numpy as np

import tinyft
from tinyft import kernels
from tinyft.course.experiment import SEEDS, best
from tinyft.io.atomic import atomic_write

CHOOSING = SEEDS[:2]
FOLDER = Path(__file__).parent / "studies"


class Runs(list):
    """A list of runs, each {"settings": {...}, "scores": {...}}."""

    def where(self, **settings):
        """The runs with these settings."""
        found = Runs(r for r in self if settings.items() <= r["settings"].items())
        if not found:
            raise LookupError(f"no run of this study has {settings}")
        return found

    def values(self, score):
        """A score of every run, in the order of the seeds."""
        ordered = sorted(self, key=lambda run: run["settings"]["seed"])
        return [run["scores"][score] for run in ordered]

    def best_rate(self):
        """The rate of the smallest mean of "valid", over the seeds of CHOOSING.

        Raises ValueError when it is at the edge of its grid.
        """
        chosen = Runs(run for run in self if run["settings"]["seed"] in CHOOSING)
        return best(chosen.by("lr", "valid"))

    def at_best_rate(self):
        """The runs at that rate: one per seed of SEEDS."""
        return self.where(lr=self.best_rate())

    def by(self, setting, score):
        """{value of a setting: the score of each seed}, sorted by the setting."""
        options = sorted({run["settings"][setting] for run in self})
        return {v: self.where(**{setting: v}).values(score) for v in options}


def load(chapter, folder=FOLDER):
    """The committed runs of a chapter such as "15_lora"."""
    path = Path(folder) / f"{chapter}.json"
    if not path.is_file():
        raise LookupError(
            f"load: chapter {chapter!r} has no committed study; `tinyft study "
            f"{chapter.partition('_')[0]}` makes it"
        )
    return Runs(json.loads(path.read_text("utf-8"))["runs"])


def record(chapter, plan, one_run, folder=FOLDER, report=print, keep=False):
    """Run what the plan has and the file has not; the file is written after each run.

    plan: dicts of JSON values, each with a "seed".  one_run(**settings) -> {score: float}.
    keep: leave other runs in the file; without it those that the plan lacks are dropped.
    Returns the Runs of the plan, in its order.
    """
    path = Path(folder) / f"{chapter}.json"
    done = {
        _key(r["settings"]): r
        for r in (load(chapter, folder) if path.is_file() else [])
    }
    wanted = [_key(settings) for settings in plan]
    if not keep:
        done = {key: done[key] for key in wanted if key in done}
    for i, (key, settings) in enumerate(zip(wanted, plan)):
        if key not in done:
            scores = {k: float(v) for k, v in one_run(**settings).items()}
            done[key] = {"settings": settings, "scores": scores}
            _write(path, chapter, done.values())
            report(f"{i + 1} of {len(plan)}: {settings} {scores}")
    _write(path, chapter, done.values())
    return Runs(done[key] for key in wanted)


def study(chapter, report=print):
    """`tinyft study`: the grids of the chapter's lesson, then all seeds at the best.

    The numbers are NumPy's, also where compiled kernels are switched on.
    """
    lessons = lessons_of(chapter)
    if not lessons:
        raise LookupError(
            f"chapter {chapter!r} has no study; see tinyft/course/lessons"
        )
    for lesson in lessons:
        with kernels.use(False, "compiled"):
            _study(lesson, report)


def _study(lesson, report):
    name, plan = lesson.__name__.rpartition(".ch")[2], lesson.plan()
    grids = record(name, plan, lesson.run, FOLDER, report, keep=True)
    record(name, plan + second_pass(lesson, grids, plan), lesson.run, FOLDER, report)


def second_pass(lesson, grids, plan):
    """What follows the plan: `lesson.finals(grids)` where it has that, else `finals`."""
    if hasattr(lesson, "finals"):
        return lesson.finals(grids)
    return finals(grids, plan)


def lessons_of(chapter):
    """The lessons of a chapter ("15", or "*" for all) that have a plan of runs."""
    package = Path(__file__).parents[1]
    found = sorted(Path(__file__).parent.glob(f"lessons/*/ch{chapter}_*.py"))
    names = [path.relative_to(package.parent).with_suffix("").parts for path in found]
    lessons = [importlib.import_module(".".join(parts)) for parts in names]
    return [lesson for lesson in lessons if hasattr(lesson, "plan")]


def finals(grids, plan):
    """The settings of the seeds that are still to run, at the best rate of each grid."""
    methods = [
        {k: v for k, v in one.items() if k not in ("lr", "seed")} for one in plan
    ]
    methods = list({_key(one): one for one in methods}.values())
    methods = [one for one in methods if not _complete(grids.where(**one))]
    best = [one | {"lr": grids.where(**one).best_rate()} for one in methods]
    return [one | {"seed": seed} for seed in SEEDS[len(CHOOSING) :] for one in best]


def _complete(found):
    """True if nothing is to be chosen: one rate, or all seeds of SEEDS at every rate."""
    seeds = found.by("lr", "valid")
    return len(seeds) == 1 or all(len(v) >= len(SEEDS) for v in seeds.values())


def _key(settings):
    return json.dumps(settings, sort_keys=True)


def _write(path, chapter, runs):
    about = {
        "chapter": chapter,
        "command": f"OPENBLAS_NUM_THREADS=1 tinyft study {chapter.partition('_')[0]}",
        "tinyft": tinyft.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "processor": processor(),
    }
    lines = ",\n".join(json.dumps(run) for run in runs)
    head = json.dumps(about, indent=1).removesuffix("\n}")
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, f'{head},\n "runs": [\n{lines}\n]}}\n'.encode())


def processor():
    """The processor's name where the system tells it, else its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        names = [
            line.partition(":")[2] for line in lines if line.startswith("model name")
        ]
    except OSError:
        names = []
    return names[0].strip() if names else platform.machine()
