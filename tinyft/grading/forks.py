"""The warm server (Linux): forks itself into a worker for every job it is sent.

in: one job a line on standard input;  out: the worker's process id, then its exit
status, a line each, on standard output.  When its input ends, because whoever grades
has ended or was killed, the server kills the worker and ends too: nothing is left over.
"""

import os
import select
import signal
import sys

import pytest

from tinyft.grading import plugin, worker  # noqa: F401  (imported once, for all)


def serve():
    """Fork a worker for every line of standard input, until it ends."""
    out = os.dup(1)
    _redirect(os.devnull, 1)
    pytest.main(["--version", *worker.FLAGS])  # its own modules are loaded now
    for line in sys.stdin.buffer:
        pid = os.fork()
        if not pid:
            os.close(out)
            _work(line)
        _group(pid)
        _say(out, pid)
        _say(out, _wait(pid))


def _work(line):
    """In the fork: shut what belongs to the server, grade, end at once."""
    try:
        _group(0)
        _redirect(os.devnull, 0, os.O_RDONLY)
        worker.main(line.decode())
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(1)


def _group(pid):
    """Make the fork the head of a group; whoever comes first does it."""
    try:
        os.setpgid(pid, pid)
    except (PermissionError, ProcessLookupError):
        pass


def _redirect(path, descriptor, how=os.O_WRONLY):
    opened = os.open(path, how)
    os.dup2(opened, descriptor)
    os.close(opened)


def _say(out, number):
    os.write(out, b"%d\n" % number)


def _wait(pid):
    """The exit status of the fork, all of whose group is dead when this returns."""
    flags = os.WEXITED | os.WNOWAIT | os.WNOHANG
    while os.waitid(os.P_PID, pid, flags) is None:
        if select.select([0], [], [], 0.003)[0]:  # a worker runs: this is the end
            os.killpg(pid, signal.SIGKILL)
            os._exit(0)
    try:
        os.killpg(pid, signal.SIGKILL)  # what it left behind; its id is still its own
    except (ProcessLookupError, PermissionError):
        pass
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
