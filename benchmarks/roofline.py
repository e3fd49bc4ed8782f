"""How far a training step is from what BLAS alone would take.

    python benchmarks/roofline.py [--workload T]

Prints the peak of a large matrix product, the rate at the workload's own shapes, and the
share of a step that its matrix products would take at that peak.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent))

import peer_tinyft
import workloads as w

SHAPES = {
    "square": (1024, 1024, 1024),
    "T up": (2048, 128, 512),
    "T up, weight": (512, 2048, 128),
    "T2 up": (2048, 384, 1536),
    "T2 up, weight": (1536, 2048, 384),
    "R columns": (8192, 144, 16),
}


def rate(m, k, n, rounds=15):
    """Best GFLOP/s of (m, k) @ (k, n), float32; 2 FLOP a multiply-add."""
    a, b = np.ones((m, k), "f4"), np.ones((k, n), "f4")
    out, best = np.empty((m, n), "f4"), np.inf
    for _ in range(rounds):
        start = time.perf_counter()
        np.matmul(a, b, out=out)
        best = min(best, time.perf_counter() - start)
    return 2 * m * k * n / best / 1e9


def gpt_gflop(c):
    """GFLOP of the matrix products of one GPT step; causal attention counted whole."""
    C, T, rows = c["dim"], c["length"], c["batch"] * c["length"]
    per_token = c["layers"] * (12 * C * C + 2 * T * C) + C * c["vocab"]
    return 6 * rows * per_token / 1e9


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workload", default="T")
    name = parser.parse_args().workload
    rates = {shape: rate(*size) for shape, size in SHAPES.items()}
    for shape, gflops in rates.items():
        print(f"{shape:14} {SHAPES[shape]!s:20} {gflops:7.1f} GFLOP/s")
    step = peer_tinyft.build(name)
    step()
    seconds = []
    for _ in range(9):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    best = min(seconds)
    print(f"{name}: {1e3 * best:.1f} ms a step (best of {len(seconds)})")
    if name in w.GPT:
        need = gpt_gflop(w.GPT[name])
        floor = need / max(rates.values())
        print(
            f"{name}: {need:.1f} GFLOP of matrix products, {need / best:.0f} GFLOP/s;"
        )
        print(f"at the peak they take {1e3 * floor:.1f} ms, {100 * floor / best:.0f} %")


if __name__ == "__main__":
    main()
