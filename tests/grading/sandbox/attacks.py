"""Attacks on the grader: {what: the file}.  None may have marks, none may do harm.

{root} is a folder of another student's with their right answer; what is written there,
or beside it, is harm.  Started behind a fence only: some of these kill all that they may.
"""

from hostile import body
from values import VALUES

READ = "exec(open('{root}/other/scale.py').read(), globals())\n"
OLD = {
    "a tolerance through sys.modules": (
        "import sys\nsys.modules['test_scale'].TOL = 1e9\n" + body("return 0 * x")
    ),
    "swapped code of compare": body(
        "import sys",
        "c = sys.modules['tinyft.grading.check.compare']",
        "c.compare.__code__ = (lambda *a, **k: None).__code__",
        "return 0 * x",
    ),
    "a private function of NumPy": body(
        "import numpy._core.fromnumeric as f",
        "f._wrapreduction = lambda *a, **k: 0.0",
        "return 0 * x",
    ),
    "a class that lies": (
        "import numpy as np\nclass A(float):\n    __class__ = np.ndarray\n"
        "    shape, dtype, ndim, size = (5,), np.dtype(float), 1, 5\n"
        "    def __array__(self, *a, **k): return np.zeros(5)\n"
        "def scale(x, n, lam): return A()\n"
    ),
    "the grader's frames": body(
        "import sys",
        "frame = sys._getframe()",
        "while 'want' not in frame.f_locals: frame = frame.f_back",
        "return frame.f_locals['want']",
    ),
    "frames of a traceback": body(
        "try: 1 / 0",
        "except ZeroDivisionError as e:",
        "    f = e.__traceback__.tb_frame",
        "    while f.f_back: f = f.f_back",
        "    return f.f_globals['want']",
    ),
    "a path that is an object": body(
        "import os",
        "class P:",
        "    def __fspath__(self): return '{root}/other/scale.py'",
        "exec(open(P()).read(), globals())",
        "return globals()['scale'](x, n, lam)",
    ),
    "another student's answer": READ,
    "another student's answer, by descriptor": (
        "import os\nf = os.open('{root}/other/scale.py', os.O_RDONLY)\n"
        "exec(os.read(f, 10**6), globals())\n"
    ),
    "another student's answer, by import": (
        "import sys\nsys.path.insert(0, '{root}/other')\nfrom scale import scale\n"
    ),
    "another student's answer, through a link": (
        "import os\nos.symlink('{root}/other/scale.py', 'mine')\n"
        "exec(open('mine').read(), globals())\n"
    ),
    "the solution, wherever it is": (
        "import glob\nfor one in glob.glob('/**/solutions/scale.py', recursive=True)"
        "[:1]:\n    exec(open(one).read(), globals())\n"
    ),
    "a process without a trace": body(
        "import _posixsubprocess, os",
        "_posixsubprocess.fork_exec([b'/bin/sh', b'-c', b'touch {root}/hurt'], "
        "[b'/bin/sh'], True, (), None, None, -1, -1, -1, -1, -1, -1, -1, -1, "
        "False, False, 0, None, None, None, -1, None, False)",
        "return 0 * x",
    ),
    "a subinterpreter": body(
        "import _xxsubinterpreters as s",
        "s.run_string(s.create(), \"open('{root}/hurt', 'w')\")",
        "return 0 * x",
    ),
    "a session of its own": body(
        "import os, time",
        "if not os.fork():",
        "    os.setsid()",
        "    time.sleep(1)",
        "    open('{root}/hurt', 'w')",
        "return 0 * x",
    ),
    "an empty answer to everything": (
        "class All:\n    def __getattr__(self, name): return self\n"
        "    def __call__(self, *a, **k): return self\n"
        "    def __eq__(self, other): return True\n    __hash__ = None\n"
        "    def __iter__(self): return iter([self])\n"
        "    def __len__(self): return 1\n"
        "def scale(x, n, lam): return All()\n"
    ),
    "the collector's objects": body(
        "import gc",
        "found = [o for o in gc.get_objects() if getattr(o, '__name__', '') == 'compare']",
        "return found[0]",
    ),
    "results written at the end": (
        "import atexit\natexit.register(lambda: open('{root}/hurt', 'w').write('x'))\n"
        + body("return 0 * x")
    ),
}
SEND = """
import os, sys
def say(data):
    for fd in range(3, 64):
        try: os.write(fd, data)
        except OSError: pass
def inner():
    frame = sys._getframe()
    while 'codec' not in frame.f_globals: frame = frame.f_back
    return frame.f_globals['codec']
def scale(x, n, lam):
"""


def talk(*lines):
    """An answer that writes to the judge itself."""
    return SEND + "".join(f"    {line}\n" for line in lines)


NEW = {
    "a reply that is no message": talk("say(b'\\xff' * 4096)", "return 0 * x"),
    "a reply of a huge length": talk(
        "say(b'\\xff\\xff\\xff\\x7f' * 2)", "return 0 * x"
    ),
    "a reply of half a length": talk("say(b'\\x00')", "os._exit(0)"),
    "a reply in time for the next": talk(
        "say(inner().pack({{'value': 0 * x}}) * 9)", "return 0 * x"
    ),
    "a reply with keys of its own": talk(
        "say(inner().pack({{'value': 1, 'status': 'passed', 'ok': True}}))"
    ),
    "a reply that is a list": talk("say(inner().pack([1, 2]))"),
    "a reply without a value": talk("say(inner().pack({{'no': 1}}))"),
    "a question that was not offered": talk(
        "say(inner().pack({{'ask': 'backward', 'args': (1,)}}))", "return 0 * x"
    ),
    "a question without arguments": talk("say(inner().pack({{'ask': 1}}))"),
    "an error that is a list": talk("say(inner().pack({{'raised': [1], 'value': x}}))"),
    "an error with odd fields": talk(
        "say(inner().pack({{'raised': {{'kind': 'ValueError', 'line': 'x', "
        "'said': [1], 'name': None}}}}))"
    ),
    "claims of odd kinds": talk(
        "c = inner()",
        "old = c.pack",
        "c.pack = lambda r: old(dict(r, changed=1, shares={{'a': 2}}, warned='x'))",
        "return 0 * x",
    ),
    "JSON that is deep": talk(
        "d = b'[' * 90000", "say(len(d).to_bytes(4, 'little') + b'\\0' * 4 + d)"
    ),
    "a reply that never ends": talk(
        "import time",
        "say((10**6).to_bytes(4, 'little') + b'\\0' * 4)",
        "while True: time.sleep(0.1); say(b' ')",
    ),
    "killing the warm process": body("import os", "os.kill(os.getppid(), 9)"),
    "stopping the warm process": body("import os", "os.kill(os.getppid(), 19)"),
    "killing all that it may": body("import os", "os.kill(-1, 9)"),
    "killing by a thread's id": body(
        "import ctypes, os",
        "ctypes.CDLL(None).syscall(234, os.getppid(), os.getppid(), 9)",
        "return 0 * x",
    ),
    "a fork by number": body(
        "import ctypes",
        "libc = ctypes.CDLL(None)",
        "pid = libc.syscall(57)",
        "open('{root}/hurt', 'w') if pid == 0 else None",
        "return 0 * x",
    ),
    "a call of the other table": body(
        "import ctypes",
        "ctypes.CDLL(None).syscall(0x40000000 + 57)",
        "return 0 * x",
    ),
    "a socket by number": body(
        "import ctypes",
        "assert ctypes.CDLL(None).syscall(41, 2, 1, 0) >= 0",
        "return 0 * x",
    ),
    "a program in memory": body(
        "import os",
        "f = os.memfd_create('x')",
        "os.write(f, open('/bin/true', 'rb').read())",
        "os.execve(f, ['x'], {{}})",
    ),
    "outliving its parent": body(
        "import ctypes, os, time",
        "ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)",
        "os.setsid()",
        "while True: time.sleep(1)",
    ),
    "limits taken back": body(
        "import resource",
        "resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
        "return [0] * 10**10",
    ),
    "an exit that never comes": (
        "import os\ndef loop(*_):\n    while True: pass\nos._exit = loop\n"
        + body("return 0 * x")
    ),
    "a full disk": body(
        "for i in range(10**6):",
        "    with open(f'/tmp/{{i}}', 'wb') as f: f.write(bytes(2**20))",
    ),
    "what it printed, made huge": body(
        "import os", "os.ftruncate(1, 1 << 50)", "print('x')", "return 0 * x"
    ),
    "a mode, an owner, a time": body(
        "import os",
        "for step in (lambda p: os.chmod(p, 0), lambda p: os.chown(p, 1, 1), "
        "lambda p: os.utime(p, (0, 0)), lambda p: os.truncate(p, 0), os.remove):",
        "    try: step('{root}/other/scale.py')",
        "    except OSError: pass",
        "return 0 * x",
    ),
}
ATTACKS = OLD | NEW | VALUES


def at(root):
    """{what: the file}, told where another student's folder lies."""
    texts = {name: text.replace("{root}", str(root)) for name, text in ATTACKS.items()}
    return {k: t.replace("{{", "{").replace("}}", "}") for k, t in texts.items()}
