"""Sessions where no worker is warm: a process for each, or this very process.

`Fresh` starts a new Python for every answer (macOS, Windows) and has no fence; `Here`
stays in this process (a browser) and has no limits either.  The codec is the same.
"""

import contextlib
import io
import os
import subprocess
import threading

from tinyft.grading.sandbox import answer, codec, fence
from tinyft.grading.sandbox.session import (
    KEPT,
    PATIENCE,
    Session,
    ended,
    left,
    output_file,
)


class Fresh:
    """Starts a process for every session, without a fence."""

    lost = False

    def __init__(self, imports=(), forbidden=(), folder=None):
        self.command = fence.command("none", imports, forbidden, "serve_one")
        self.folder = folder

    def open(self):
        """A session in a new process."""
        return _Started(self)


class _Started(Session):
    def __init__(self, fresh):
        self.seen = 0
        written, self.output = output_file(fresh.folder)
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            fresh.command,
            stdin=pipe,
            stdout=pipe,
            stderr=written,
            bufsize=0,
            env=fence.environment(),
        )
        os.close(written)

    @contextlib.contextmanager
    def _until(self, until):
        late = threading.Event()

        def end():
            late.set()
            self.process.kill()

        timer = threading.Timer(left(until), end)
        timer.start()
        try:
            yield
        except OSError:
            if late.is_set():
                raise TimeoutError from None
            raise
        finally:
            timer.cancel()

    def send(self, data, until):
        """All of a message, in time."""
        with self._until(until):
            while data:
                data = data[self.process.stdin.write(data) :]

    def receive(self, count, until):
        """Exactly so many bytes, in time."""
        data = bytearray()
        with self._until(until):
            while len(data) < count:
                more = self.process.stdout.read(min(1 << 20, count - len(data)))
                if not more:
                    raise BrokenPipeError
                data += more
        return bytes(data)

    def give_up(self):
        """Kill the process."""
        self.process.kill()
        self.close()

    def close(self):
        """End the process; how it ended, "" when as it should."""
        self.process.stdin.close()
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            status = 0
        self.process.stdout.close()
        return ended(status) if status else ""

    def printed(self):
        """What the answer has printed since the last look, the end of it."""
        if not hasattr(os, "pread"):  # Windows
            os.lseek(self.output, self.seen, os.SEEK_SET)
            data = os.read(self.output, 1 << 22)
            self.seen += len(data)
            return data.decode("utf-8", "replace")[-KEPT:]
        return super().printed()

    def __del__(self):
        os.close(self.output)


class Here:
    """Sessions in this very process: no limits, no fence, the same codec."""

    lost = False

    def open(self):
        """A session that is this process."""
        return _Direct()


class _Direct(Session):
    def __init__(self):
        self.text = ""

    def _captured(self, function, *args):
        text = io.StringIO()
        with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
            found = function(*args)
        self.text += text.getvalue()
        return found

    def load(self, job, until):
        """Load the answer's text; the reply of `answer.start`."""
        job = _passed(job)
        self.answer, message = self._captured(answer.start, job, None)
        return codec.unpack(message)

    def call(self, order, ask, until):
        """Have a function called."""
        self.answer.ask = lambda name, *args: _passed(ask(name, *_passed(args)))
        return codec.unpack(self._captured(self.answer.reply, _passed(order)))

    def printed(self):
        """What the answer has printed since the last look, the end of it."""
        text, self.text = self.text[-KEPT:], ""
        return text

    def close(self):
        """Nothing is left to end."""
        return ""


def _passed(value):
    return codec.unpack(codec.pack(value))
