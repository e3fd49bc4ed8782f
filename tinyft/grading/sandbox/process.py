"""The judges' processes: one for each job, started fresh or forked from a warm server.

On Linux a server process imports Python, NumPy and pytest once and forks itself for
every job (a hundredth of the time); elsewhere every job starts a new Python.  Events are
lines on a pipe that is the job's own; it ends when the judge has ended.
"""

import atexit
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading

from tinyft.grading.places import PACKAGE_PARENT
from tinyft.grading.sandbox.box import PROCESSES, WARM  # noqa: F401

FORKS = WARM
ANSWERS = 10.0  # seconds in which a server that lives answers


def environment():
    """This environment without what would change a result: one thread, no plugins."""
    paths = [str(PACKAGE_PARENT), os.environ.get("PYTHONPATH", "")]
    drop = ("PYTEST_", "TINYFT_", "COV_", "COVERAGE_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(drop)}
    return kept | {
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONWARNINGS": "",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MPLBACKEND": "Agg",
    }


def _python(code, **streams):
    group = {"start_new_session": True} if os.name == "posix" else {}
    command = [sys.executable, "-P", "-c", code]
    return subprocess.Popen(
        command,
        env=environment(),
        bufsize=0,
        cwd=tempfile.gettempdir(),
        **streams,
        **group,
    )


class Events:
    """Lines from a descriptor, read by a thread of its own; None when it has ended."""

    def __init__(self, handle):
        self.lines, self.handle = queue.SimpleQueue(), handle
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        with open(self.handle, "rb") as stream:
            for line in stream:
                self.lines.put(line)
        self.lines.put(None)

    def get(self, seconds):
        """The next line; queue.Empty when there is none in time."""
        return self.lines.get(timeout=max(0.001, seconds))


class Fresh:
    """A Python started for one job."""

    def start(self, job, control=None):
        """Begin the job: its Events."""
        code = "from tinyft.grading.judging.judge import main_once; main_once()"
        pipe = subprocess.PIPE
        self.process = _python(code, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
        try:
            self.process.stdin.write(json.dumps(job).encode())
            self.process.stdin.close()
        except BrokenPipeError:
            pass  # it died at once; its exit status tells
        return Events(os.dup(self.process.stdout.fileno()))

    def end(self, hangs=False):
        """(exit status, whether another job may follow), all that it started dead."""
        status = self.process.poll()
        try:
            if os.name == "posix":
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                tree = ["taskkill", "/T", "/F", "/PID", str(self.process.pid)]
                subprocess.run(tree, capture_output=True)
        except (ProcessLookupError, PermissionError):
            pass
        self.process.stdout.close()
        code = self.process.wait()
        return code if status is None else status, False

    def close(self):
        """Nothing is left to close."""


class Forked:
    """A warm server; every job is a fork of it."""

    def __init__(self):
        self.asked, theirs = socket.socketpair()
        null = subprocess.DEVNULL
        code = "from tinyft.grading.judging.forks import serve; serve()"
        self.server = _python(code, stdin=theirs, stdout=null, stderr=null)
        theirs.close()

    def start(self, job, control=None):
        """Begin the job: its Events."""
        data = json.dumps(job).encode()
        reading, writing = os.pipe()
        handles = [writing] + ([control.fileno()] if control else [])
        try:
            socket.send_fds(self.asked, [len(data).to_bytes(4, "little")], handles)
            self.asked.sendall(data)
        except OSError:
            pass  # the server has died: the events end at once
        finally:
            os.close(writing)
        return Events(reading)

    def end(self, hangs=False):
        """(exit status, whether another job may follow), the judge dead."""
        if hangs:  # the server kills it when nobody waits any more
            return None, False
        self.asked.settimeout(ANSWERS)
        try:
            self._number()
            return self._number(), True
        except (OSError, EOFError):
            return self.server.poll(), False
        finally:
            self.asked.settimeout(None)

    def _number(self):
        data = self.asked.recv(4, socket.MSG_WAITALL)
        if len(data) < 4:
            raise EOFError
        return int.from_bytes(data, "little", signed=True)

    def close(self):
        """End the server, which kills a judge that still runs."""
        self.asked.close()
        try:
            self.server.wait(ANSWERS)
        except subprocess.TimeoutExpired:
            self.server.kill()
            self.server.wait()


_idle, _lock = [], threading.Lock()


def borrow():
    """A process for one job: an idle server, or a new one."""
    if not FORKS:
        return Fresh()
    with _lock:
        while _idle:
            one = _idle.pop()
            if one.server.poll() is None:
                return one
            one.close()
    return Forked()


def give_back(process, hangs=False):
    """End the job, keep a sound server for the next one; the job's exit status."""
    status, sound = process.end(hangs)
    if sound:
        with _lock:
            _idle.append(process)
    else:
        process.close()
    return status


@atexit.register
def close():
    """End the idle servers."""
    with _lock:
        while _idle:
            _idle.pop().close()
