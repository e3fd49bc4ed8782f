"""How a training step grows with length, width, batch and depth: log-log slopes.

    python benchmarks/growth.py [--json PATH]

The time of a step is a sum of terms, so the slope between the two largest sizes says which
term rules there. Linear arithmetic has slope 1: batch and depth always; length until the
T² of attention takes over (slope 2); width tends to 2 (the matrix products are C²). A slope
clearly above that would be a super-linear step that the arithmetic does not ask for.
"""

import argparse
import json
import math
import statistics
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from tinyft import models, ops, optim

BASE = {"layers": 2, "dim": 64, "length": 64, "batch": 8}
AXES = {
    "length": (64, 128, 256, 512),
    "dim": (64, 128, 256, 512),
    "batch": (8, 16, 32, 64),
    "layers": (2, 4, 8, 16),
}
LARGEST = {"length": 2, "dim": 2, "batch": 1, "layers": 1}  # powers in the arithmetic
ROUNDS = 5


def stepper(layers, dim, length, batch):
    """One training step of a GPT of these sizes."""
    shape = {"layers": layers, "dim": dim, "length": length, "heads": dim // 32}
    model = models.gpt2(0, vocab=256, tied=False, **shape)
    optimiser = optim.AdamW(model.parameters())
    ids = np.random.default_rng(0).integers(0, 256, (batch, length + 1))

    def step():
        optimiser.zero_grad()
        logits = model(ids[:, :-1])
        ops.cross_entropy(logits.reshape(-1, 256), ids[:, 1:].ravel()).backward()
        optimiser.step()

    return step


def measure(axis):
    """Best seconds of a step for each size, sizes in alternation."""
    steps = [stepper(**(BASE | {axis: size})) for size in AXES[axis]]
    for step in steps:
        step()
    seconds = [[] for _ in steps]
    for _ in range(ROUNDS):
        for step, got in zip(steps, seconds):
            start = time.perf_counter()
            step()
            got.append(time.perf_counter() - start)
    return [min(s) for s in seconds], [statistics.median(s) for s in seconds]


def slopes(sizes, seconds):
    """log-log slope between neighbours."""
    pairs = zip(sizes, sizes[1:], seconds, seconds[1:])
    return [math.log(t2 / t1) / math.log(n2 / n1) for n1, n2, t1, t2 in pairs]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json")
    path = parser.parse_args().json
    rows = []
    for axis, sizes in AXES.items():
        best, _ = measure(axis)
        found = slopes(sizes, best)
        rows.append({"axis": axis, "sizes": sizes, "best_s": best, "slopes": found})
        shown = ", ".join(f"{x:.2f}" for x in found)
        times = ", ".join(f"{1e3 * t:.1f}" for t in best)
        print(f"{axis:7} {sizes}: {times} ms; slopes {shown}; at most {LARGEST[axis]}")
    if path:
        Path(path).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
