"""Grader of five_fishers. Squares of sums of a few numbers: 1e-15, against 1e-9."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
NAMES = ("true", "sampled", "empirical", "argmax", "batch")
SIZES = [(7, 3, 3, 3), (6, 2, 4, 4), (9, 3, 2, 2)]  # n, d, K, batch


def problem(rng, n, d, K, batch):
    """Examples whose drawn, likeliest and given classes differ somewhere."""
    X, W = rng.normal(0.5, 1, (n, d)), rng.normal(size=(K, d))
    p = soft(X, W)
    edges = np.cumsum(p, axis=1)
    c = rng.permutation(np.arange(n) % K)
    low = np.where(c > 0, edges[np.arange(n), c - 1], 0.0)
    u = low + rng.uniform(0.2, 0.8, n) * p[np.arange(n), c]
    y = (c + 1 + np.arange(n) % (K - 1)) % K  # never the drawn class
    return X, y, W, u, batch


def soft(X, W):
    E = np.exp(X @ W.T)
    return E / E.sum(axis=1, keepdims=True)


def slope(x, c, W):
    """∂ log p(c|x)/∂W by the complex step: no formula for it."""
    found = np.empty(W.shape)
    for i in np.ndindex(W.shape):
        V = W.astype(complex)
        V[i] += 1e-30j
        z = V @ x
        found[i] = (z[c] - np.log(np.exp(z).sum())).imag / 1e-30
    return found


def exact(X, W):
    """(n, K, K, d): every slope of every class."""
    return np.array([[slope(x, c, W) for c in range(len(W))] for x in X])


def quick(X, W):
    """The same by a formula, for the mistakes."""
    return (np.eye(len(W))[None] - soft(X, W)[:, None])[..., None] * X[:, None, None]


def reference(given, slopes=exact, power=2):
    """{name: array}, example by example."""
    X, y, W, u, batch = given
    p, n, every = soft(X, W), len(X), slopes(X, W)
    drawn = [int(np.flatnonzero(np.cumsum(row) > v)[0]) for row, v in zip(p, u)]
    rows = np.arange(n)
    parts = [
        np.abs(every[rows, y][i : i + batch].mean(0)) ** power
        for i in range(0, n, batch)
    ]
    return {
        "true": np.einsum("nk,nkij->ij", p, np.abs(every) ** power) / n,
        "sampled": (np.abs(every[rows, drawn]) ** power).mean(0),
        "empirical": (np.abs(every[rows, y]) ** power).mean(0),
        "argmax": (np.abs(every[rows, p.argmax(1)]) ** power).mean(0),
        "batch": np.mean(parts, 0),
    }


def mistakes(name, given):
    X, y, W, u, batch = given
    n, K = len(X), len(W)
    p, right, every = soft(X, W), reference(given, quick), quick(X, W)
    g = every[np.arange(n), y]
    found = {f"{other} where {name} was asked": right[other] for other in NAMES}
    found.pop(f"{name} where {name} was asked")
    found["a sum over the examples, not the mean"] = n * right[name]
    found["the size of the slope, not its square"] = reference(given, quick, 1)[name]
    if name == "true":
        found |= {
            "the classes count alike, without p": (every**2).sum(1).mean(0),
            "the mean over the classes, without p": (every**2).mean((0, 1)),
            "Σ p g is squared: it is always 0": 0 * W,
            "p² (1 − p)² x²: p is squared too": np.einsum(
                "nk,nkij->ij", p**2, every**2
            )
            / n,
        }
    if name == "sampled":
        found["the classes are drawn evenly, u K rounded down"] = (
            every[np.arange(n), (u * K).astype(int)] ** 2
        ).mean(0)
    if name == "batch":
        parts = [g[i : i + batch] for i in range(0, n, batch)]
        found |= {
            "one batch of all: the full gradient, squared": g.mean(0) ** 2,
            "the sum over a batch, squared": np.mean(
                [part.sum(0) ** 2 for part in parts], 0
            ),
            "a sum over the batches, not the mean": len(parts) * right["batch"],
            "the last, short batch is left out": np.mean(
                [part.mean(0) ** 2 for part in parts if len(part) == batch], 0
            ),
            "a batch counts by its size": sum(
                len(part) * part.mean(0) ** 2 for part in parts
            )
            / n,
        }
    return found


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.draws(*SIZES)
def test_each(student, rng, draw, name):
    """One of the five."""
    given = problem(rng, *draw)
    compare(
        student.five_fishers(*given)[NAMES.index(name)],
        want=reference(given)[name],
        mistakes=mistakes(name, given),
        tol=TOL,
        equation="(26.4)",
        called=f"five_fishers, {name}",
    )


@pytest.mark.draws((6, 3, 3, 2), (5, 2, 4, 5))
def test_large_logits(student, rng, draw):
    """Logits around 900: nothing overflows."""
    X, y, W, u, batch = problem(rng, *draw)
    side = np.where(np.arange(len(X)) % 2, 1.0, -1.0)[:, None]  # +900 or −900 by row
    X = np.hstack([X, side])
    far, near = (np.hstack([W, np.full((len(W), 1), c)]) for c in (900.0, 0.0))
    want = reference((X, y, near, u, batch))
    compare(
        tuple(student.five_fishers(X, y, far, u, batch)),
        want=tuple(want[name] for name in NAMES),
        mistakes={},
        tol=TOL,
        equation="(26.4)",
    )
