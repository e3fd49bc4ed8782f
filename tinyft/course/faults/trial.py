"""The child process: a notebook's code cells, one after the other, up to what fails.

    python -P -m tinyft.course.faults.trial JOB.json

The job names the cells, the report to write and, for the first run without a fault, the
files to watch: which of their lines run, and which names hold arrays and tensors there.
"""

import json
import linecache
import os
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path

GIB = 1 << 30
MEMORY = 8 * GIB  # of address space: a fault may ask for any amount
CALLS = 2000  # of one function that are watched
KEPT = "_parameters"  # where a Module keeps what it trains


def main(path):
    """Run the job and write its report."""
    job = json.loads(Path(path).read_text(encoding="utf-8"))
    parent = threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True)
    parent.start()
    _limit(job["processor"])
    watch = Watch(job["watch"])
    report = run(job["cells"], watch)
    report |= {"seen": watch.as_json(), "processor": time.process_time()}
    text = json.dumps(report)
    Path(job["report"]).write_text(text, encoding="utf-8")


def _end_with(parent):
    """End this process when the command that started it is gone."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _limit(processor):
    """Bound the memory and, unless None, the seconds of processor time (POSIX)."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return
    wanted = {resource.RLIMIT_AS: MEMORY, resource.RLIMIT_CPU: processor}
    for kind, most in wanted.items():
        hard = resource.getrlimit(kind)[1]
        if most is not None:
            soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(kind, (soft, hard))


def run(cells, watch):
    """{"kind", "said", "cell"}: "passed", or what the first failing cell raised."""
    from tinyft.course.check import CheckFailed, records

    names = {"__name__": "__main__"}
    for number, text in cells:
        try:
            with watch:
                exec(_compiled(number, text), names)
        except CheckFailed:
            return _report("check", records[-1]["name"], number)
        except Exception as error:
            said = f"{type(error).__name__}: {error}".splitlines()[0]
            return _report("exception", said, number)
    return _report("passed", f"{len(records)} checks", None)


def _report(kind, said, cell):
    return {"kind": kind, "said": said, "cell": cell}


def _compiled(number, text):
    file = f"<cell {number}>"  # known to linecache: cells may show their own source
    linecache.cache[file] = len(text), None, text.splitlines(keepends=True), file
    return compile(text, file, "exec")


class Watch:
    """Which lines of some files run, and what kind of value each function's names hold.

    "array (3, 4)" or, when it needs a gradient, "tensor (3, 4)". It is entered for each
    cell: a recursion too deep in one ends Python's tracing.
    """

    def __init__(self, files):
        self.files = set(files)
        self.lines = {file: set() for file in files}
        self.names = {file: defaultdict(dict) for file in files}
        self.calls = defaultdict(int)

    def __enter__(self):
        self.before = sys.gettrace(), threading.gettrace()
        if self.files:
            threading.settrace(self._called)
            sys.settrace(self._called)

    def __exit__(self, *_):
        sys.settrace(self.before[0])
        threading.settrace(self.before[1])

    def _called(self, frame, event, _):
        code = frame.f_code
        if code.co_filename not in self.files or self.calls[code] >= CALLS:
            return None
        self.calls[code] += 1
        return self._inside

    def _inside(self, frame, event, _):
        code = frame.f_code
        if event == "line":
            self.lines[code.co_filename].add(frame.f_lineno)
        elif event == "return":
            names = self.names[code.co_filename][code.co_firstlineno]
            names |= _kinds(frame.f_locals)
        return self._inside

    def as_json(self):
        """{file: {"lines", "names": {line of the function: {name: kind}}}}."""
        return {
            file: {"lines": sorted(self.lines[file]), "names": self.names[file]}
            for file in sorted(self.files)
        }


def _kinds(local):
    kept = getattr(local.get("self"), "__dict__", {}).get(KEPT)
    kept = kept if isinstance(kept, dict) else {}
    values = local | {f"self.{name}": value for name, value in kept.items()}
    return {name: kind for name, value in values.items() if (kind := _kind(value))}


def _kind(value):
    shape = getattr(value, "shape", None)
    if not (hasattr(value, "dtype") and isinstance(shape, tuple)):
        return ""
    trained = getattr(value, "requires_grad", False) is True
    return f"{'tensor' if trained else 'array'} {shape}"


if __name__ == "__main__":
    main(sys.argv[1])
