"""The warm server of judges (Linux): forks itself into a judge for every job it is sent.

in, on the socket that is its standard input: the length of a job (4 bytes) with the
descriptors of its events and of a worker's control, then the job;  out: the judge's
process id, then its exit status.  When its input ends, because whoever grades has ended
or was killed, the server kills the judge and ends too: nothing is left over.
"""

import os
import select
import signal
import socket
import struct

import pytest

from tinyft.grading.check import plugin  # noqa: F401  (imported once, for all)
from tinyft.grading.judging import judge
from tinyft.grading.sandbox import limits

LENGTH, NUMBER = struct.Struct("<I"), struct.Struct("<i")


def serve():
    """Fork a judge for every job, until the socket ends."""
    asked = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    pytest.main(["--version", *judge.FLAGS])  # its own modules are loaded now
    while True:
        head, handles, _, _ = socket.recv_fds(asked, LENGTH.size, 2)
        if not head:
            return
        job = _exactly(asked, LENGTH.unpack(head)[0])
        pid = os.fork()
        if not pid:
            asked.close()
            _work(job, handles)
        _group(pid)
        for handle in handles:
            os.close(handle)
        asked.sendall(NUMBER.pack(pid))
        asked.sendall(NUMBER.pack(_wait(pid, asked)))


def _exactly(asked, count):
    data = asked.recv(count, socket.MSG_WAITALL)
    return data if len(data) == count else os._exit(0)


def _work(job, handles):
    """In the fork: judge, and end at once."""
    try:
        _group(0)
        limits.end_with_parent()
        judge.main(job, *handles)
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


def _wait(pid, asked):
    """The exit status of the fork; its server ends when nobody waits for it."""
    handle = os.pidfd_open(pid)
    if handle not in select.select([asked, handle], [], [])[0]:
        os.killpg(pid, signal.SIGKILL)
        os._exit(0)
    os.close(handle)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
