"""The tables of NF4 and its 8-bit scales, built with PyTorch as bitsandbytes does.

Bit for bit on a processor with a fused multiply-add, which PyTorch's linspace uses; one
float32 rounding apart elsewhere.
"""

from statistics import NormalDist

import numpy as np
import pytest

from tinyft.quantise import CODES, dynamic_levels

torch = pytest.importorskip("torch")


def close(found, want):
    found = np.array(found, "float32").view("int32")
    assert np.abs(found - want.numpy().view("int32")).max() <= 4


def test_the_code_book():
    quantile = np.vectorize(NormalDist().inv_cdf)
    up = quantile(torch.linspace(0.9677083, 0.5, 9)[:-1].double().numpy())
    down = -quantile(torch.linspace(0.9677083, 0.5, 8)[:-1].double().numpy())
    levels = torch.tensor(np.sort(np.concatenate([down, [0.0], up]))).float()
    close(CODES["nf4"].levels, levels / levels.max())


def test_the_dynamic_map():
    data = [0.0, 1.0]
    for i in range(7):
        edges = torch.linspace(0.1, 1, 2**i + 1, dtype=torch.float32)
        means = 10 ** (i - 6) * ((edges[:-1] + edges[1:]) / 2)
        data += [*means.tolist(), *(-means).tolist()]
    close(dynamic_levels(), torch.tensor(sorted(data)))
