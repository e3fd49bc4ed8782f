"""A box: one warm worker behind a fence, for one student; used often, then thrown away.

`Boxes` keeps one box for each set of libraries that tasks need.  Everything inside dies
with its box.  `choose` finds the strongest fence that stands on this machine.
"""

import errno
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from functools import cache

from tinyft.grading.exercise import GradingError
from tinyft.grading.sandbox import fence

WARM = sys.platform == "linux"  # macOS: Accelerate does not survive a fork
PROCESSES = sys.platform not in ("emscripten", "wasi")
PATIENCE = 5.0  # seconds for what was killed to be gone
START = 60.0  # seconds for Python and NumPy to start on a busy machine
WAITS = 0.2, 1.0, 4.0  # seconds before another try on a machine that is full
FULL = errno.EAGAIN, errno.ENOMEM, errno.ENFILE, errno.EMFILE, errno.ETXTBSY


class NoBox(GradingError):
    """A worker that did not start behind its fence."""

    ended = False  # it began, and ended at once: another try may do better


def patiently(start, may_pass):
    """start(), tried again after WAITS while the error may pass."""
    for wait in WAITS:
        try:
            return start()
        except (OSError, NoBox) as error:
            if not may_pass(error):
                raise
            time.sleep(wait)
    return start()


class Box:
    """A worker; `control` takes descriptors of channels, one pair for each answer."""

    def __init__(self, fenced, imports=(), forbidden=()):
        self.control, theirs = socket.socketpair()
        self.life, held = os.pipe()  # open in all that lives inside
        how = {"cwd": "/", "env": fence.environment(), "start_new_session": True}
        if fenced in fence.OTHER_USER:
            number = fence.user()
            how |= {"user": number, "group": number, "extra_groups": []}
        command = fence.command(fenced, imports, forbidden)
        null = subprocess.DEVNULL
        try:
            how |= {"stdin": theirs, "stdout": null, "stderr": null, "pass_fds": [held]}
            self.process = patiently(
                lambda: subprocess.Popen(command, **how),
                lambda error: getattr(error, "errno", None) in FULL,
            )
        except OSError as error:
            self.control.close()
            os.close(self.life)
            tries = f" ({len(WAITS) + 1} tries)" if error.errno in FULL else ""
            said = f"{command[0]} does not start: {error.strerror}{tries}"
            raise NoBox(said) from None
        finally:
            theirs.close()
            os.close(held)
        self._wait_until_ready(fenced)

    def _wait_until_ready(self, fenced):
        self.control.settimeout(START)
        try:
            said = self.control.recv(1)
        except TimeoutError:
            said = b"late"
        except OSError:
            said = b""
        if said != b"r":
            self.close()
            late = f" within {START:g} s" if said else ""
            error = NoBox(f"a worker did not start behind the fence {fenced!r}{late}")
            error.ended = not said
            raise error
        self.control.settimeout(None)

    @property
    def alive(self):
        """True while the worker runs."""
        return self.process.poll() is None

    def close(self):
        """End all that is in the box: it is told so, and then killed."""
        self.control.close()
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except (
            ProcessLookupError,
            PermissionError,
        ):  # another user's, without CAP_KILL
            pass
        self.process.wait()
        while select.select([self.life], [], [], PATIENCE)[0]:
            if not os.read(self.life, 1 << 16):  # its end: nobody holds it any more
                break
        os.close(self.life)


class Boxes:
    """The boxes of one student: a context that leaves nothing running."""

    def __init__(self, fenced=None):
        self.fence = fenced or choose()
        self.open = {}

    def get(self, task):
        """The box for a task, started at its first use; None where none is warm."""
        if not WARM:
            return None
        key = task.imports, task.forbidden
        box = self.open.get(key)
        if box is None or not box.alive:
            self.drop(box)
            # the fence stood when it was tried: what fails now is the machine, for once
            box = patiently(lambda: Box(self.fence, *key), lambda error: error.ended)
            self.open[key] = box
        return box

    def drop(self, box):
        """Throw a box away: its answer did not end, or its judge."""
        self.open = {key: one for key, one in self.open.items() if one is not box}
        if box:
            box.close()

    def close(self):
        """End them all."""
        for box in list(self.open.values()):
            self.drop(box)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


_lock = threading.Lock()


def choose():
    """The name of the strongest fence that stands here, tried once by starting it."""
    with _lock:
        return _choose()


@cache
def _choose():
    if not PROCESSES:
        return "browser"
    return next((one for one in fence.FENCES if stands(one)), "none")


def stands(name):
    """True when a worker starts behind this fence and finds it shut from inside."""
    from tinyft.grading.sandbox import probe

    if not WARM or (name in fence.OTHER_USER and os.geteuid() != 0):
        return False
    try:
        box = Box(name)
    except NoBox:
        return False
    try:
        return not probe.gaps(box, only_modes=name == "modes")
    finally:
        box.close()
