"""When the compiled kernels run, and what happens where they cannot.

Values are compared in tests/device/test_paths.py. A fresh process is started wherever a
fact belongs to a whole process: an import, an environment variable, a cache.
"""

import importlib
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import tinyft
from tinyft import kernels, ops, tensor
from tinyft.course import doctor, fast, runs
from tinyft.course.faults import bench
from tinyft.course.run.kernel import kernel_environment
from tinyft.grading.sandbox import process
from tinyft.kernels import compiled, registry

ROOT = Path(tinyft.__file__).parents[1]
MISSING = compiled.why_not()
needs_numba = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
GELU = "y = tinyft.ops.gelu(tinyft.tensor([1.0, 2.0], requires_grad=True)); "
MADE_BY = GELU + "print(y._node.function.__module__)"


def said(code, folder, **environment):
    """What a fresh process prints; `folder` comes first on its path."""
    mine = {k: v for k, v in os.environ.items() if not k.startswith("TINYFT_")}
    mine |= {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"import sys, tinyft; {code}"],
        env=mine | environment,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


@pytest.mark.parametrize("value", [None, "0", "", "1"])
def test_numba_is_imported_at_the_first_use_only(value, tmp_path):
    environment = {} if value is None else {"TINYFT_FAST": value}
    code = "before = 'numba' in sys.modules; " + GELU + "print(before, 'numba' in "
    got = said(code + "sys.modules)", tmp_path, **environment)
    assert got == f"False {value == '1' and MISSING is None}"


def test_where_numba_is_installed_the_kernels_run():
    """Else every test of them would be skipped, and nobody would know."""
    assert MISSING is None or doctor.version("numba") is None, MISSING


@needs_numba
def test_the_environment_switches_them_on(tmp_path):
    assert said(MADE_BY, tmp_path, TINYFT_FAST="1") == "tinyft.ops.compiled.gelu"
    assert said(MADE_BY, tmp_path) == "tinyft.ops.neural.gelu"
    code = "from tinyft import kernels; print(kernels.path())"
    assert said(code, tmp_path, TINYFT_FAST="1") == "compiled"


BROKEN = {
    "missing": ("raise ModuleNotFoundError('gone', name='numba')", "is not installed"),
    "too old": (
        "raise ImportError('Numba needs NumPy 2.4 or less')",
        "needs NumPy 2.4",
    ),
    "another": ("jit = None", "numba does not start (ModuleNotFoundError"),
}


@pytest.mark.parametrize(  # the last one goes on to import llvmlite
    "kind", ["missing", "too old", pytest.param("another", marks=needs_numba)]
)
def test_a_numba_that_does_not_start_leaves_numpy_silently(kind, tmp_path):
    source, reason = BROKEN[kind]
    (tmp_path / "numba.py").write_text(source)
    assert said(MADE_BY, tmp_path, TINYFT_FAST="1") == "tinyft.ops.neural.gelu"
    code = "from tinyft.course import fast; print(fast.row())"
    row = said(code, tmp_path, TINYFT_FAST="1")
    assert reason in row and "not in use, NumPy computes" in row and "'note'" in row
    assert ("tinyft[fast]" in row) == (kind == "missing")


@needs_numba
def test_a_kernel_that_does_not_compile_leaves_numpy_silently(monkeypatch):
    def broken(name):
        raise TypeError("no conversion")

    monkeypatch.setattr(compiled, "_found", [None])
    monkeypatch.setattr(registry, "_forms", {})
    monkeypatch.setattr(registry, "importlib", SimpleNamespace(import_module=broken))
    with kernels.use(True, "compiled"):
        y = ops.gelu(tensor([1.0], requires_grad=True))
        assert y._node.function.__module__ == "tinyft.ops.neural.gelu"
        assert kernels.path() == "numpy" and kernels.adam_for(np.ones(3, "f4")) is None
    assert compiled.why_not() == (
        "a kernel does not compile (TypeError: no conversion)"
    )


def test_a_form_for_a_card_that_fails_is_an_error(monkeypatch):
    finder = SimpleNamespace(import_module=lambda name: 1 / 0)
    monkeypatch.setattr(registry, "importlib", finder)
    with pytest.raises(ZeroDivisionError):
        registry.load(registry.load, "cuda")


@needs_numba
def test_an_exponential_that_is_wrong_is_noticed(monkeypatch):
    from tinyft.kernels.compiled import jit

    monkeypatch.setattr(jit, "_exp_of", lambda x, y: np.copyto(y, np.exp(x) * 1.00001))
    assert compiled._try().startswith("its exponential is wrong here: [0.0")


SMALL = "from tinyft.kernels.compiled import jit; print(jit.fault())"


@needs_numba
def test_compiled_code_is_kept_in_the_users_cache(tmp_path, monkeypatch):
    """Nothing is written beside the source, which may be read-only."""
    for name in ("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    before = set(Path(compiled.__file__).parent.rglob("*.nb?"))
    assert said(SMALL, tmp_path) == "None"
    stamps = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.nb?")}
    assert len(stamps) == 2 and "kernels-" in str(next(iter(stamps)))
    assert said(SMALL, tmp_path) == "None"
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.nb?")} == stamps
    assert said(SMALL, tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "chosen")) == "None"
    assert list((tmp_path / "chosen").rglob("*.nbc"))
    assert set(Path(compiled.__file__).parent.rglob("*.nb?")) == before


@needs_numba
def test_without_a_folder_to_write_it_compiles_every_time(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("where a folder belongs")
    for name in ("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "file"))
    assert said(SMALL, tmp_path) == "None"
    assert not list(tmp_path.rglob("*.nb?"))


@needs_numba
def test_another_source_text_has_another_cache(monkeypatch):
    from tinyft.kernels.compiled import jit

    first, read = jit.folder(), Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda p: read(p) + b"#")
    assert jit.folder() != first and jit.folder().parent == first.parent


@needs_numba
def test_the_doctor_compares_every_form(monkeypatch):
    name, value, state, remedy = fast.row()
    assert (name, state, remedy) == ("compiled kernels", "ok", "")
    assert value.startswith("run here, off unless TINYFT_FAST=1 (numba ")
    with kernels.use(True, "compiled"):
        assert fast.row()[1].startswith("on (numba ")
    ran = set()
    form_of = registry.form_of

    def spy(operation, arrays, options):
        form = form_of(operation, arrays, options)
        ran.add(form)
        return form

    monkeypatch.setattr(kernels, "form_of", spy)
    fast.row()
    found = {f.__name__ for f in ran if ".compiled." in f.__module__}
    assert found == {f.__name__ for f in forms()}
    off_by = {False: 1.0, True: 1.0001}
    wrong = {"norms": lambda x: x * off_by[kernels.on("compiled")]}
    monkeypatch.setattr(fast, "PROBES", fast.PROBES | wrong)
    assert fast.row()[1:3] == ("WRONG: norms; leave TINYFT_FAST unset", "missing")


def forms():
    """The class of every form in ops/compiled."""
    from tinyft.ops import compiled as folder

    for path in Path(folder.__file__).parent.glob("[a-z]*.py"):
        module = importlib.import_module(f"tinyft.ops.compiled.{path.stem}")
        yield from (f for n, f in vars(module).items() if n[0].isupper())


@needs_numba
def test_every_form_is_named_by_its_operation():
    for form in forms():
        rooms = ".compiled.", ".cuda."
        formula = next(
            f for f in form.__mro__ if not any(r in f.__module__ for r in rooms)
        )
        assert "compiled" in formula.fused and form.__name__ == formula.__name__


def test_the_doctor_has_the_row_and_the_extra():
    rows = {name: state for name, _, state, _ in doctor.examine()}
    assert rows["compiled kernels"] == ("ok" if MISSING is None else "note")
    assert rows["extra fast"] == ("ok" if doctor.version("numba") else "note")


@needs_numba
def test_a_second_derivative_is_the_formulas():
    """float32 and the same text on both paths, so nearly the same bits."""
    x = np.random.default_rng(1).standard_normal((2, 5)).astype("f4")
    found = []
    for on in (False, True):
        with kernels.use(on, "compiled"):
            t = tensor(x, requires_grad=True)
            y = ops.silu(t) + ops.softmax(t) + ops.relu(t)
            (g,) = tinyft.grad((y * y).sum(), [t], create_graph=True)
            found.append(tinyft.grad((g * g).sum(), t).numpy())
    np.testing.assert_allclose(*found, rtol=2e-5, atol=2e-6)


def test_the_course_computes_with_numpy_whatever_is_asked_for(monkeypatch, tmp_path):
    """Its notebooks, planted faults, studies and answers that are graded."""
    monkeypatch.setenv("TINYFT_FAST", "1")
    assert kernel_environment(tmp_path, tmp_path)["TINYFT_FAST"] == "0"
    assert "TINYFT_FAST" not in process.environment()
    given, lesson, paths = {}, SimpleNamespace(__name__="tinyft.ch99_x"), []
    lesson.plan, lesson.run = list, None
    monkeypatch.setattr(
        bench.subprocess,
        "Popen",
        lambda *a, env, **more: given.update(env) or SimpleNamespace(),
    )
    (tmp_path / "tinyft").mkdir()
    bench._start(tmp_path / "tinyft", tmp_path, tmp_path, {})
    assert given["TINYFT_FAST"] == "0"
    monkeypatch.setattr(runs, "lessons_of", lambda chapter: [lesson])
    monkeypatch.setattr(
        runs, "record", lambda *a, **k: paths.append(kernels.path()) or runs.Runs([])
    )
    with kernels.use(True, "compiled"):
        runs.study("99")
    assert paths == ["numpy", "numpy"]
