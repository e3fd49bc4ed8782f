"""Single keys from a terminal, without Enter: POSIX, Windows, or none at all.

with keys() as key: key.get(0.2) is the key pressed within 0.2 s, or "".
"""

import contextlib
import sys
import time

CTRL_C, CTRL_D = "\x03", "\x04"


class NoKeys:
    """Where input is not a terminal: waits, and never has a key."""

    usable = False

    def get(self, seconds):
        """Wait; there is never a key."""
        time.sleep(seconds)
        return ""


class PosixKeys:
    """Reads what the terminal has, byte by byte."""

    usable = True

    def __init__(self, descriptor):
        self.descriptor = descriptor

    def get(self, seconds):
        """The key pressed within this time, "" if none; "q" when the input ends."""
        import os
        import select

        if not select.select([self.descriptor], [], [], seconds)[0]:
            return ""
        data = os.read(self.descriptor, 64)
        return _key(data.decode("utf-8", "replace")) if data else "q"


class WindowsKeys:
    """Asks msvcrt again and again."""

    usable = True

    def get(self, seconds):
        """The key pressed within this time, "" if none."""
        import msvcrt

        until = time.monotonic() + seconds
        while not msvcrt.kbhit():
            if time.monotonic() > until:
                return ""
            time.sleep(0.02)
        key = msvcrt.getwch()
        if key in ("\x00", "\xe0"):  # an arrow or a function key: two codes
            msvcrt.getwch()
            return ""
        return _key(key)


def _key(text):
    """One lower-case letter; escape sequences (arrows) are nothing."""
    if text.startswith("\x1b"):
        return ""
    if text[:1] == CTRL_C:
        raise KeyboardInterrupt
    return "q" if text[:1] == CTRL_D else text[:1].lower()


@contextlib.contextmanager
def keys(stream=None):
    """Keys of this terminal; its settings are put back, whatever happens."""
    stream = stream or sys.stdin
    try:
        terminal = stream.isatty()
        descriptor = stream.fileno() if terminal else None
    except (AttributeError, ValueError, OSError):
        terminal = False
    if not terminal:
        yield NoKeys()
    elif sys.platform == "win32":
        yield WindowsKeys()
    else:
        with _raw(descriptor):
            yield PosixKeys(descriptor)


@contextlib.contextmanager
def _raw(descriptor):
    """No line buffer and no echo; Ctrl-C and Ctrl-Z keep their meaning."""
    import termios
    import tty

    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor, termios.TCSANOW)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSANOW, before)
