"""The warm process behind the fence: forks itself for every answer.

in: on the control socket two descriptors for each answer, made by the judge for it
alone: a channel and a file for what it prints.  out: "r" when ready, and when an answer
has ended "e" and its exit status.  It ends when the control socket is closed.
"""

import gc
import importlib
import io
import os
import select
import signal
import socket
import struct
import sys

import numpy as np

from tinyft.grading.sandbox import answer, codec, landlock, limits

READY, ENDED = b"r", struct.Struct("<ci")


class Channel:
    """Messages over two descriptors; whoever judges has the other end."""

    def __init__(self, reading, writing):
        self.reading, self.writing = reading, writing

    def get(self):
        """The next message's value; ends this process when the judge has gone."""
        head = self._exactly(codec.LENGTHS.size)
        return codec.unpack(head + self._exactly(sum(codec.LENGTHS.unpack(head))))

    def _exactly(self, count):
        data = bytearray()
        while len(data) < count:
            more = os.read(self.reading, min(1 << 20, count - len(data)))
            if not more:
                os._exit(0)
            data += more
        return bytes(data)

    def put(self, message):
        """Send a message."""
        while message:
            message = message[os.write(self.writing, message) :]

    def ask(self, name, *args):
        """A driver's question: something of the judge's own is used, or counted."""
        self.put(codec.pack({"ask": name, "args": args}))
        return self.get()["value"]


def work(channel, used=None):
    """Load the answer that the judge sends, then answer its calls until it leaves."""
    job = channel.get()
    limits.limit(job["megabytes"], job["seconds"], used)
    if job["fenced"] and limits.has_filter() and not limits.no_more():
        os._exit(3)
    one, message = answer.start(job, channel.ask)
    channel.put(message)
    while one:
        channel.put(one.reply(channel.get()))


def serve(told):
    """Fork for every answer that arrives, until the judge has gone."""
    control = socket.socket(fileno=os.dup(0))
    _silence()
    limits.end_with_parent()
    _prepare(told)
    used = limits.address_space()
    if told["landlock"] and not (
        landlock.shut(*told["landlock"]) and landlock.drop_capabilities()
    ):
        os._exit(3)
    gc.freeze()
    control.sendall(READY)
    while True:
        data, handles, _, _ = socket.recv_fds(control, 1, 2)
        if not data:
            return
        pid = os.fork()
        if not pid:
            _child(control, used, *handles)
        for handle in handles:
            os.close(handle)
        control.sendall(ENDED.pack(b"e", _wait(pid, control)))


def _wait(pid, control):
    """The exit status of the fork; this process ends when the judge has gone."""
    handle = os.pidfd_open(pid)
    if handle not in select.select([control, handle], [], [])[0]:
        os.kill(pid, signal.SIGKILL)
        os._exit(0)
    os.close(handle)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _child(control, used, handle, printed):
    try:
        control.close()
        limits.end_with_parent()
        print_to(printed)
        work(Channel(handle, handle), used)
    finally:
        os._exit(1)


def print_to(handle):
    """Standard output and error go to this descriptor at once, whatever happens next."""
    for stream in (1, 2):
        os.dup2(handle, stream)
    for name in ("stdout", "stderr"):
        raw = open(1, "wb", buffering=0, closefd=False)
        text = io.TextIOWrapper(
            raw, "utf-8", "backslashreplace", newline="\n", write_through=True
        )
        setattr(sys, name, text)


def _silence():
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)


def _prepare(told):
    """Load what every answer uses, and forget the grader's own modules and folder."""
    np.linalg.solve(np.eye(2), np.ones(2))  # its libraries are loaded now
    np.random.default_rng(0).normal()
    sys.path.remove(told["own"])
    for name in [name for name in sys.modules if name.split(".")[0] == "tinyft"]:
        del sys.modules[name]
    sys.path += told["path"]
    for name in told["preload"]:
        importlib.import_module(name)


def serve_one(told):
    """One answer over standard input and output, without a fork (macOS, Windows)."""
    reading, writing = os.dup(0), os.dup(1)
    printed = os.dup(2)
    _silence()
    limits.end_with_parent()
    _prepare(told)
    print_to(printed)
    try:
        work(Channel(reading, writing))
    finally:
        os._exit(1)
