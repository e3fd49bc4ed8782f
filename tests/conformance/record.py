"""python record.py null|stand_in out.json: what each expression, operation and step does.

{"expressions": {text: outcome}, "operations": {row: ...}, "steps": {case: ...}, and of
the stand-in "used": [functions that operations and steps call]}. It ends by os._exit: the
exit code is this file's own word, whatever happens when the interpreter ends.
"""

import json
import os
import sys
import traceback
import warnings
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), *(str(HERE.parent / d) for d in ("device", "ops"))]


def library(kind):
    """(module that acts as cupy, its cupyx, its Counter)."""
    if kind == "null":
        import null_device

        cupy = null_device.install()
        import cupyx

        return cupy, cupyx, null_device.counts
    if kind != "stand_in":
        raise ValueError(f"record.py: null or stand_in, got {kind!r}")
    import stand_in

    return stand_in.library, stand_in.extra, stand_in.counts


def shape(result):
    """What can be compared of a result: kinds, shapes and dtypes."""
    import numpy as np

    if isinstance(result, (tuple, list)):
        return "(" + ",".join(map(shape, result)) + ")"
    if type(result).__module__.partition(".")[0] in ("cupy", "stand_in"):
        if hasattr(result, "dtype") and hasattr(result, "shape"):
            return f"device{tuple(result.shape)}{result.dtype}"
    if isinstance(result, np.ndarray):
        return f"host{result.shape}{result.dtype}"
    return type(result).__name__


def outcome(call, counts):
    """[what came, synchronisations], or the name of the error."""
    before = counts["sync"]
    try:
        return [shape(call()), counts["sync"] - before]
    except Exception as error:
        return [type(error).__name__]


def record_expressions(cp, cupyx, counts):
    import numpy as np
    from expressions import EXPRESSIONS

    def z(*shape, d="f4"):
        return cp.zeros(shape, d)

    found = {}
    for text in EXPRESSIONS:
        a, v, i = z(3, 4), z(5), z(3, 4, d="i8")
        names = dict(cp=cp, np=np, cupyx=cupyx, z=z, a=a, v=v, i=i, f4=np.float32)
        found[text] = outcome(lambda t=text, n=names: eval(t, n), counts)
    return found


def record_operations(counts):
    from scenarios import run
    from table import TABLE

    found = {}
    for row in TABLE:
        for dtype in ("float64", "float32"):
            name = f"{row.name} {dtype}"
            found[name] = outcome(lambda r=row, d=dtype: run(r, "cuda", d), counts)
    return found


def record_steps(counts):
    from scenarios import CASES, Run, case_id

    found = {}
    for make, name, rule in CASES:
        one = Run("cuda", make, name, rule)
        one.step()  # the first makes the optimiser's state
        counts.clear()
        one.step()
        seen = {key: counts[key] for key in ("sync", "d2h", "launch", "gemm")}
        seen["h2d"] = counts["h2d"] + counts["table"]
        seen["pool"] = growth(one)
        found[f"{make.__name__} {case_id(name)} {rule}"] = seen
    return found


def growth(one, steps=10):
    """Bytes that CuPy's memory pool grows by in ten steps."""
    from tinyft import backend

    one.step()
    before = backend.memory_stats()["total"]
    for _ in range(steps):
        one.losses.clear()
        one.step()
    return backend.memory_stats()["total"] - before


def main(kind, path):
    warnings.simplefilter("ignore")
    cp, cupyx, counts = library(kind)
    found = {"expressions": record_expressions(cp, cupyx, counts)}
    from tinyft import backend

    backend.device_library(cp)
    if kind == "stand_in":
        import stand_in

        stand_in.used.clear()
    found["operations"] = record_operations(counts)
    found["steps"] = record_steps(counts)
    if kind == "stand_in":
        found["used"] = sorted(stand_in.used)
    Path(path).write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    status = 1
    try:
        main(*sys.argv[1:])
        status = 0
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
