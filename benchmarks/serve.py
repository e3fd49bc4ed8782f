"""What every peer does: build a workload, say its first losses, then run steps when
told.

On standard input: a number N runs N steps and answers a JSON list of seconds; `q`
answers the peak memory and ends. See compare.py for the other side.
"""

import json
import sys
import time

try:
    import resource
except ImportError:  # Windows has no rusage
    resource = None

LOSSES = 3


def peak_mb():
    """The largest resident size of this process so far, in MB (1e6 bytes)."""
    if resource is None:
        return float("nan")
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / 1e6 if sys.platform == "darwin" else size * 1024 / 1e6


def serve(build):
    """build(workload) -> step(), one training step that returns the loss as a float."""
    base = peak_mb()
    step = build(sys.argv[1])
    say({"losses": [float(step()) for _ in range(LOSSES)]})
    for line in sys.stdin:
        if line.strip() == "q":
            break
        seconds = []
        for _ in range(int(line)):
            start = time.perf_counter()
            step()
            seconds.append(time.perf_counter() - start)
        say(seconds)
    say({"peak_mb": peak_mb(), "base_mb": base})


def say(value):
    print("@" + json.dumps(value), flush=True)
