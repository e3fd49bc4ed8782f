"""python record.py null|stand_in out.json: what each expression, operation and step does.

{"expressions": {text: outcome}, "operations": {row: ...}, "steps": {case: ...},
"kernels": {name: values}, of the stand-in "used": [functions that operations and steps
call], of CuPy "workloads": {name: counts} and "sources": every kernel it would compile}.

python record.py compile 90 null.json out.json gives these sources to CUDA's compiler.
python record.py values out.json trains on the null device with values (cpu_device.py).

It ends by os._exit: the exit code is this file's own word, whatever happens when the
interpreter ends.
"""

import json
import os
import re
import sys
import traceback
import warnings
from pathlib import Path

HERE = Path(__file__).parent
BENCHMARKS = HERE.parent.parent / "benchmarks"
sys.path[:0] = [str(HERE), *(str(HERE.parent / d) for d in ("device", "ops"))]
sys.path.append(str(BENCHMARKS))


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


def run_own_kernels(text, name, grid, block, arguments):
    """Run a launched kernel of tinyft's on the CPU; the values of CuPy's are nobody's."""
    import ctypes

    import cpu_kernels

    source, options = text
    real = tuple(o for o in options if o.startswith("-DREAL="))
    if real:
        kernels = cpu_kernels.Kernels(source, real)
        kernels.launch(name, grid, block, ctypes.c_void_p(arguments))


def check_arguments(cupy):
    """CuPy launches whatever it is given: refuse what the stand-in refuses."""
    import stand_in

    class RawModule(cupy.RawModule):
        def get_function(self, name):
            launch = super().get_function(name)
            kinds = stand_in.cpu_kernels.signatures(self.code)[name]

            def checked(grid, block, args, **more):
                for value, kind in zip(args, kinds, strict=True):
                    if isinstance(value, cupy.ndarray):
                        assert kind.endswith("*") and value.flags.c_contiguous
                        wide = kind.removeprefix("const ") == "Int *"
                        assert value.dtype == "i8" if wide else value.dtype.kind == "f"
                    elif value is not None and not kind.endswith("*"):
                        assert type(value) is {"Int": int, "double": float}[kind]
                return launch(grid, block, args, **more)

            return checked

    cupy.RawModule = RawModule


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
    from expressions import EXPRESSIONS, KERNEL

    def z(*shape, d="f4"):
        return cp.zeros(shape, d)

    kernel = cp.RawModule(code=KERNEL, options=("-DREAL=float",)).get_function("one")
    found = {}
    for text in EXPRESSIONS:
        a, v, i = z(3, 4), z(5), z(3, 4, d="i8")
        names = dict(cp=cp, np=np, cupyx=cupyx, z=z, a=a, v=v, i=i, f4=np.float32)
        names["kernel"] = kernel
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
        seen = step_counts(one.step, counts)
        seen["pool"] = growth(one)
        found[f"{make.__name__} {case_id(name)} {rule}"] = seen
    return found


def step_counts(step, counts):
    """What one step launches, copies and waits for; the optimiser has its state."""
    step()
    counts.clear()
    step()
    seen = {key: counts[key] for key in ("sync", "d2h", "launch", "gemm", "copy")}
    return seen | {"h2d": counts["h2d"] + counts["table"]}


def record_workloads(counts):
    """Counts of a step of the benchmark's T and R, and of a small Llama."""
    import peer_tinyft
    from scenarios import Run, llama

    peer_tinyft.DEVICE = "cuda"
    steps = {name: peer_tinyft.build(name) for name in ("T", "R")}
    steps["llama"] = Run("cuda", llama).step
    return {name: step_counts(step, counts) for name, step in steps.items()}


def record_kernels(cp):
    """Values of tinyft's kernels, each launched once: {function: [arrays as lists]}."""
    import null_device
    import numpy as np

    from tinyft import backend
    from tinyft.kernels import functions

    null_device.runs[0] = run_own_kernels
    rng = np.random.default_rng(0)

    def put(*shape):  # positive, as v of Adam is
        return cp.asarray(rng.random(shape).astype("f4"))

    x, g, w, c, m, v = put(7, 33), put(7, 33), put(33), put(33), put(33), put(33)
    labels = cp.asarray(np.arange(7) * 5)
    S, L, p = put(2, 5, 6), put(2, 5, 1), put(33)
    functions.adam(p, c, (m, v), (0.9, 0.99, 0.1, 1e-3, 0.2, 0.7))
    functions.attention_weights(S, L, causal=True)
    found = {
        "adam": (p, m, v),
        "attention_weights": (S, L),
        "gelu": functions.gelu(x, "none", True) + functions.gelu(x, "tanh", True),
        "silu": (functions.silu(x), functions.silu_gradient(x, g)),
        "softmax": (functions.softmax(x), functions.softmax_gradient(x, g)),
        "cross_entropy": functions.cross_entropy(x, labels, 5, 0.1, False, True),
        "normalise_rows": functions.normalise_rows(x, w, c, 1e-5, True, True),
        "rows_gradient": (functions.normalise_rows_gradient(g, x, w, put(7, 1), True),),
        "column_sums": functions.column_sums(g, x, c, w),
        "batch_statistics": functions.batch_statistics(x, (m, v), 0.1, 1e-5),
        "normalise_columns": (functions.normalise_columns(x, m, v, w, c),),
        "batch_norm": (functions.batch_norm_gradient(g, x, m, v, w, c, p),),
    }
    null_device.runs[0] = None
    return {k: [backend.asnumpy(a).tolist() for a in v] for k, v in found.items()}


def compile_sources(card, path):
    """Give each source to NVRTC for a card, by CuPy's own way, options included."""
    import null_device

    null_device.install()
    from cupy.cuda import compiler

    def compile(text, options):
        options = (*options, "-ftz=true")  # which CuPy adds after the cache's look-up
        code, _ = compiler.compile_using_nvrtc(text, options, card)
        return code[:4] == b"\x7fELF"

    sources = json.loads(Path(path).read_text())["sources"]
    found = {"compiled": sum(compile(*source) for source in sources)}
    text, options = next(
        s for s in sources if "-DREAL=float" in s[1] and "fmax" in s[0]
    )
    try:
        compile(text.replace("fmax(", "fmaxx("), options)
    except compiler.CompileException as error:
        found["broken"] = str(error)[:400]
    return found


def record_values():
    """EXPERIMENTAL. {"steps": {case: losses on the host, on CuPy's front end},
    "operations": {row: largest error}, "failed": what could not be run}."""
    cp, _, _ = library("null")
    import cpu_device

    from tinyft import backend, kernels

    cpu_device.install()
    check_arguments(cp)
    backend.device_library(cp)
    from scenarios import CASES, case_id, train

    steps = {}
    for case in CASES:
        if "PISSA" in case[1]:
            continue  # its decomposition is cuSOLVER's, which is not there
        for way, on in (("fused", True), ("generic", False)):
            with kernels.use(on, "cuda"):
                losses = train("cpu", *case), train("cuda", *case)
            steps[" ".join([*map(case_id, case), way])] = losses
    operations = {name: error for name, error in operation_errors()}
    return {"steps": steps, "operations": operations, "failed": cpu_device.failed}


def operation_errors():
    """(row and dtype, largest error over the largest entry, at least 1)."""
    import numpy as np
    from scenarios import run
    from table import TABLE

    for row in TABLE:
        if re.search("mask|cumsum", row.name):
            continue  # CuPy's running sums: barriers of a warp, threads that end early
        for dtype in ("float64", "float32"):
            sides = []
            for device in ("cpu", "cuda"):
                y, gxs = run(row, device, dtype)
                sides.append([np.asarray(a, "f8") for a in (y, *gxs)])
            errors = [
                np.abs(a - b).max(initial=0) / max(1, np.abs(a).max(initial=0))
                for a, b in zip(*sides)
            ]
            yield f"{row.name} {dtype}", float(max(errors))


def growth(one, steps=10):
    """Bytes that CuPy's memory pool grows by in ten steps."""
    from tinyft import backend

    one.step()
    before = backend.memory_stats()["total"]
    for _ in range(steps):
        one.losses.clear()
        one.step()
    return backend.memory_stats()["total"] - before


def record(kind):
    cp, cupyx, counts = library(kind)
    found = {"expressions": record_expressions(cp, cupyx, counts)}
    from tinyft import backend, kernels

    if kind == "null":
        check_arguments(cp)
    backend.device_library(cp)
    found["kernels"] = record_kernels(cp)
    if kind == "stand_in":
        import stand_in

        stand_in.used.clear()
    for way, on in (("fused", True), ("generic", False)):
        with kernels.use(on, "cuda"):
            found[f"operations {way}"] = record_operations(counts)
            found[f"steps {way}"] = record_steps(counts)
            if kind == "null":
                found[f"workloads {way}"] = record_workloads(counts)
    if kind == "stand_in":
        found["used"] = sorted(stand_in.used)
    else:
        import null_device

        found["sources"] = [*null_device.sources]
    return found


def main(kind, *paths):
    warnings.simplefilter("ignore")
    if kind == "values":
        found = record_values()
    else:
        found = compile_sources(*paths[:2]) if kind == "compile" else record(kind)
    Path(paths[-1]).write_text(json.dumps(found, indent=1))


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
