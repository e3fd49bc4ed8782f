"""Time peers in alternation, A B C A B C ..., and print the ratio of each to the first.

    python benchmarks/compare.py --workload T --peers torch,tinyft --rounds 9

Each peer is one long-lived process (imports and caches are warm) that runs while the
others wait; BLAS threads are 1 on all sides unless --threads says otherwise. The ratio
of a round is the peer's time over the first peer's in the same round, so a slow spell
of the machine hits both. The first three losses must agree: all peers do the same
mathematics. `fast` is tinyft with its compiled kernels (numba), `tinyft` is NumPy alone.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import real
import workloads

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))  # tinyft itself, where it is not installed

import machine  # noqa: E402

PEERS = {
    "torch": "peer_torch.py",
    "tinyft": "peer_tinyft.py",
    "fast": "peer_tinyft.py",
    "jax": "peer_jax.py",
    "autograd": "peer_autograd.py",
    "mygrad": "peer_mygrad.py",
    "tinygrad": "peer_tinygrad.py",
}
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
LOSS_TOLERANCE = 2e-3  # float32, three AdamW steps; ResNets are chaotic at 3e-4
CHAOTIC = {"mobilenet": 0.1}  # the first loss agrees to 1e-5, the third to 0.03
NAMES = [*workloads.NAMES, *real.NAMES]
STEPS = {"S": 200, "R8": 5, "lstm": 5}  # a round: else one step


class Peer:
    """One process that waits for orders."""

    def __init__(self, name, workload, threads, device):
        env = dict(os.environ, OMP_WAIT_POLICY="passive", TINYFT_DEVICE=device)
        env["TINYFT_FAST"] = "1" if name == "fast" else "0"
        env.update({key: str(threads) for key in THREADS})
        if threads == 1:
            env["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
        env["PYTHONPATH"] = os.pathsep.join(
            filter(None, [str(HERE.parent), env.get("PYTHONPATH")])
        )
        self.name, self.seconds = name, []
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / PEERS[name]), workload],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.losses = self.read()["losses"]

    def read(self):
        for line in self.process.stdout:
            if line.startswith("@"):
                return json.loads(line[1:])
        why = self.process.stderr.read().strip().splitlines()[-1:]
        self.close()
        raise RuntimeError(f"{self.name} ended: {' '.join(why) or 'no message'}")

    def ask(self, order):
        self.process.stdin.write(f"{order}\n")
        self.process.stdin.flush()
        return self.read()

    def close(self):
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()
        self.process.wait()

    def run(self, steps):
        self.seconds.append(statistics.median(self.ask(steps)))


def compare(workload, peers, rounds=9, steps=1, threads=1, device="cpu"):
    """A list of result rows, one for each peer that ran; the first is the reference."""
    running, rows = [], []
    for name in peers:
        try:
            running.append(Peer(name, workload, threads, device))
        except RuntimeError as error:
            rows.append({"workload": workload, "peer": name, "error": str(error)})
    for _ in range(rounds):
        for peer in running:
            peer.run(steps)
    return [_row(workload, threads, peer, running[0]) for peer in running] + rows


def pair(first, second, peer="tinyft", rounds=9, threads=1):
    """Ratio of two workloads of one peer, in alternation: time and memory above import."""
    a, b = (Peer(peer, workload, threads, "cpu") for workload in (first, second))
    for _ in range(rounds):
        a.run(1)
        b.run(1)
    ratios = sorted(x / y for x, y in zip(a.seconds, b.seconds))
    over = []
    for one in (a, b):
        memory = one.ask("q")
        over.append(memory["peak_mb"] - memory["base_mb"])
        one.close()
    return {
        "pair": f"{first}/{second}",
        "peer": peer,
        "ratio": statistics.median(ratios),
        "best": min(a.seconds) / min(b.seconds),
        "memory": over[0] / over[1],
    }


def _row(workload, threads, peer, first):
    memory = peer.ask("q")
    peer.close()
    ratios = sorted(a / b for a, b in zip(peer.seconds, first.seconds))
    cut = len(ratios) // 10
    worst = max(abs(a - b) for a, b in zip(peer.losses, first.losses))
    return {
        "workload": workload,
        "peer": peer.name,
        "threads": threads,
        "rounds": len(ratios),
        "ratio": statistics.median(ratios),
        "p10": ratios[cut],
        "p90": ratios[-1 - cut],
        "best": min(peer.seconds) / min(first.seconds),
        "median_ms": 1e3 * statistics.median(peer.seconds),
        "peak_mb": memory["peak_mb"],
        "above_import_mb": memory["peak_mb"] - memory["base_mb"],
        "losses": peer.losses,
        "losses_agree": worst < CHAOTIC.get(workload, LOSS_TOLERANCE),
    }


def main(arguments=None):
    a = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    a.add_argument("--workload", default=",".join(NAMES))
    a.add_argument("--peers", default="torch,tinyft")
    a.add_argument("--rounds", type=int, default=9)
    a.add_argument(
        "--steps", type=int, default=0, help="0: about half a second a round"
    )
    a.add_argument("--threads", type=int, default=1)
    a.add_argument("--device", default="cpu")
    a.add_argument("--json")
    a.add_argument(
        "--fast",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="also time tinyft with compiled kernels (numba)",
    )
    a.add_argument("--pair", help="two workloads of the last peer: T2lora/T2")
    a = a.parse_args(arguments)
    peers = a.peers.split(",") + ["fast"] * a.fast
    about, rows = machine.about(), []
    print(machine.sentence(about))
    if a.pair:
        rows.append(pair(*a.pair.split("/"), peers[-1], a.rounds, a.threads))
        print(
            "{pair} {peer}: time {ratio:.3f} (best {best:.3f}), memory {memory:.3f}".format(
                **rows[0]
            )
        )
        a.workload = a.workload if a.workload != ",".join(NAMES) else ""
    print(
        "workload     peer      ratio  [p10, p90]     best   ms/step  peak MB  losses"
    )
    for name in filter(None, a.workload.split(",")):
        steps = a.steps or STEPS.get(name, 1)
        got = compare(name, peers, a.rounds, steps, a.threads, a.device)
        rows += got
        for row in got:
            print(_line(row), flush=True)
    if a.json:
        Path(a.json).write_text(json.dumps({"machine": about, "rows": rows}, indent=1))
    return 0 if all(r.get("losses_agree", True) for r in rows) else 1


def _line(r):
    if "error" in r:
        return f"{r['workload']:12} {r['peer']:8} did not run: {r['error'][:80]}"
    span = f"[{r['p10']:.2f}, {r['p90']:.2f}]"
    losses = " ".join(f"{x:.5f}" for x in r["losses"])
    agree = "" if r["losses_agree"] else "  LOSSES DIFFER"
    return (
        f"{r['workload']:12} {r['peer']:8} {r['ratio']:6.3f}  {span:14} {r['best']:6.3f}"
        f" {r['median_ms']:9.2f} {r['peak_mb']:8.0f}  {losses}{agree}"
    )


if __name__ == "__main__":
    sys.exit(main())
