"""Grader of kronecker_gradients. Bounds: sums of a hundred products of size one, 1e-13.

The reference takes the loss Σ G ∘ W' with np.kron and complex steps, entry by entry.
"""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-10
SIZES = [  # l, m, k, n: no two sizes of a draw are equal
    (2, 3, 4, 5),
    (4, 2, 3, 6),
    (1, 3, 5, 2),
    (5, 4, 2, 1),
]


def problem(rng, l, m, k, n):
    W1, W2 = rng.normal(size=(l, m)) + 0.5, rng.normal(size=(k, n)) - 0.5
    return rng.normal(size=(l * k, m * n)), W1, W2, float(rng.uniform(1.4, 2.6))


def slope(f, at, h=1e-30):
    """∂f/∂at by Im f(at + ih e)/h for every entry e."""
    found = np.empty(at.shape)
    for i in np.ndindex(at.shape):
        moved = at.astype(complex)
        moved[i] += 1j * h
        found[i] = f(moved).imag / h
    return found


def reference(G, W1, W2, s):
    g1 = slope(lambda a: np.sum(G * s * np.kron(a, W2)), W1)
    return g1, slope(lambda b: np.sum(G * s * np.kron(W1, b)), W2)


def mistakes(G, W1, W2, s):
    (l, m), (k, n) = W1.shape, W2.shape
    g1, g2 = reference(G, W1, W2, s)
    swapped = G.reshape(k, l, n, m).transpose(1, 3, 0, 2)
    rows = G.reshape(l, m, k, n)
    other = reference(np.abs(G), W1, W2, s)
    return {
        "s is left out": (g1 / s, g2 / s),
        "s is left out of g1": (g1 / s, g2),
        "s is left out of g2": (g1, g2 / s),
        "divided by s": (g1 / s**2, g2 / s**2),
        "s is squared": (g1 * s, g2 * s),
        "the sign of the gradients": (-g1, -g2),
        "the blocks of W2 ⊗ W1, not of W1 ⊗ W2": (
            s * np.einsum("ijkn,kn->ij", swapped, W2),
            s * np.einsum("ijkn,ij->kn", swapped, W1),
        ),
        "reshape without swapping the two middle axes": (
            s * np.einsum("ijkn,kn->ij", rows, W2),
            s * np.einsum("ijkn,ij->kn", rows, W1),
        ),
        "mean over the entries of a block instead of their sum": (g1 / (k * n), g2),
        "mean over the blocks instead of their sum": (g1, g2 / (l * m)),
        "g1 is the plain sum of each block": (
            s * G.reshape(l, k, m, n).sum((1, 3)),
            g2,
        ),
        "g2 is the plain sum of the blocks": (
            g1,
            s * G.reshape(l, k, m, n).sum((0, 2)),
        ),
        "absolute values": other,
        "g1 and g2 are returned in the wrong order": (g2, g1),
    }


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_gradients(student, rng, draw):
    """Both gradients, of W1 that is not square."""
    given = problem(rng, *draw)
    want = reference(*given)
    known = {
        name: got
        for name, got in mistakes(*given).items()
        if not all(
            a.shape == b.shape and np.allclose(a, b, 1e-6) for a, b in zip(got, want)
        )
    }
    compare(
        student.kronecker_gradients(*given),
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(16.6)",
    )
