"""SIGKILL at random moments (on Windows TerminateProcess), twice: no byte differs.

Compared are weights, adapters, buffers, the optimiser's moments and the next random
numbers, with a run that was left alone. No tolerance.
"""

import killed
import numpy as np
import pytest


@pytest.mark.parametrize("kind", killed.KINDS)
def test_a_run_killed_at_random_ends_with_the_same_bytes(tmp_path, kind):
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    want = killed.run(kind, tmp_path / "whole" / "run.safetensors")
    rng = np.random.default_rng(killed.KINDS.index(kind))
    got, kills = killed.killed_run(kind, tmp_path / "killed", rng, 2)
    assert kills > 0 and got == want
    names = {p.name for p in (tmp_path / "killed").iterdir()}
    assert names == {"run.safetensors", "out"}  # no lock, nothing half written
