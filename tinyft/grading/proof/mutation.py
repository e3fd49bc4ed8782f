"""`tinyft grade --mutants`: which blind changes of a solution its grader lets through.

A survivor is killed by a better check, or justified in solutions/survivors.toml:

    [closed_form]
    "np.sum(x) → np.mean(x)" = "why no check can tell the two apart"
"""

import tomllib
from dataclasses import dataclass, field

from tinyft.grading import exercise
from tinyft.grading.judging import runner
from tinyft.grading.proof.mutants import mutants
from tinyft.grading.sandbox import box

SECONDS = 3  # of one check of one mutant


@dataclass
class Attack:
    """What became of a task's mutants; no `faults` when every survivor is justified."""

    task: str
    mutants: int = 0
    killed: int = 0
    survived: list = field(default_factory=list)
    reasons: dict = field(default_factory=dict)
    faults: list = field(default_factory=list)

    survivors = property(lambda self: len(self.survived))
    justified = property(lambda self: sum(n in self.reasons for n in self.survived))
    ok = property(lambda self: not self.faults)

    def as_json(self):
        """Plain data."""
        return vars(self) | {"ok": self.ok, "survivors": self.survivors}


def attack(task):
    """Grade every mutant of a task's solution, each up to its first failure."""
    found = Attack(task.label)
    try:
        made = mutants(exercise.read_source(task.solution))
        found.reasons = reasons(task)
        candidates = [
            runner.candidate_of(task, name, text.encode()) for name, text in made
        ]
        with box.Boxes("none") as boxes:  # the course's own texts
            how = {"seconds": _seconds(task), "first": True, "boxes": boxes}
            outcomes = runner.run(task, candidates, **how)
    except (exercise.GradingError, OSError, SyntaxError) as error:
        found.faults.append(str(error))
        return found
    found.mutants = len(made)
    found.survived = [
        name for name, _ in made if all(check.ok for check in outcomes[name])
    ]
    found.killed = found.mutants - found.survivors
    _judge(found)
    return found


def _seconds(task):
    return min(SECONDS, task.settings.get("seconds", SECONDS))


def reasons(task, table=None):
    """{mutant's name: why it may live} of a task; table: "planted", of constants."""
    path = task.solution.parent / "survivors.toml"
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        found = tomllib.loads(text)
        return (found.get(table, {}) if table else found).get(task.name, {})
    except tomllib.TOMLDecodeError as error:
        raise exercise.GradingError(f"{path} is not valid TOML: {error}") from None


def _judge(found):
    for name in found.survived:
        if not found.reasons.get(name, "").strip():
            found.faults.append(f"the grader lets this through: {name}")
    for name in found.reasons:
        if name not in found.survived:
            said = f"survivors.toml excuses what does not survive: {name}"
            found.faults.append(said)
