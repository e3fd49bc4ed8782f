"""Gradient checkpointing on workload T: memory down, time up, gradients the same bits.

python benchmarks/recompute.py
"""

import sys
import time
import tracemalloc
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent))

import peer_tinyft
import workloads as w

from tinyft import nn, ops


def step(model, x, y):
    """One forward and backward; the gradients as bytes."""
    for p in model.parameters():
        p.zero_grad()
    logits = model(x)
    ops.cross_entropy(logits.reshape(-1, logits.shape[-1]), y).backward()
    return [p.grad.numpy().tobytes() for p in model.parameters()]


def live_bytes(model, x):
    """What forward keeps for backward."""
    tracemalloc.start()
    y = model(x)
    live = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del y
    return live


def main():
    model, _ = peer_tinyft.make("T", w.weights("T"))
    x, y = w.batch("T")
    y = y.reshape(-1)
    seconds, gradients, live = {False: [], True: []}, {}, {}
    for _ in range(7):
        for on in (False, True):
            for block in model.blocks:
                nn.recompute(block, on)
            start = time.perf_counter()
            gradients[on] = step(model, x, y)
            seconds[on].append(time.perf_counter() - start)
            live[on] = live_bytes(model, x)
    print(f"gradients the same bits: {gradients[False] == gradients[True]}")
    print(f"kept by forward: {live[True] / live[False]:.2f} of the plain step's")
    print(f"time (bests): {min(seconds[True]) / min(seconds[False]):.2f}")


if __name__ == "__main__":
    main()
