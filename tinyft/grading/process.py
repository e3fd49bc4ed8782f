"""The processes in which answers run: one each, started fresh or forked from a warm one.

On Linux a server process imports Python, NumPy and pytest once and forks itself for
every job (a hundredth of the time); elsewhere every job starts Python anew.  Either way
an answer's process is killed with its whole group, and nothing of it is reused.
"""

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time

from tinyft.grading.places import PACKAGE_PARENT

FORKS = sys.platform == "linux"  # macOS: Accelerate does not survive a fork
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
    return subprocess.Popen(command, env=environment(), bufsize=0, **streams, **group)


def _send(stream, data):
    text = json.dumps(data).encode() + b"\n"
    try:
        while text:
            text = text[stream.write(text) :]
    except BrokenPipeError:
        pass  # it died at once; its errors are told


class Fresh:
    """A Python started for one job."""

    def start(self, job, errors):
        """Begin the job; what it says of its own end goes to the file `errors`."""
        code = "from tinyft.grading.worker import main; main()"
        with open(errors, "wb") as stderr:
            self.process = _python(
                code,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                cwd=job["scratch"],
            )
        _send(self.process.stdin, job)
        self.process.stdin.close()

    def poll(self):
        """None while it runs, then its exit status."""
        return self.process.poll()

    def end(self):
        """Kill the job with all that it started; True when another may follow."""
        try:
            if os.name == "posix":
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()
        except (ProcessLookupError, PermissionError):
            pass
        self.process.wait()
        return False

    def close(self):
        """Nothing is left to close."""


class Forked:
    """A warm server; every job is a fork of it."""

    def __init__(self):
        self.server = _python(
            "from tinyft.grading.forks import serve; serve()",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=tempfile.gettempdir(),
        )
        self.said = []

    def start(self, job, errors):
        """Begin the job; what it says of its own end goes to the file `errors`."""
        self.said, self.rest = [], b""
        _send(self.server.stdin, job | {"errors": str(errors)})

    def _listen(self, seconds=0.0):
        """Read the numbers that the server wrote: a process id, then an exit status."""
        out = self.server.stdout.fileno()
        while select.select([out], [], [], seconds)[0]:
            data = os.read(out, 4096)
            if not data:
                return False
            *lines, self.rest = (self.rest + data).split(b"\n")
            self.said += [int(line) for line in lines]
            seconds = 0.0
        return True

    def poll(self):
        """None while it runs, then its exit status."""
        alive = self._listen()
        if len(self.said) > 1:
            return self.said[1]
        return None if alive else self.server.wait()

    def end(self):
        """Kill the job with all that it started; True when another may follow."""
        for count in (1, 2):
            until = time.monotonic() + ANSWERS
            while len(self.said) < count and time.monotonic() < until:
                if not self._listen(0.1):
                    return False
            if len(self.said) == 1:
                _kill_group(self.said[0])
        return len(self.said) == 2

    def close(self):
        """End the server."""
        self.server.stdin.close()
        self.server.kill()
        self.server.wait()
        self.server.stdout.close()


def _kill_group(pid):
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


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


def give_back(process):
    """End the job; keep the server for the next one if it is sound."""
    if process.end():
        with _lock:
            _idle.append(process)
    else:
        process.close()


@atexit.register
def close():
    """End the idle servers."""
    with _lock:
        while _idle:
            _idle.pop().close()
