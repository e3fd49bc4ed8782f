"""Is a fence real?  An answer of our own tries, from inside, what must not succeed.

`gaps` is empty when it cannot read the course, write beside it, use the network, start
a process, signal one, or stay when its box is closed.  A fence that is only said to be
there has gaps.
"""

import os
import tempfile
import time
from pathlib import Path

from tinyft.grading.places import PACKAGE
from tinyft.grading.sandbox.session import Gone, Warm

SECONDS = 60.0  # only a hang takes so long; a busy machine needs its time
TEXT = """
import os
import _socket


def tried(step, *args):
    try:
        step(*args)
    except (OSError, RuntimeError):
        return False
    return True


def connect(port):
    _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM).connect(("127.0.0.1", port))


def start():
    pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)


def gaps(readable, folder, parent):
    steps = {
        "read the grader's files": (open, readable),
        "list the grader's folder": (os.listdir, os.path.dirname(readable)),
        "write beside them": (open, os.path.join(folder, "written"), "w"),
        "delete": (os.remove, os.path.join(folder, "kept")),
        "change a mode": (os.chmod, os.path.join(folder, "kept"), 0),
        "open a connection": (_socket.socket,),
        "start a process": (start,),
        "run a program": (os.posix_spawn, "/bin/true", ["true"], {}),
        "signal another process": (os.kill, parent, 0),
        "write shared memory": (open, "/dev/shm/tinyft-probe", "w"),
    }
    return [name for name, (step, *args) in steps.items() if tried(step, *args)]
"""


def gaps(box, only_modes=False):
    """What an answer in this box could do, as a list; nothing when the fence is real.

    A fence refuses even what any user may write, unless it has only the files' modes.
    """
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder, "kept")
        kept.write_text("here", encoding="utf-8")
        if not only_modes:
            os.chmod(folder, 0o777)
            kept.chmod(0o666)
        source = PACKAGE / "grading" / "check" / "compare.py"
        try:
            found = _asked(box, str(source), folder, os.getpid())
        except Gone as gone:
            return [f"it {gone}"]
        finally:
            harmed = not kept.exists() or kept.read_text("utf-8") != "here"
        found += ["do harm"] if harmed or len(os.listdir(folder)) != 1 else []
    open_to_all = {"write shared memory"} if only_modes else set()
    return [name for name in found if name not in open_to_all]


def _asked(box, *args):
    until = time.monotonic() + SECONDS
    session = Warm(box.control).open()
    try:
        job = {"source": TEXT, "file": "probe.py", "driver": "", "forbidden": []}
        job |= {"megabytes": 64, "seconds": 60, "fenced": True}
        reply = session.load(job, until)
        if "functions" in reply:
            order = {"call": "gaps", "args": args, "named": {}, "driver": False}
            reply = session.call(order, None, until)
    finally:
        session.close()
    found = reply.get("value")
    told = f"answer otherwise: {reply.get('raised')}"
    return found if type(found) is list else [told]
