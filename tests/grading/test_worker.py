"""The worker's parts in this process: events, verdicts, the plugin alone."""

import io
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from tinyft.grading import guard, runner
from tinyft.grading.check import context, student
from tinyft.grading.sandbox import worker
from tinyft.grading.candidate import encode
from tinyft.grading.results import Heard


def job_of(chapter, tmp_path, text):
    task = chapter.task
    candidate = runner.candidate_of(task, "one", text.encode())
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return {
        "test": str(task.test),
        "scratch": str(scratch),
        "nonce": "n",
        "strict": True,
        "done": [["one", "test_input_stays"]],
        "limits": None,
        "candidates": [encode(candidate)],
    }


def test_events_of_one_job(chapter, tmp_path, capsys):
    lines = []
    worker.grade(job_of(chapter, tmp_path, chapter.texts.solution), lines.append)
    capsys.readouterr()
    events = [json.loads(line) for line in lines]
    assert {event["nonce"] for event in events} == {"n"}
    kinds = [event["event"] for event in events]
    assert kinds == ["collected", "start", "loading", "loaded", "check", "done"]
    assert [check["points"] for check in events[0]["checks"]] == [2, 1]
    assert events[4]["status"] == "passed" and not context.strict


def test_main_reads_the_job_and_ends_at_once(chapter, tmp_path, monkeypatch, capsys):
    def leave(code):
        raise SystemExit(code)

    results = tmp_path / "results.jsonl"
    results.touch()
    job = job_of(chapter, tmp_path, "x = 1\n") | {"results": str(results)}
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(job) + "\n"))
    monkeypatch.setattr(os, "_exit", leave)
    with pytest.raises(SystemExit):
        worker.main()
    capsys.readouterr()
    events = [json.loads(line) for line in results.read_text().split("\n") if line]
    assert events[-1] == {"nonce": "n", "event": "done"}


def test_the_hook_refuses_what_the_verdict_names(monkeypatch, tmp_path):
    hooks = []
    monkeypatch.setattr(sys, "addaudithook", hooks.append)
    guard.install(str(tmp_path))
    assert hooks[0]("open", (os.devnull, "w", WRITE)) is None
    with pytest.raises(PermissionError, match="use the network"):
        hooks[0]("socket.connect", (None, "x"))


def test_lines_without_the_nonce_count_for_nothing():
    heard = Heard(["one"])
    passed = {"event": "check", "candidate": "one", "check": "c", "status": "passed"}
    for line in ("", "garbage", "[1]", json.dumps(passed), '{"nonce": "guess"}'):
        heard.hear(line.encode())
    assert heard.outcomes == {} and not heard.finished
    heard.hear(json.dumps({"nonce": heard.nonce} | passed).encode())
    assert heard.outcomes == {("one", "c"): {"status": "passed"}}


def test_the_plugin_alone_grades_the_file_beside_the_test(chapter):
    arguments = [
        "-p",
        "tinyft.grading.check.plugin",
        "-p",
        "no:cacheprovider",
        "--student=a",
    ]
    environment = runner.worker_environment()

    def run():
        command = [sys.executable, "-m", "pytest", "-q", *arguments, "test_scale.py"]
        folder = chapter.task.folder
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True
        )

    first = run()
    assert first.returncode == 1 and "not implemented yet: scale" in first.stdout
    chapter.task.answer.write_text(chapter.texts.solution, encoding="utf-8")
    assert run().returncode == 0


def test_the_plugin_is_not_an_entry_point():
    import importlib.metadata

    points = importlib.metadata.entry_points(group="pytest11")
    assert not [point for point in points if point.value.startswith("tinyft")]


READ, WRITE = os.O_RDONLY, os.O_WRONLY | os.O_CREAT


@pytest.mark.parametrize(
    "event, arguments, said",
    [
        ("open", ("/x/solutions/a.py", "r", READ), "read the solutions"),
        ("open", ("/x/wrong_answers.py", "r", READ), "read the solutions"),
        ("open", ("/x/a.txt", "w", WRITE), "write the file"),
        ("open", (b"/x/a.txt", None, WRITE), "write the file"),
        ("open", ("{scratch}/../a.txt", "w", WRITE), "write the file"),
        ("os.remove", ("/x/a.txt", -1), "change files"),
        ("os.rename", ("{scratch}/a", "/x/a", -1, -1), "change files"),
        ("subprocess.Popen", ("ls", [], None, None), "start or stop a process"),
        ("os.kill", (1, 9), "start or stop a process"),
        ("socket.connect", (None, ("1.1.1.1", 80)), "use the network"),
        ("socket.getaddrinfo", ("x", 80), "use the network"),
        ("open", ("/x/a.txt", "r", READ), None),
        ("open", ("{scratch}/a.txt", "w", WRITE), None),
        ("open", (os.devnull, "w", WRITE), None),
        ("open", (3, "w", WRITE), None),
        ("os.mkdir", ("{scratch}/a", 0o777, -1), None),
        ("import", ("x", None, None, None, None), None),
    ],
)
def test_verdicts(event, arguments, said, tmp_path):
    scratch = str(tmp_path)
    arguments = tuple(
        one.replace("{scratch}", scratch) if isinstance(one, str) else one
        for one in arguments
    )
    verdict = guard.verdict(event, arguments, scratch)
    assert verdict is None if said is None else said in verdict


def test_replaced_names_are_put_back(monkeypatch):
    import numpy as np

    before, kept = guard.snapshot(), np.allclose
    assert guard.restore(before) == []
    monkeypatch.setattr(np, "allclose", max)
    assert guard.restore(before) == ["numpy.allclose"] and np.allclose is kept


def test_limits_without_posix_say_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)
    assert "no memory limit" in guard.limit(1, 1)


def test_limits_that_the_system_refuses_are_named(monkeypatch):
    def refuse(*_):
        raise ValueError

    names = ("RLIMIT_AS", "RLIMIT_FSIZE", "RLIMIT_CPU")
    fake = SimpleNamespace(setrlimit=refuse, **dict.fromkeys(names, 0))
    monkeypatch.setitem(sys.modules, "resource", fake)
    assert guard.limit(1, 1).count("no RLIMIT_") == 4


def test_limits_that_hold_are_listed(monkeypatch):
    calls = []
    names = ("RLIMIT_AS", "RLIMIT_FSIZE", "RLIMIT_CPU", "RLIMIT_CORE")
    fake = SimpleNamespace(
        setrlimit=lambda *call: calls.append(call), **{n: n for n in names}
    )
    monkeypatch.setitem(sys.modules, "resource", fake)
    said = guard.limit(100, 2.5)
    assert said == "100 MiB, 64 MiB a file, 3 s of processor, no core file"
    assert ("RLIMIT_CPU", (3, 3)) in calls


def test_the_call_is_described_from_the_signature(tmp_path):
    import numpy as np

    code = b"def f(X, lam, name='a', rest=None): return X\n"
    module = student.load(code, tmp_path / "f.py")
    module.f(np.ones((7, 3)), 0.25, rest=[1] * 99)
    assert context.called == "f(X: 7×3, lam=0.25, rest=[1, 1, 1, 1, 1, 1, ...])"
    assert not context.changed


def test_an_argument_changed_in_place_is_remembered(tmp_path, monkeypatch):
    import numpy as np

    monkeypatch.setattr(context, "changed", frozenset())
    code = b"def f(x, y):\n    y += 1\n    return x\n"
    module = student.load(code, tmp_path / "f.py")
    module.f(np.ones(3), np.ones(3))
    assert context.changed == {"y"}


def test_attributes_that_are_not_functions_pass_through(tmp_path):
    module = student.load(b"K = 3\nclass A:\n    pass\n", tmp_path / "f.py")
    assert module.K == 3 and isinstance(module.A(), module.A)
    assert not hasattr(module, "__wrapped__")
