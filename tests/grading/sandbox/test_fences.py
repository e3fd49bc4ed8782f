"""The fences: each is tried by starting it, and none is believed without a probe."""

import os
import subprocess
import sys

import pytest

from tinyft.grading.classroom import submissions
from tinyft.grading.exercise import GradingError
from tinyft.grading.judging import runner
from tinyft.grading.sandbox import box, fence, landlock, limits, probe

LINUX = pytest.mark.skipif(not box.WARM, reason="the fences are Linux's")
STANDING = [name for name in fence.FENCES if box.stands(name)]


@LINUX
@pytest.mark.parametrize("name", STANDING)
def test_a_fence_that_stands_has_no_gap(name):
    one = box.Box(name)
    try:
        assert probe.gaps(one, only_modes=name == "modes") == []
    finally:
        one.close()


NEEDS = {
    "bubblewrap": "the program bwrap, and namespaces that this user may make",
    "user": "root, Landlock, and a Python that other users can read",
    "landlock": "a kernel with Landlock, and a processor whose calls are known",
    "modes": "root, and a Python that other users can read",
}


@LINUX
@pytest.mark.parametrize("name", fence.FENCES)
def test_answers_are_graded_behind_each_fence(chapter, name):
    """Not the strongest alone: a right and a wrong answer behind every one of them."""
    if name not in STANDING:
        pytest.skip(f"{fence.SAID[name]} does not stand here; it needs {NEEDS[name]}")
    right = chapter.texts.solution
    wrong = right.replace("2 * n", "n")
    prying = right.replace("    c = 2", f"    open({__file__!r})\n    c = 2")
    texts = {"right": right, "wrong": wrong, "prying": prying}
    some = [runner.candidate_of(chapter.task, k, v.encode()) for k, v in texts.items()]
    with box.Boxes(name) as boxes:
        found = runner.run(chapter.task, some, boxes=boxes)
    assert all(check.ok for check in found["right"])
    assert "n·λ instead of 2n·λ" in found["wrong"][0].message
    if name != "modes":  # where only modes count, this file is anybody's to read
        assert not any(check.ok for check in found["prying"])


@LINUX
def test_without_a_fence_the_probe_finds_the_gaps():
    """So a fence that silently is none is red."""
    one = box.Box("none")
    try:
        found = probe.gaps(one)
    finally:
        one.close()
    assert {"read the grader's files", "write beside them", "delete"} <= set(found)


@LINUX
def test_a_kernel_that_can_has_a_fence():
    """Landlock and seccomp need no package and no privilege."""
    if landlock.abi() and limits.has_filter():
        assert "landlock" in STANDING and box.choose() in STANDING


@LINUX
def test_the_strongest_that_stands_is_chosen(monkeypatch):
    box._choose.cache_clear()
    try:
        for standing in (["bubblewrap", "landlock"], ["landlock"], []):
            box._choose.cache_clear()
            monkeypatch.setattr(box, "stands", lambda name, some=standing: name in some)
            assert box.choose() == [*standing, "none"][0]
    finally:
        box._choose.cache_clear()


@LINUX
def test_a_program_that_only_says_it_is_bubblewrap_does_not_stand(
    tmp_path, monkeypatch
):
    fake = tmp_path / "bwrap"
    fake.write_text(
        '#!/bin/sh\nwhile [ "$1" != "--" ]; do shift; done; shift\nexec "$@"\n'
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    known = fence.command

    def command(*arguments):
        text = known(*arguments)
        cell = str(fence.cell())
        return [part.replace('"/w/', f'"{cell}/') for part in text]

    monkeypatch.setattr(fence, "command", command)
    assert not box.stands("bubblewrap")


@LINUX
def test_a_fence_that_does_not_start_does_not_stand(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not box.stands("bubblewrap")


def test_other_peoples_files_need_a_fence(monkeypatch):
    monkeypatch.setattr(box, "choose", lambda: "none")
    with pytest.raises(GradingError, match="no fence stands on this machine"):
        submissions.fence()
    assert submissions.fence(none_too=True) == "none"


def test_nothing_of_the_grader_is_seen_inside():
    own = fence.cell() / "own" / "tinyft" / "grading" / "sandbox"
    assert {path.name for path in own.iterdir()} == set(fence.INSIDE)
    lib = fence.library(("tinyft.transfer", "tinyft.ops.nothing"))
    held = {path.name for path in (lib / "tinyft").iterdir()}
    assert {"nn", "ops", "models", "__init__.py"} <= held
    assert not {"grading", "course", "transfer", "cli.py"} & held
    found = [path for path in lib.rglob("*") if path.is_symlink()]
    assert found == []


def test_a_worker_has_a_small_environment(monkeypatch):
    monkeypatch.setenv("SECRET", "x")
    found = fence.environment()
    assert "SECRET" not in found and found["OPENBLAS_NUM_THREADS"] == "1"


def test_landlocks_rules_leave_out_what_is_hidden(tmp_path, monkeypatch):
    for name in ("lib/python3/site-packages/x", "lib/other", "bin"):
        (tmp_path / name).mkdir(parents=True)
    hidden = {str(tmp_path / "lib/python3/site-packages")}
    monkeypatch.setattr(fence, "roots", lambda: [str(tmp_path / "lib")])
    monkeypatch.setattr(fence, "hidden", lambda: hidden)
    readable, listable = fence.rules.__wrapped__()
    assert str(tmp_path / "lib/other") in readable
    assert not any(path in hidden for path in readable)
    assert listable == [str(tmp_path / "lib"), str(tmp_path / "lib/python3")]


@pytest.mark.parametrize("machine", limits.ARCHITECTURES)
def test_the_filter_is_a_program_that_ends(machine):
    """Every jump stays inside, and the last rule lets a call pass."""
    rules = [r for r in limits.struct.iter_unpack("<HBBI", limits.program(machine, 7))]
    for place, (code, yes, no, _) in enumerate(rules):
        if code in (0x15, 0x35):
            assert place + 1 + max(yes, no) < len(rules)
    assert rules[-1] == (0x06, 0, 0, 0x7FFF0000) and len(rules) < 4096
    assert (0x15, 0, 1, 7) in rules  # its own process alone may be sent signals


CALLS = """import ctypes, errno, os, platform, sys
from tinyft.grading.sandbox import limits
limits.address_space()
assert limits.no_more()
libc = ctypes.CDLL(None, use_errno=True)
column = limits.ARCHITECTURES[platform.machine()][0]
for number in limits.numbers(limits.CALLS, column):
    done = libc.syscall(number, -1, -1, -1, -1, -1, -1)
    assert done == -1 and ctypes.get_errno() == errno.EPERM, number
for number in limits.numbers(limits.TO_ITSELF, column):
    assert libc.syscall(number, os.getppid(), 0, 0, 0) == -1
    assert ctypes.get_errno() == errno.EPERM, number
os.kill(os.getpid(), 0)
print("fine")
"""


@LINUX
@pytest.mark.skipif(not limits.has_filter(), reason="no numbers for this processor")
def test_every_call_of_the_list_is_refused():
    done = subprocess.run(
        [sys.executable, "-c", CALLS],
        env=runner.worker_environment(),
        capture_output=True,
        text=True,
    )
    assert done.stdout == "fine\n", done.stderr


@LINUX
def test_the_address_space_is_known_without_proc():
    import resource

    told = limits._tried()
    assert 0 < told - limits.address_space() < 64 * limits.MIB or told > 0
    assert resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY


def test_limits_without_posix_say_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)
    assert "no memory limit" in limits.limit(1, 1)


def test_the_doctor_says_which_fence_stands(monkeypatch):
    from tinyft.course import doctor

    name, found, state, _ = doctor.grader()
    assert (name, found) == ("grader's fence", fence.SAID[box.choose()])
    monkeypatch.setattr(box, "choose", lambda: "none")
    _, found, state, remedy = doctor.grader()
    assert "no fence" in found and state == "note" and "docs/grading.md" in remedy
