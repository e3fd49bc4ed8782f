"""Chapter 30: a ring of ranks in one process, which counts every byte that moves."""

import math

import numpy as np


def reduce_scatter(buffers):
    """After p − 1 rounds rank r holds the whole sum of chunk (r + 1) mod p.

    buffers: p arrays (N,). Returns (chunks[rank][k], bytes that each rank sent (p,)).
    """
    p = len(buffers)
    chunks = [np.array_split(buffer.copy(), p) for buffer in buffers]
    sent = np.zeros(p, dtype=int)
    for turn in range(p - 1):
        moving = [(r, (r - turn) % p) for r in range(p)]
        messages = [chunks[r][k].copy() for r, k in moving]  # all travel at once
        for (r, k), message in zip(moving, messages):
            chunks[(r + 1) % p][k] += message
            sent[r] += message.nbytes
    return chunks, sent


def all_gather(chunks):
    """Every rank gets every finished chunk, in p − 1 rounds; the same two results."""
    p = len(chunks)
    sent = np.zeros(p, dtype=int)
    for turn in range(p - 1):
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
