"""What can go wrong with a device is told in a sentence: what, why, and what to do."""

import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from tinyft import backend, data, nn, ops, optim, peft, tensor
from tinyft.backend import DeviceError, DeviceMemoryError, diagnose, library


def fake_cupy(error=None, driver=0, runtime=12090, count=1):
    """A cupy whose driver answers as told."""

    def devices():
        if error is not None:
            raise RuntimeError(error)
        return count

    calls = types.SimpleNamespace(
        getDeviceCount=devices,
        driverGetVersion=lambda: driver,
        runtimeGetVersion=lambda: runtime,
    )
    return types.SimpleNamespace(
        __version__="14.2.0", cuda=types.SimpleNamespace(runtime=calls)
    )


@pytest.fixture
def bare(monkeypatch):
    """backend as at the start of a program; returns a function that installs a cupy."""
    monkeypatch.setattr(library, "_device_library", None)
    monkeypatch.setattr(library, "_namespaces", dict(library._namespaces))
    monkeypatch.setattr(diagnose, "cupy_wheels", lambda: {"cupy-cuda12x": "14.2.0"})
    return lambda module: monkeypatch.setitem(sys.modules, "cupy", module)


INSUFFICIENT = "cudaErrorInsufficientDriver: CUDA driver version is insufficient"


@pytest.mark.parametrize(
    "cupy, sentence",
    [
        (None, r'cupy is not installed: run pip install "tinyft\[cuda12x\]"'),
        (fake_cupy(INSUFFICIENT), "finds no driver: nvidia-smi should name your card"),
        (
            fake_cupy(INSUFFICIENT, driver=11040),
            r"the driver is too old: it knows CUDA 11.4 and cupy 14.2.0 is made for 12.9",
        ),
        (
            fake_cupy("cudaErrorNoDevice", driver=13000),
            r"finds a driver and no usable card \(cudaErrorNoDevice\)",
        ),
        (fake_cupy(driver=13000, count=0), r"sees 0 device\(s\)"),
    ],
)
def test_a_device_that_cannot_be_used_says_why(cupy, sentence, bare):
    bare(cupy)
    assert not backend.is_gpu_available()
    with pytest.raises(
        DeviceError, match=f"device 'cuda' was asked for, but .*{sentence}"
    ):
        tensor([1.0], device="cuda")


def test_a_cupy_that_does_not_import(bare, tmp_path, monkeypatch):
    (tmp_path / "cupy.py").write_text("raise ImportError('libcudart.so.12 is gone')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    assert backend.gpu_status() == (
        False,
        "cupy does not import (libcudart.so.12 is gone); install it again",
    )


def test_a_folder_of_that_name_is_not_cupy(bare):
    bare(types.SimpleNamespace(__path__=["/somewhere/cupy"]))
    usable, sentence = backend.gpu_status()
    assert not usable and "/somewhere/cupy is not CuPy: a folder" in sentence


def test_two_wheels(bare, monkeypatch):
    both = {"cupy-cuda12x": "14.2.0", "cupy-cuda13x": "14.2.0"}
    monkeypatch.setattr(diagnose, "cupy_wheels", lambda: both)
    usable, sentence = backend.gpu_status()
    assert not usable
    assert "pip uninstall cupy-cuda12x cupy-cuda13x, then install one" in sentence


def test_a_missing_library_is_named_with_the_command_that_adds_it(bare):
    """CuPy imports and sees the card; cuBLAS is only looked for by the first product."""

    class Matrix:
        def __add__(self, other):
            return self

        def __matmul__(self, other):
            raise ImportError("libcublas.so.12: cannot open shared object file")

    cupy = fake_cupy(driver=13000)
    cupy.ones, cupy.ndarray = lambda shape, dtype: Matrix(), Matrix
    bare(cupy)
    with pytest.raises(DeviceError) as caught:
        tensor([1.0], device="cuda")
    said = str(caught.value)
    assert "a matrix product does not run on the card (ImportError: libcublas" in said
    assert 'pip install "cupy-cuda12x[ctk]"' in said


def test_out_of_memory_gives_the_pools_figures_and_what_to_free(cuda, monkeypatch):
    x = tensor(np.ones((8, 8), "f4"), requires_grad=True, device="cuda")
    y = ops.broadcast_to(x, (2, 8, 8)).sum(axis=0).sum()
    monkeypatch.setattr(cuda.Pool, "limit", 200)
    with pytest.raises(DeviceMemoryError) as caught:
        x * 2.0
    said = str(caught.value)
    assert "mul: no room on the device (Out of memory allocating 256 bytes)" in said
    assert "Its pool holds 0.0 MB, 0.0 MB of it in use" in said
    assert "smaller batch" in said and "backend.free_memory()" in said
    with pytest.raises(MemoryError, match="backward: no room on the device"):
        y.backward()
    with pytest.raises(DeviceMemoryError, match=r"to\('cuda'\): no room"):
        backend.to(np.ones(100), "cuda")


def test_an_array_of_the_other_device_names_both(cuda):
    model_side = tensor(np.ones((2, 3), "f4"), device="cuda")
    with pytest.raises(
        DeviceError, match=r"matmul: .* live on cpu and cuda:0; move one"
    ):
        model_side @ np.ones((3, 2), "f4")
    with pytest.raises(DeviceError, match="cpu and cuda:0"):
        ops.cross_entropy(model_side, np.array([0, 1]))


def test_a_model_that_moves_after_its_optimizer_began(cuda):
    p = nn.Parameter(tensor(np.ones(3, "f4")))
    rule = optim.AdamW([p])
    p.grad = tensor(np.ones(3, "f4"))
    rule.step()
    p.data = backend.to(p.data, "cuda")
    p.grad = tensor(np.ones(3, "f4"), device="cuda")
    with pytest.raises(
        DeviceError, match=r"step\(\) of an optimizer: .* cpu and cuda:0"
    ):
        rule.step()


def test_running_statistics_of_the_other_device(cuda):
    x, r = tensor(np.ones((4, 3), "f4"), device="cuda"), np.ones(3, "f4")
    with pytest.raises(DeviceError, match=r"batch_norm: .* cpu and cuda:0"):
        ops.batch_norm(x, r, r, training=False)


def test_out_of_memory_in_a_step(cuda, monkeypatch):
    ps = [nn.Parameter(tensor(np.ones(30, "f4"), device="cuda")) for _ in range(3)]
    for p in ps:
        p.grad = tensor(np.ones(30, "f4"), device="cuda")
    monkeypatch.setattr(cuda.Pool, "limit", 200)
    with pytest.raises(DeviceMemoryError, match=r"AdamW\.step: no room on the device"):
        optim.AdamW(ps).step()


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_float16_in_a_decomposition(device, cuda):
    from scenarios import gpt

    model, _, _ = gpt()
    model.to("float16").to(device)
    with pytest.raises(
        TypeError, match=r'PiSSA: a float16 matrix .* x.astype."float32"'
    ):
        peft.attach(model, peft.PiSSA(r=2), r"attn\.q")


def test_token_ids_are_checked_on_the_host_where_they_are_loaded():
    """On a card an index out of range wraps round without an error (README, docs/gpu)."""
    text = np.array([1, 2, 11, 3, 4, 5, 6, 7])
    with pytest.raises(data.DataError, match=r"value 11 at .* is outside 0..10"):
        data.check_range(text, 11)


def test_the_stand_in_wraps_such_an_index_as_cupy_does(cuda):
    x = cuda.library.asarray([10.0, 20.0, 30.0])
    assert x[cuda.library.asarray([4])].get().tolist() == [20.0]


CHILD = """
import sys
sys.path[:0] = {paths!r}
import stand_in
from tinyft import backend, ops, tensor
from tinyft.backend import library
if {use}:
    library._device_library = stand_in.library
    library._namespaces[stand_in.ndarray] = stand_in.library
try:
    x = tensor([1.0, 2.0])
    print(x.device, (x * 2.0).device, ops.zeros((2,)).device)
    import numpy as np
    print(tensor(np.ones(2)).device, (x * np.ones(2, "f4")).device)
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize(
    "value, use, said",
    [
        ("cuda", True, "cuda:0 cuda:0 cuda:0\ncuda:0 cuda:0\n"),
        ("", True, "cpu cpu cpu\ncpu cpu\n"),
        ("tpu", True, "ValueError TINYFT_DEVICE=tpu: device 'tpu' is not known"),
        ("cuda", False, "DeviceError TINYFT_DEVICE=cuda: device 'cuda' was asked for"),
    ],
)
def test_the_default_device_of_the_environment(value, use, said, monkeypatch):
    if not use and backend.is_gpu_available():
        pytest.skip("a card is there")
    here = Path(__file__).parent
    monkeypatch.setenv("TINYFT_DEVICE", value)
    code = CHILD.format(paths=[str(here), str(here.parent.parent)], use=use)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.startswith(said), run.stderr
