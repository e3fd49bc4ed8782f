"""Chapter 30: a ring of ranks in one process, which counts every byte that moves."""

import math

import numpy as np

from tinyft.course import plot


def reduce_scatter(buffers, rounds=None):
    """After p − 1 rounds rank r holds the whole sum of chunk (r + 1) mod p.

    buffers: p arrays (N,). Returns (chunks[rank][k], bytes that each rank sent (p,)).
    rounds: stop after so many.
    """
    p = len(buffers)
    chunks = [np.array_split(buffer.copy(), p) for buffer in buffers]
    sent = np.zeros(p, dtype=int)
    for turn in range(p - 1 if rounds is None else rounds):
        moving = [(r, (r - turn) % p) for r in range(p)]
        messages = [chunks[r][k].copy() for r, k in moving]  # all travel at once
        for (r, k), message in zip(moving, messages):
            chunks[(r + 1) % p][k] += message
            sent[r] += message.nbytes
    return chunks, sent


def all_gather(chunks, rounds=None):
    """Every rank gets every finished chunk, in p − 1 rounds; the same two results."""
    p = len(chunks)
    sent = np.zeros(p, dtype=int)
    for turn in range(p - 1 if rounds is None else rounds):
        moving = [(r, (r + 1 - turn) % p) for r in range(p)]
        messages = [chunks[r][k].copy() for r, k in moving]
        for (r, k), message in zip(moving, messages):
            chunks[(r + 1) % p][k][...] = message
            sent[r] += message.nbytes
    return chunks, sent


def all_reduce(buffers):
    """(the sum as each rank holds it, bytes that each rank sent): both halves."""
    chunks, first = reduce_scatter(buffers)
    chunks, second = all_gather(chunks)
    return [np.concatenate(mine) for mine in chunks], first + second


def states(p):
    """Whose numbers each chunk is the sum of, after 0, 1, ..., 2 (p − 1) rounds.

    The code above runs on buffers of 2^r: the bits of a sum say which ranks are in it.
    Returns (bits, new: whether that has just arrived), both (rounds + 1, ranks, chunks).
    """
    buffers = [np.full(p, 2**r) for r in range(p)]
    seen = [reduce_scatter(buffers, t)[0] for t in range(p)]
    halves = [reduce_scatter(buffers)[0] for _ in range(p - 1)]
    seen += [all_gather(chunks, t + 1)[0] for t, chunks in enumerate(halves)]
    bits = np.array([[[int(k[0]) for k in mine] for mine in one] for one in seen])
    new = np.concatenate([np.zeros((1, p, p), bool), bits[1:] != bits[:-1]])
    return bits, new


def picture(p=3):
    """Draw the rounds of a ring on p ranks: what each chunk is the sum of."""
    import matplotlib.pyplot as plt

    bits, new = states(p)
    fig, axes = plt.subplots(1, len(bits), figsize=(9.2, 2.3), sharey=True)
    for turn, ax in enumerate(axes):
        full = np.bitwise_count(bits[turn]) / p
        ax.imshow(full, cmap="Blues", vmin=0, vmax=1.6)
        for r, k in np.ndindex(p, p):
            of = "+".join(str(i) for i in range(p) if bits[turn, r, k] >> i & 1)
            weight = "bold" if new[turn, r, k] else "normal"
            ax.text(k, r, of, ha="center", va="center", fontsize=9, fontweight=weight)
        ax.set(xlabel="chunk", title=f"round {turn}" if turn else "start")
        ax.set_xticks(range(p), range(p))
        ax.grid(False)
    axes[0].set_ylabel("rank")
    axes[0].set_yticks(range(p))
    text = (
        "Figure 2. Each cell: whose numbers the chunk is the sum of. Bold has just "
        "arrived from the rank above (rank 0: from the last). "
        f"Rounds 1 to {p - 1} add, the others copy."
    )
    plot.show(fig, f"{len(bits)} grids of ranks by chunks, one per round. {text}", text)


def zero_3(weights, gradients):
    """A step's traffic of ZeRO 3: (weights as each rank saw them, sums owned, bytes).

    weights (N,), of which rank r holds chunk (r + 1) mod p only; gradients: p arrays (N,).
    """
    p = len(gradients)
    shards = [np.array_split(np.zeros_like(weights), p) for _ in range(p)]
    for r, mine in enumerate(shards):
        mine[(r + 1) % p][...] = np.array_split(weights, p)[(r + 1) % p]
    forward, first = all_gather([[k.copy() for k in mine] for mine in shards])
    backward, second = all_gather(shards)  # thrown away in between, so fetched again
    chunks, third = reduce_scatter(gradients)
    seen = [np.concatenate(mine) for mine in (*forward, *backward)]
    return seen, [chunks[r][(r + 1) % p] for r in range(p)], first + second + third


def mlp(x, dy, W1, W2):
    """(relu(x W1) W2, the gradient of x for the gradient dy of that)."""
    hidden = x @ W1
    return np.maximum(hidden, 0) @ W2, ((dy @ W2.T) * (hidden > 0)) @ W1.T


def ring_seconds(p, size, latency, bandwidth):
    """(30.3) for `size` bytes on p ranks; seconds, bytes a second."""
    return 2 * (p - 1) * latency + 2 * (p - 1) / p * size / bandwidth


def tree_seconds(p, size, latency, bandwidth):
    """Up a binary tree and down again, the whole buffer each time."""
    return 2 * math.ceil(math.log2(p)) * (latency + size / bandwidth)


def crossing(p, latency, bandwidth):
    """Bytes at which ring and tree take equally long, p a power of 2."""
    rounds = math.log2(p)
    return latency * bandwidth * (p - 1 - rounds) / (rounds - (p - 1) / p)


def zero_bytes(parameters, p, stage):
    """Bytes that a rank holds: float32 weights, gradients, Adam's two moments (30.5)."""
    weights, gradients, moments = (
        size / (p if stage >= first else 1) for size, first in ((4, 3), (4, 2), (8, 1))
    )
    return parameters * (weights + gradients + moments)
