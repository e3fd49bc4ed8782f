"""What grading yields: one object that text, JSON and exit codes are made from."""

import json
import time
from dataclasses import asdict, dataclass, field

from tinyft.grading.exercise import GradingError


@dataclass
class Check:
    """The outcome of one check."""

    name: str
    title: str
    points: float
    status: str = "failed"  # passed, failed, or fault: the check itself is badly made
    message: str = ""
    named: list = field(default_factory=list)
    margin: float | None = None
    seconds: float = 0.0
    output: str = ""
    numbers: str = ""  # what the message was told from: the call, returned, expected
    mistakes: dict = field(default_factory=dict)  # self-test: {mistake: did it differ}

    ok = property(lambda self: self.status == "passed")
    earned = property(lambda self: self.points if self.ok else 0)


@dataclass
class TaskResult:
    """All checks of one file: text, JSON and exit codes come from this object."""

    task: str
    title: str
    path: str
    checks: list
    note: str = ""
    problem: str = ""  # why the checks themselves could not be run

    score = property(lambda self: sum(one.points for one in self.checks if one.ok))
    out_of = property(lambda self: sum(one.points for one in self.checks))
    ok = property(lambda self: bool(self.checks) and all(c.ok for c in self.checks))
    seconds = property(lambda self: sum(one.seconds for one in self.checks))

    def as_json(self):
        """Plain data."""
        numbers = {"score": self.score, "out_of": self.out_of, "ok": self.ok}
        checks = [_without_mistakes(one) for one in asdict(self)["checks"]]
        return asdict(self) | numbers | {"checks": checks}


def _without_mistakes(check):
    return {key: value for key, value in check.items() if key != "mistakes"}


@dataclass
class Report:
    """The results of several tasks, of one student: what every format is made from."""

    tasks: list
    student: str = ""
    seconds: float = 0.0
    problem: str = ""  # why nothing could be graded at all
    note: str = ""
    fence: str = ""  # what shut the answers in

    score = property(lambda self: sum(one.score for one in self.tasks))
    out_of = property(lambda self: sum(one.out_of for one in self.tasks))

    @property
    def ok(self):
        """Full marks everywhere; nothing graded is not full marks."""
        graded = bool(self.tasks) and not self.problem
        return graded and all(one.ok for one in self.tasks)

    def as_json(self):
        """Plain data."""
        numbers = {"score": self.score, "out_of": self.out_of, "ok": self.ok}
        rest = {
            key: getattr(self, key) for key in ("student", "problem", "note", "fence")
        }
        rest["seconds"] = round(self.seconds, 3)
        return numbers | rest | {"tasks": [one.as_json() for one in self.tasks]}


def report_from(data):
    """The Report of `as_json`."""
    tasks = [
        TaskResult(
            **{key: one[key] for key in ("task", "title", "path", "note", "problem")},
            checks=[Check(**check) for check in one["checks"]],
        )
        for one in data["tasks"]
    ]
    rest = ("student", "seconds", "problem", "note", "fence")
    return Report(tasks, **{key: data[key] for key in rest})


class Heard:
    """What has been heard from the judges of some candidates."""

    def __init__(self, names):
        self.names = names
        self.checks, self.outcomes, self.faults = {}, {}, {}
        self.finished = False
        self.restart()

    def restart(self):
        """A new judge starts: nothing heard from it yet."""
        self.running = None
        self.left = self.lost = False
        self.since = time.monotonic()

    def hear(self, line):
        """Take one line of a judge."""
        event = json.loads(line)
        kind = event.pop("event")
        self.since = time.monotonic()
        getattr(self, f"_{kind}")(**event)

    def _collected(self, checks):
        self.checks = checks

    def _fault(self, test, message):
        self.faults[test] = message

    def _start(self, candidate, check):
        self.running = candidate, check

    def _unloadable(self, candidate, message):
        for check in self.checks[candidate]:
            told = {"status": "failed", "message": message}
            self.outcomes.setdefault((candidate, check["name"]), told)

    def _check(self, candidate, check, **outcome):
        self.outcomes[candidate, check] = outcome
        self.running = None

    def _broke(self, message):
        told = {"status": "fault", "message": f"The grader itself broke: {message}."}
        if self.running:
            self.outcomes.setdefault(self.running, told)
            self.left = self.lost = True

    def _leave(self):
        self.left = self.lost = True

    def _done(self, lost):
        self.finished, self.lost = True, lost

    def done(self, first=False):
        """The (candidate, check) that need not run; `first`: one failure is enough."""
        failed = {n for (n, _), o in self.outcomes.items() if o["status"] != "passed"}
        left = [
            (name, check["name"])
            for name in (failed if first else ())
            for check in self.checks[name]
        ]
        return {*self.outcomes, *left}

    def after(self, ended):
        """A judge ended: blame the check that was running; GradingError without one."""
        if self.left:
            self.finished = self._complete()
        if self.finished or self.left or self.faults:
            self.finished = self.finished or bool(self.faults)
            return
        if self.running is None:
            raise GradingError(f"the checks cannot be run: the judge {ended}")
        told = {"status": "failed", "message": f"What the answer returned {ended}."}
        self.outcomes.setdefault(self.running, told)
        self.finished = self._complete()

    def _complete(self):
        count = sum(len(checks) for checks in self.checks.values())
        return len(self.outcomes) == count

    def results(self, name):
        """[Check] of a candidate, in the order of the test file."""
        lost = {"status": "failed", "message": "The check did not run."}
        return [
            Check(**check, **self.outcomes.get((name, check["name"]), lost))
            for check in self.checks[name]
        ]
