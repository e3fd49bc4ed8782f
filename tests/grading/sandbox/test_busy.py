"""A machine that is full for a moment costs a wait, not the fence."""

import errno
import os

import pytest

from tinyft.grading.sandbox import box

pytestmark = pytest.mark.skipif(not box.WARM, reason="boxes are Linux's")


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(box, "WAITS", (0.0, 0.0))


def failing(monkeypatch, times, number):
    """Popen fails so often with this error; the number of calls is counted."""
    known, calls = box.subprocess.Popen, []

    def start(*args, **how):
        calls.append(args)
        if len(calls) <= times:
            raise OSError(number, os.strerror(number))
        return known(*args, **how)

    monkeypatch.setattr(box.subprocess, "Popen", start)
    return calls


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ENOMEM])
def test_a_full_machine_is_asked_again(monkeypatch, number):
    calls = failing(monkeypatch, 2, number)
    one = box.Box("none")
    assert one.alive and len(calls) == 3
    one.close()


def test_the_message_says_how_often(monkeypatch):
    failing(monkeypatch, 9, errno.EAGAIN)
    said = r"does not start: Resource temporarily unavailable \(3 tries\)"
    with pytest.raises(box.NoBox, match=said):
        box.Box("none")


def test_what_is_not_there_is_not_asked_again(monkeypatch):
    calls = failing(monkeypatch, 9, errno.ENOENT)
    with pytest.raises(box.NoBox, match=r"No such file or directory$"):
        box.Boxes("none").get(Task)
    assert len(calls) == 1


class Task:
    imports = forbidden = ()


def test_a_worker_that_ends_at_once_is_started_again(monkeypatch):
    """Namespaces can be short as well: bwrap starts, and ends."""
    known, calls = box.fence.command, []

    def command(*args):
        calls.append(args)
        return ["/bin/false"] if len(calls) == 1 else known(*args)

    monkeypatch.setattr(box.fence, "command", command)
    with box.Boxes("none") as boxes:
        assert boxes.get(Task).alive and len(calls) == 2


def test_a_worker_that_is_late_is_told_so(monkeypatch):
    monkeypatch.setattr(box, "START", 0.2)
    monkeypatch.setattr(box.fence, "command", lambda *args: ["/bin/sleep", "60"])
    with pytest.raises(box.NoBox, match=r"did not start .* within 0.2 s"):
        box.Box("none")
