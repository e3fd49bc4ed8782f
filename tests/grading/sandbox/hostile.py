"""Hostile and clumsy answers: {what: (the file, a part of the sentence it must get)}."""

import sys

RIGHT = "def scale(x, n, lam):\n    return x / (1 + 2 * n * lam)\n"
TRUE = "def scale(x, n, lam):\n    return 0 * x\n"


def body(*lines):
    """An answer whose function has these lines."""
    return "def scale(x, n, lam):\n" + "".join(f"    {line}\n" for line in lines)


TENSOR = """
class Tensor:
    def __init__(self, x):
        self.x, self.shape = x, x.shape
    def numpy(self):
        return self.x
def scale(x, n, lam):
    return Tensor(x / (1 + 2 * n * lam))
"""

CASES = {
    "syntax error": ("def scale(x:\n", "scale.py, line 1 is not valid Python"),
    "import error": ("import torchh\n" + RIGHT, "No module named 'torchh'"),
    "empty file": ("", "scale.py is empty: tinyft reset puts the stub back"),
    "renamed function": (
        RIGHT.replace("scale", "scales"),
        "it defines scales: give it",
    ),
    "nothing defined": ("x = 1\n", "put `def scale(...)` back"),
    "wrong signature": ("def scale(x):\n    return x\n", "but yours is scale(x)"),
    "returned None": (body("x / (1 + 2 * n * lam)"), "is the `return` line missing?"),
    "returned a Tensor": (
        TENSOR,
        "returned a Tensor, where arrays and numbers are asked",
    ),
    "returned a list": (body("return list(x)"), "An array is asked"),
    "an exception": (body("return x[99]"), "scale.py, line 2 raises IndexError"),
    "null bytes": (RIGHT + "\0", "holds null bytes"),
    "sys.exit in the function": (
        body("import sys", "sys.exit(0)"),
        "scale.py, line 3 ends Python (SystemExit): remove sys.exit",
    ),
    "sys.exit on import": (
        "import sys\nsys.exit(0)\n",
        "line 2 ends Python (SystemExit)",
    ),
    "os._exit": (body("import os", "os._exit(0)"), "ended Python: remove os._exit"),
    "os._exit on import": ("import os\nos._exit(0)\n", "while it was imported"),
    "KeyboardInterrupt": (body("raise KeyboardInterrupt"), "raises KeyboardInterrupt"),
    "endless loop": (body("while True: pass"), "did not end within 2.5 s"),
    "memory bomb": (
        body("import numpy as np", "return np.ones(10**12)"),
        "asks for more memory than a check may use",
    ),
    "slow memory bomb": (
        body("a = [0]", "while True: a = a + a"),
        "asks for more memory than a check may use",
    ),
    "recursion bomb": (body("return scale(x, n, lam)"), "calls itself without end"),
    "fork bomb": (
        body("import os", "while True: os.fork()"),
        "line 3 raises PermissionError",
    ),
    "a process through os.system": (
        body("import os", "assert os.system('true') == 0", "return x"),
        "line 3 raises AssertionError",
    ),
    "skipping itself": (
        body("import sys", "sys.modules['pytest'].skip('no')"),
        "line 3 raises KeyError: 'pytest'",
    ),
    "import pytest": ("import pytest\n" + TRUE, "line 1: No module named 'pytest'"),
    "import hidden in a call": (
        body("__import__('subprocess').run(['true'])", "return x"),
        "line 2 raises PermissionError",
    ),
    "the library's own answer": (
        "from tinyft import transfer\n" + RIGHT,
        "line 1: tinyft is not there for this task",
    ),
    "the library's own answer, spelled out": (
        body("import tinyft", "return tinyft.transfer.L2SP"),
        "line 2: tinyft is not there for this task",
    ),
    "patched numpy": (
        "import numpy as np\nnp.abs = lambda x: 0 * x\n" + TRUE,
        "Every entry is 0",
    ),
    "patched numpy in the call": (
        body("import numpy as np", "np.max = lambda x: 0", "return 0 * x"),
        "Every entry is 0",
    ),
    "patched compare": (
        "import sys\nm = sys.modules['tinyft.grading.check.compare']\n"
        "m.compare = m.discrepancy = lambda *a, **k: 0\n" + TRUE,
        "line 2 raises KeyError",
    ),
    "patched builtins": (
        "import sys\nsys.modules['builtins'].abs = max\n" + TRUE,
        "ended Python with status 1",
    ),
    "equal to everything": (
        "class Same(float):\n    __eq__ = lambda *_: True\n    __hash__ = None\n"
        "def scale(x, n, lam):\n    return Same()\n",
        "returned a Same (a kind of float), where arrays and numbers",
    ),
    "printed results": (
        'print(\'{"event": "done"}\\n{"event": "check", "status": "passed"}\')\n'
        "print('2 passed in 0.01s')\n" + TRUE,
        "Every entry is 0",
    ),
    "writing over the test": (
        body("import sys", "f = sys._getframe(2).f_code.co_filename", "open(f, 'w')"),
        "raises",
    ),
    "deleting files": (
        body("import os, sys", "os.remove(sys._getframe(2).f_code.co_filename)"),
        "line 3 raises",
    ),
    "reading the solution": (
        body("open(__file__.replace('scale.py', 'solutions/scale.py'))"),
        "line 2 raises FileNotFoundError",
    ),
}
CASES |= {
    "the network": (
        body("import _socket", "_socket.socket().connect(('127.0.0.1', 9))"),
        "line 3 raises PermissionError",
    ),
    "the network through urllib": (
        body("import urllib.request", "urllib.request.urlopen('http://127.0.0.1:9')"),
        "line 3 raises URLError",
    ),
    "writing elsewhere": (
        body("from pathlib import Path", "(Path.home() / 'hostile').write_text('x')"),
        "raises",
    ),
    "deleting a folder": (
        body("import os, shutil", "shutil.rmtree(os.path.dirname(__file__))"),
        "line 3 raises",
    ),
    "killing the grader": (
        body("import os", "os.kill(os.getppid(), 9)"),
        "line 3 raises PermissionError",
    ),
    "killing the group": (
        body("import os", "os.killpg(0, 9)"),
        "line 3 raises PermissionError",
    ),
    "a loop that no signal ends": (
        body(
            "import _signal",
            "_signal.pthread_sigmask(_signal.SIG_BLOCK, range(1, 64))",
            "while True: pass",
        ),
        "did not end within 2.5 s",
    ),
    "an alarm": (
        body("import _signal", "_signal.setitimer(0, 0.05)", "while True: pass"),
        "crashed Python (SIGALRM)",
    ),
    "an exit handler": (
        "import atexit, os\natexit.register(os._exit, 0)\n" + TRUE,
        "Every entry is 0",
    ),
    "endless output": (
        body("while True: print('x' * 10**6)"),
        "raises OSError: [Errno 27] File too large",
    ),
    "patched pytest": (
        "import sys\nsys.modules['_pytest.python'].Function.runtest = print\n" + TRUE,
        "line 2 raises KeyError: '_pytest.python'",
    ),
    "patched JSON": (
        "import json\nold = json.dumps\n"
        "json.dumps = lambda x: old(x).replace('failed', 'passed')\n" + TRUE,
        "ended Python with status 1",
    ),
    "a thread that patches later": (
        "import threading, time\ndef later():\n    import numpy\n    while True:\n"
        "        time.sleep(0.001)\n        numpy.abs = lambda x: 0 * x\n"
        "threading.Thread(target=later, daemon=True).start()\n" + TRUE,
        "can't start new thread",
    ),
    "a trace function": (
        body("import sys", "sys.settrace(lambda *a: None)", "return 0 * x"),
        "Every entry is 0",
    ),
    "closed files": (
        body("import os", "os.closerange(0, 200)", "return 0 * x"),
        "ended Python with status 1",
    ),
    "an error that cannot be told": (
        "class E(BaseException):\n    def __str__(self): raise self\n"
        "def scale(x, n, lam): raise E\n",
        "line 3 raises E",
    ),
    "an array that answers for itself": (
        "import numpy as np\nclass A(np.ndarray):\n"
        "    def __array_ufunc__(self, *a, **k): return np.array(0.0)\n"
        "    def __array_function__(self, *a, **k): return np.array(0.0)\n"
        "def scale(x, n, lam): return (0 * x).view(A)\n",
        "returned an A (a kind of ndarray), where arrays and numbers",
    ),
    "forgotten modules": (
        "import sys\nfor name in list(sys.modules):\n"
        "    if name.startswith(('numpy', 'tinyft', '_pytest')): del sys.modules[name]\n"
        + TRUE,
        "Every entry is 0",
    ),
    "no streams": (
        body("import sys", "sys.stdout = sys.stderr = None", "return 0 * x"),
        "Every entry is 0",
    ),
    "no environment and another folder": (
        body("import os", "os.environ.clear()", "os.chdir('/')", "return 0 * x"),
        "Every entry is 0",
    ),
    "ctypes through the back door": (
        body("import sys", "sys.modules['ctypes'].CDLL(None)", "return 0 * x"),
        "Every entry is 0",
    ),
}
if sys.platform == "linux":
    CASES["a crash in C"] = (
        body("import os", "os.abort()"),
        "crashed Python (SIGABRT)",
    )
