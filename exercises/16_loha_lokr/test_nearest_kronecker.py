"""Grader of nearest_kronecker. The reference alternates: for W2 fixed the best W1 is a
least-squares fit, and in turn; from many starts, until nothing moves (1e-9)."""

import numpy as np
import pytest

from tinyft.grading import compare, take

TOL = 1e-7  # of the alternation; a wrong answer is above 1e-2
SIZES = [  # l, m, k, n: no two sizes of a draw are equal
    (2, 3, 4, 5),
    (4, 2, 3, 6),
    (3, 5, 2, 4),
    (5, 3, 4, 2),
]


def problem(rng, l, m, k, n):
    """A Kronecker product, a second one half as large, and noise."""
    both = [np.kron(rng.normal(size=(l, m)), rng.normal(size=(k, n))) for _ in range(2)]
    first, second = (part / np.linalg.norm(part) for part in both)
    return 3 * first + 1.5 * second + 0.05 * rng.normal(size=(l * k, m * n))


def blocks_of(D, l, m):
    k, n = len(D) // l, D.shape[1] // m
    rows = [
        [D[i * k : (i + 1) * k, j * n : (j + 1) * n] for j in range(m)]
        for i in range(l)
    ]
    return np.array(rows)


def reference(D, l, m):
    """(W1 ⊗ W2, squared error), the best of eight starts."""
    grid, rng, best = blocks_of(D, l, m), np.random.default_rng(0), None
    for _ in range(8):
        W2 = rng.normal(size=grid.shape[2:])
        for _ in range(300):
            W1 = np.einsum("ijkn,kn->ij", grid, W2) / np.sum(W2**2)
            W2 = np.einsum("ijkn,ij->kn", grid, W1) / np.sum(W1**2)
        fit = np.kron(W1, W2)
        error = float(np.sum((D - fit) ** 2))
        best = (fit, error) if best is None or error < best[1] else best
    return best


def of_triple(R, l, m, k, n, which=0, power=1.0):
    U, S, Vt = np.linalg.svd(R, full_matrices=False)
    W1, W2 = U[:, which].reshape(l, m), Vt[which].reshape(k, n)
    return S[which] ** power * np.kron(W1, W2)


def wrong_products(D, l, m):
    k, n = len(D) // l, D.shape[1] // m
    R, sizes = blocks_of(D, l, m).reshape(l * m, k * n), (l, m, k, n)
    columns = blocks_of(D, l, m).swapaxes(0, 1).reshape(l * m, k * n)
    swapped = D.reshape(k, l, n, m).transpose(1, 3, 0, 2).reshape(l * m, k * n)
    grid = blocks_of(D, l, m)
    return {
        "reshape without swapping the two middle axes": of_triple(
            D.reshape(l * m, k * n), *sizes
        ),
        "the blocks are read column by column": of_triple(columns, *sizes),
        "the grid is k × n, not l × m": of_triple(swapped, *sizes),
        "σ is left out": of_triple(R, *sizes, power=0.0),
        "√σ: one of the two factors lacks it": of_triple(R, *sizes, power=0.5),
        "σ in both factors": of_triple(R, *sizes, power=2.0),
        "the second singular triple": of_triple(R, *sizes, which=1),
        "the smallest singular triple": of_triple(R, *sizes, which=-1),
        "the sign of one factor": -of_triple(R, *sizes),
        "W2 is the mean of the blocks": np.kron(
            np.ones((l, m)), grid.mean(axis=(0, 1))
        ),
        "W2 is the first block": np.kron(
            np.einsum("ijkn,kn->ij", grid, grid[0, 0]) / np.sum(grid[0, 0] ** 2),
            grid[0, 0],
        ),
    }


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_product(student, rng, draw):
    """W1 ⊗ W2, however the scale is shared."""
    D, (l, m, k, n) = problem(rng, *draw), draw
    got = student.nearest_kronecker(D, l, m)[:2]
    W1, W2 = take(got, W1=(l, m), W2=(k, n), equation="(16.9)")
    compare(
        np.kron(W1, W2),
        want=reference(D, l, m)[0],
        mistakes=wrong_products(D, l, m),
        tol=TOL,
        equation="(16.9)",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_error(student, rng, draw):
    """What is left: the squares of the other singular values."""
    D, (l, m, *_) = problem(rng, *draw), draw
    S = np.linalg.svd(blocks_of(D, l, m).reshape(l * m, -1))[1]
    compare(
        np.array(student.nearest_kronecker(D, l, m)[2]),
        want=np.array(reference(D, l, m)[1]),
        mistakes={
            "the root: ‖D − W1 ⊗ W2‖, not its square": np.sqrt(np.sum(S[1:] ** 2)),
            "σ instead of σ²": np.sum(S[1:]),
            "half of the square": np.sum(S[1:] ** 2) / 2,
            "the kept σ² instead of the rest": S[0] ** 2,
            "all σ², the kept one too": np.sum(S**2),
            "only the next singular value": S[1] ** 2,
            "the sum begins one triple too late": np.sum(S[2:] ** 2),
            "the tail of D's own singular values": np.sum(np.linalg.svd(D)[1][1:] ** 2),
            "a share of ‖D‖²": np.sum(S[1:] ** 2) / np.sum(S**2),
        },
        tol=TOL,
        equation="(16.9)",
    )


@pytest.mark.draws((2, 3, 4, 2), (3, 2, 2, 5))
def test_exact(student, rng, draw):
    """Of a Kronecker product itself nothing is left."""
    l, m, k, n = draw
    D = np.kron(rng.normal(size=(l, m)), rng.normal(size=(k, n)))
    W1, W2, error = student.nearest_kronecker(D, l, m)
    compare(
        (np.kron(W1, W2), np.array(error)),
        want=(D, np.array(0.0)),
        mistakes={"the sign of one factor": (-D, np.array(0.0))},
        tol=1e-10,
        equation="(16.9)",
    )
