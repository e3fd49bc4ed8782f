"""The grader graded: `tinyft grade --selftest`.

For every task: the solution gets full marks for 20 student seeds; the stub fails every
check with "not implemented yet"; a poisoned stub is recognised in every check (it is
the learner's file that is graded); every named wrong answer (at least 5) fails, with
its own name in the message; so does a solution with a constant for a size (`planted`).
A mistake may give the right answer on some draws (n = 1, say), never on all; that it is
at least 10 tolerances away on the others is demanded by compare() itself.
"""

import difflib
import secrets
from dataclasses import dataclass, field

from tinyft.grading import exercise
from tinyft.grading.judging import runner
from tinyft.grading.proof import mutation, planted
from tinyft.grading.sandbox import box

SEEDS = 20
LEAST = 5
SECONDS = 3  # of one check with a constant planted
KEYS = (
    "title equation hints returns seconds megabytes may_change imports forbidden"
).split()


@dataclass
class Proof:
    """What the self-test found for one task; no `faults` (sentences) when proved."""

    task: str
    checks: int = 0
    wrong: int = 0
    caught: int = 0
    named: int = 0
    seeds: int = 0
    planted: int = 0
    noticed: int = 0
    equal: int = 0
    margin: float | None = None  # the smallest over the wrong answers, in tolerances
    faults: list = field(default_factory=list)

    ok = property(lambda self: not self.faults)

    def as_json(self):
        """Plain data."""
        return vars(self) | {"ok": self.ok}


def prove(task, seeds=SEEDS, constants=True):
    """Run all of a task's candidates in one process and judge them: a Proof.

    constants: plant them in the solution, too.
    """
    proof = Proof(task.label)
    try:
        source = exercise.read_source(task.solution)
        wrong = exercise.wrong_answers(task)
        poison = f"poison {secrets.token_hex(8)}"
        stubs = {
            "stub": exercise.stub_from(source),
            "poisoned": exercise.stub_from(source, "RuntimeError", poison),
        }
        with box.Boxes("none") as boxes:  # the course's own texts
            outcomes = _run(task, source, stubs, wrong, seeds, boxes)
            if constants:
                _judge_planted(proof, task, source, boxes)
    except (exercise.GradingError, OSError, SyntaxError) as error:
        proof.faults.append(str(error))
        return proof
    proof.checks = len(outcomes["stub"])
    _judge_solution(proof, outcomes, seeds)
    proof.faults += never_told(outcomes)
    _judge_stub(proof, outcomes["stub"], "the stub", "not implemented yet")
    _judge_stub(proof, outcomes["poisoned"], "the poisoned stub", poison)
    for name, _ in wrong:
        _judge_wrong(proof, name, outcomes[f"wrong: {name}"])
    proof.faults += unknown_keys(task)
    if exercise.drifted(task):
        proof.faults.append(f"{task.answer.name} is not what its solution generates")
    if len(wrong) < LEAST:
        proof.faults.append(f"{len(wrong)} named wrong answers; at least {LEAST}")
    return proof


def _run(task, source, stubs, wrong, seeds, boxes):
    texts = stubs | {f"wrong: {name}": text for name, text in wrong}
    chosen = [(f"seed {i}", source, f"student {i}") for i in range(seeds)]
    chosen += [(name, text, "") for name, text in texts.items()]
    candidates = [
        runner.candidate_of(task, name, text.encode(), student)
        for name, text, student in chosen
    ]
    return runner.run(task, candidates, strict=True, boxes=boxes)


def unknown_keys(task):
    """Sentences on keys of hints.toml that mean nothing: they are ignored silently."""
    for key in set(task.settings) - set(KEYS):
        near = difflib.get_close_matches(key, KEYS, n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        yield f"hints.toml has an unknown key {key!r}{meant}"


def _judge_solution(proof, outcomes, seeds):
    bad = {}
    for i in range(seeds):
        failed = [check for check in outcomes[f"seed {i}"] if not check.ok]
        proof.seeds += not failed
        for check in failed[:1]:
            bad.setdefault(check.name, []).append((i, check.message))
    for name, ((i, message), *more) in bad.items():
        also = f" (and {len(more)} others)" if more else ""
        said = f"the solution fails {name} for student {i}{also}: {message}"
        proof.faults.append(said)


def never_told(outcomes):
    """Sentences on mistakes that give the right answer on every draw of every check."""
    tried = {}
    for checks in outcomes.values():
        for check in checks:
            for name, differs in check.mistakes.items():
                tried[name] = tried.get(name, False) or differs
    for name in sorted(name for name, differs in tried.items() if not differs):
        yield (
            f"the mistake {name!r} gives the right answer on every draw of every check: "
            "change the data, or drop the mistake"
        )


def _judge_stub(proof, checks, who, text):
    for check in checks:
        if check.ok:
            proof.faults.append(f"{who} passes {check.name}")
        elif text not in check.message:
            said = f"{who} fails {check.name} for another reason: {check.message}"
            proof.faults.append(said)


def _judge_planted(proof, task, source, boxes):
    constants = planted.constants(source)
    one = planted.marked(source, constants)
    (checks,) = _graded(task, {"marked": one}, boxes, False).values()
    if not all(check.ok for check in checks):
        return  # the solution itself fails, which is told
    printed = "".join(check.output for check in checks)
    numbers, differing = planted.differing(constants, printed)
    passed = numbers - differing
    texts = {name: text for name, (text, _) in constants.items() if name in differing}
    others = planted.coincidences(source)
    texts |= {name: text for name, (text, _) in others.items()}
    if texts:
        found = _graded(task, texts, boxes, True)
        passed |= {name for name in texts if all(one.ok for one in found[name])}
    known = mutation.reasons(task, "planted")
    proof.planted = len(numbers) + len(others)
    proof.equal = len(passed & {*known})
    proof.noticed = proof.planted - len(passed)
    proof.faults += planted.judge({*constants, *others}, known, sorted(passed))


def _graded(task, texts, boxes, first):
    some = [runner.candidate_of(task, k, v.encode()) for k, v in texts.items()]
    seconds = min(SECONDS, task.settings.get("seconds", SECONDS)) if first else None
    return runner.run(task, some, seconds=seconds, first=first, boxes=boxes)


def _judge_wrong(proof, name, checks):
    failed = [check for check in checks if not check.ok]
    telling = [check for check in failed if name in check.message]
    margins = [check.margin for check in telling if check.margin is not None]
    proof.wrong += 1
    proof.caught += bool(failed)
    proof.named += bool(telling)
    if not failed:
        proof.faults.append(f"the wrong answer {name!r} gets full marks")
    elif not telling:
        said = f"the wrong answer {name!r} is caught, not named: {failed[0].message}"
        proof.faults.append(said)
    elif margins:
        known = [] if proof.margin is None else [proof.margin]
        proof.margin = min([*known, max(margins)])
