"""`tinyft doctor` about the GPU: none, no driver, a missing library, two wheels, good."""

import sys

import cpu_kernels
import numpy as np
import pytest
from test_bad_input import INSUFFICIENT, bare, fake_cupy  # noqa: F401  (a fixture)

from tinyft import kernels
from tinyft.backend import diagnose
from tinyft.course import doctor
from tinyft.kernels import launch

PROBES = ["elementwise", "reduction", "matmul", "scatter", "rng", "fused kernels"]
CPU = pytest.mark.skipif(
    cpu_kernels.compiler() is None, reason="the kernels need g++ to run on the CPU"
)


def state(rows):
    """(the course can run, a GPU works), as the exit code sees it."""
    return doctor.can_run(rows), doctor.gpu_works(rows)


def test_no_cupy(bare, monkeypatch):  # noqa: F811
    bare(None)
    monkeypatch.setattr(diagnose, "cupy_wheels", dict)
    monkeypatch.setattr(sys, "platform", "linux")
    [(name, value, mark, remedy)] = doctor.gpu()
    assert (name, mark) == ("backend", "note") and "cupy is not installed" in value
    assert 'pip install "tinyft[cuda12x]"' in remedy and "cuda13x" in remedy
    assert state(doctor.gpu()) == (True, False)


def test_no_driver(bare):  # noqa: F811
    bare(fake_cupy(INSUFFICIENT))
    [(_, value, mark, _)] = doctor.gpu()
    assert mark == "note" and "cupy 14.2.0 finds no driver" in value
    assert INSUFFICIENT in value
    assert state(doctor.gpu()) == (True, False)


def test_two_wheels(bare, monkeypatch):  # noqa: F811
    both = {"cupy-cuda12x": "14.2.0", "cupy-cuda13x": "14.2.0"}
    monkeypatch.setattr(diagnose, "cupy_wheels", lambda: both)
    [(_, value, mark, remedy)] = doctor.gpu()
    assert mark == "missing" and "are both installed" in value
    assert remedy == "pip uninstall cupy-cuda12x cupy-cuda13x"
    assert state(doctor.gpu()) == (False, False)


@CPU
def test_a_good_card_runs_every_probe_with_parity(cuda):
    rows = doctor.gpu()
    names = [name for name, *_ in rows]
    assert names == ["backend", "GPU 0", "CUDA", *(f"GPU {p}" for p in PROBES)]
    assert all(mark == "ok" for _, _, mark, _ in rows)
    assert rows[1][1] == "stand-in, sm_90, 3.0 of 4.0 GB free"
    assert "driver for CUDA 13.0, runtime 12.9" in rows[2][1]
    assert all("parity error" in value for _, value, _, _ in rows[3:])
    assert state(rows) == (True, True)


@CPU
def test_a_missing_library_is_told_by_its_probe_and_the_others_run(cuda, monkeypatch):
    def no_cublas(*_):
        raise ImportError("libcublas.so.12: cannot open shared object file")

    monkeypatch.setattr(cuda.ndarray, "__matmul__", no_cublas)
    monkeypatch.setattr(diagnose, "cupy_wheels", lambda: {"cupy-cuda12x": "14.2.0"})
    rows = {name: rest for name, *rest in doctor.gpu()}
    value, mark, remedy = rows["GPU matmul"]
    assert mark == "missing" and "FAILED: ImportError: libcublas.so.12" in value
    assert remedy.endswith('pip install "cupy-cuda12x[ctk]"')
    assert [rows[f"GPU {p}"][1] for p in PROBES if p != "matmul"] == ["ok"] * 5
    assert state(doctor.gpu()) == (False, False)


@pytest.mark.parametrize("wrong", [1.01, np.nan])
def test_wrong_numbers_are_not_good(cuda, monkeypatch, wrong):
    true = cuda.library.exp
    monkeypatch.setattr(cuda.library, "exp", lambda x: true(x) * wrong)
    rows = {name: rest for name, *rest in doctor.gpu()}
    value, mark, _ = rows["GPU elementwise"]
    assert mark == "missing" and value.startswith("WRONG")
    assert rows["GPU reduction"][1] == "ok"


def test_kernels_that_are_off_or_do_not_compile_are_a_note(cuda, monkeypatch):
    with kernels.use(False):
        assert doctor.fused_kernels()[1:3] == (
            "switched off (TINYFT_GPU_KERNELS=0)",
            "note",
        )

    def broken(code, options):
        raise RuntimeError("nvrtc: no such option")

    monkeypatch.setattr(launch, "_modules", {})
    monkeypatch.setattr(cuda.library, "RawModule", broken)
    _, value, mark, _ = doctor.fused_kernels()
    assert mark == "note" and "nvrtc: no such option" in value
    assert state(doctor.gpu()) == (True, True)


def test_the_printed_table(cuda, capsys):
    assert doctor.doctor()[1] is True
    said = capsys.readouterr().out
    assert "stand-in" in said and "elementwise" in said
