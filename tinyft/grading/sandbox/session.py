"""The judge's end of a channel: load an answer, call it, within a time.

`Warm` opens a fork of a box's worker for each answer (fresh.py has the other ways).
What comes back is made by the codec here; whatever else arrives, or nothing in time,
raises Gone.
"""

import os
import signal
import socket
import tempfile
import time

from tinyft.grading.sandbox import codec, worker

PATIENCE = 2.0  # seconds in which a worker that is told to end has ended
KEPT = 2000  # characters of what an answer printed


class Gone(Exception):
    """The answer's process ended or is late, or sent no message: a clause on it."""


class Session:
    """One answer in a process of its own; `call` may be used until it is gone."""

    def load(self, job, until):
        """Send the answer's text; the reply of `answer.start`."""
        self.put(job, until)
        return self.get(until)

    def call(self, order, ask, until):
        """Have a function called; the driver's questions are answered by `ask`."""
        self.put(order, until)
        while "ask" in (reply := self.get(until)):
            if ask is None or type(reply.get("args")) is not tuple:
                self.fail("asks what it was not offered")
            try:
                answer = ask(reply["ask"], *reply["args"])
            except BaseException:
                self.close()  # it waits for an answer that will not come
                raise
            self.put({"value": answer}, until)
        return reply

    def put(self, value, until):
        """Send a value."""
        self._guarded(self.send, codec.pack(value), until)

    def get(self, until):
        """The next message: a dict."""
        head = self._guarded(self.receive, codec.LENGTHS.size, until)
        size, rest = codec.LENGTHS.unpack(head)
        if size > codec.TEXT or rest > codec.ARRAYS:
            self.fail("returned something too large")
        try:
            value = codec.unpack(head + self._guarded(self.receive, size + rest, until))
        except codec.Refused as refused:
            self.fail(f"sent {refused} instead of a value")
        return value if type(value) is dict else self.fail("sent no reply")

    def _guarded(self, step, what, until):
        try:
            return step(what, until)
        except TimeoutError:
            self.fail(None)
        except OSError:  # its end is shut: how it ended is told
            raise Gone(self.close() or "ended Python: remove os._exit") from None

    def fail(self, clause):
        """End the answer; raise Gone with a clause, None: it is late."""
        self.give_up()
        raise Gone(
            clause or "did not end within {seconds:g} s: is there an endless loop?"
        )

    def printed(self):
        """What the answer has printed since the last look, the end of it."""
        end = os.fstat(self.output).st_size
        start, self.seen = max(self.seen, end - 4 * KEPT), end
        data = os.pread(self.output, max(0, end - start), start)
        return data.decode("utf-8", "replace")[-KEPT:]


class Warm:
    """Opens sessions in forks of a warm worker, one after the other."""

    def __init__(self, control, folder=None):
        self.control, self.folder, self.lost = control, folder, False

    def open(self):
        """A session in a new fork."""
        return _Forked(self)


class _Forked(Session):
    def __init__(self, warm):
        self.warm, self.open, self.seen = warm, True, 0
        self.line, theirs = socket.socketpair()
        written, self.output = output_file(warm.folder)
        try:
            handles = [theirs.fileno(), written]
            socket.send_fds(warm.control, [b"a"], handles)
        except OSError:
            self.give_up()
            raise Gone("ended the process that serves it") from None
        finally:
            theirs.close()
            os.close(written)

    def send(self, data, until):
        """All of a message, in time."""
        self.line.settimeout(left(until))
        self.line.sendall(data)

    def receive(self, count, until):
        """Exactly so many bytes, in time."""
        data = bytearray()
        while len(data) < count:
            self.line.settimeout(left(until))
            more = self.line.recv(min(1 << 20, count - len(data)))
            if not more:
                raise BrokenPipeError
            data += more
        return bytes(data)

    def give_up(self):
        """The worker may hang on this answer: its box is of no more use."""
        self.warm.lost, self.open = True, False
        self.line.close()

    def close(self):
        """Shut the channel; how the process ended, "" when as it should."""
        if not self.open:
            return ""
        self.open = False
        self.line.close()
        self.warm.control.settimeout(PATIENCE)
        try:
            said = self.warm.control.recv(worker.ENDED.size, socket.MSG_WAITALL)
            _, status = worker.ENDED.unpack(said)
        except (OSError, worker.struct.error):
            self.warm.lost = True
            return "ended the process that serves it"
        return ended(status) if status else ""

    def __del__(self):
        self.line.close()
        os.close(self.output)


def left(until):
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def output_file(folder):
    """(descriptor that appends, descriptor that reads) of a new file without a name."""
    handle, path = tempfile.mkstemp(dir=folder)
    written = os.open(path, os.O_WRONLY | os.O_APPEND)
    if os.name == "posix":
        os.unlink(path)
    return written, handle


def ended(status):
    """How a process ended, as a clause."""
    if status < 0:
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = f"signal {-status}"
        crash = name in ("SIGSEGV", "SIGABRT", "SIGBUS")
        return f"crashed Python ({name})" + (
            ": look for a huge recursion" if crash else ""
        )
    return f"ended Python with status {status}: remove os._exit and the like"
