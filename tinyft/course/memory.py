"""How much memory a training step leaves behind, and how much it needs at its peak.

NumPy reports its arrays to tracemalloc, so the count is exact to the byte and does not
depend on what the operating system has given back. Memory of a device is not seen.
"""

import gc
import tracemalloc


def live_memory(step, steps=10, collector=False):
    """MiB alive after each of `steps` calls of step(), and the peak, beyond the start.

    collector=False switches Python's cycle collector off, so that only what reference
    counts free is freed. Its state is restored. Returns ([MiB] * steps, MiB).
    """
    was_on = gc.isenabled()
    gc.collect()
    gc.enable() if collector else gc.disable()
    tracemalloc.start()
    try:
        live = []
        for _ in range(steps):
            step()
            live.append(tracemalloc.get_traced_memory()[0] / 2**20)
        return live, tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()
        gc.enable() if was_on else gc.disable()
        gc.collect()
