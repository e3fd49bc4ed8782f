"""The wheel, in an environment that has NumPy alone: it imports and it trains."""

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
STEP = """
import numpy as np
import tinyft
from tinyft import models, ops, optim, peft
model = models.gpt2_tiny(0, vocab=16, layers=1)
adapter = peft.attach(model, peft.LoRA(r=2), r"attn\\.q", rng=0)
ids = np.arange(24).reshape(2, 12) % 16
optimiser = optim.AdamW(adapter.parameters(), lr=1e-2)
losses = []
for _ in range(5):
    optimiser.zero_grad()
    loss = ops.cross_entropy(model(ids[:, :-1]).reshape(-1, 16), ids[:, 1:].ravel())
    loss.backward()
    optimiser.step()
    losses.append(loss.item())
assert losses[-1] < losses[0], losses
print(tinyft.__file__)
"""
BARE = """
import sys

class OnlyNumPy:
    def find_spec(self, name, path=None, target=None):
        root = name.partition(".")[0]
        if root not in sys.stdlib_module_names and root not in ("numpy", "tinyft"):
            raise ModuleNotFoundError(f"{{name}} is not in a bare environment", name=name)

sys.meta_path.insert(0, OnlyNumPy())
sys.path[:0] = {places}
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built without the network: setuptools and wheel are in the `test` extra."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-build-isolation",
        "--no-deps",
    ]
    command += ["--quiet", "--wheel-dir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    return path


def test_bare_environment_imports_and_trains(wheel, tmp_path):
    """An isolated interpreter that sees the wheel and NumPy, nothing else."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    places = [str(tmp_path / "site"), str(Path(np.__file__).parent.parent)]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", BARE.format(places=places) + STEP],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert str(tmp_path) in done.stdout


def test_the_wheel_holds_the_data_and_its_licences(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in ("digits.npz", "shakespeare.txt", "bible.txt", "LICENCES.md"):
        assert f"tinyft/data/{wanted}" in names
    assert "tinyft/kernels/fused.cu" in names
    assert any(n.endswith("gpt_text.safetensors") for n in names)
    assert any("LICENSE" in n for n in names)


def test_numpy_is_the_only_requirement(wheel):
    archive = zipfile.ZipFile(wheel)
    (name,) = (n for n in archive.namelist() if n.endswith("METADATA"))
    lines = archive.read(name).decode().splitlines()
    needs = [x for x in lines if x.startswith("Requires-Dist") and "extra ==" not in x]
    assert needs == ["Requires-Dist: numpy>=2"]
