"""Grader of missing_frequencies: dense matrices and cosines, no Fourier transform.
Bounds: sums of a few hundred products err by about 1e-14."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [(11, 10, 3), (7, 9, 5), (13, 12, 1), (6, 7, 3)]  # n, N, taps


def problem(rng, n, N, taps):
    X, y = rng.normal(size=(n, N)), rng.normal(size=n) + 1.0
    return X, y, rng.normal(size=taps), rng.normal(size=N)


def matrix(kernel, N, turn=1, centre=None):
    h = len(kernel) // 2 if centre is None else centre
    K = np.zeros((N, N))
    for i in range(N):
        for j, k in enumerate(kernel):
            K[i, (i + turn * (j - h)) % N] += k
    return K


def split(rho, twice=2.0, ends=1.0, size=None):
    """|rho|² by frequency, through projections on cosines and sines."""
    N = len(rho)
    t, energy = np.arange(N), []
    for j in range(N // 2 + 1):
        c, s = (f(2 * np.pi * j / N * t) @ rho for f in (np.cos, np.sin))
        alone = j == 0 or 2 * j == N
        energy.append((ends if alone else twice) * (c * c + s * s) / (size or N))
    return np.array(energy)


def mistakes(X, y, kernel, readout):
    n, N = X.shape
    K = matrix(kernel, N)
    E = y - X @ K.T @ readout
    rho = E @ X / n
    other = y - X @ matrix(kernel, N, -1).T @ readout
    shifted = y - X @ matrix(kernel, N, centre=0).T @ readout
    even = split(rho)
    even[-1] *= 0.5 if N % 2 else 2.0

    def both(rho, **how):
        return rho, split(rho, **how)

    return {
        "f(x) was not subtracted": both(y @ X / n),
        "f − y instead of y − f": both(-rho),
        "not divided by n": both(n * rho),
        "the filter is not applied": both((y - X @ readout) @ X / n),
        "the filter runs backwards: x_{i−l}": both(other @ X / n),
        "kernel[0] was taken for k_0": both(shifted @ X / n),
        "correlated with k∗x, not with x": both(E @ (X @ K.T) / n),
        "divided by N, not by n": both(E @ X / N),
        "the bins stand for −ω too: counted once": (rho, split(rho, twice=1.0)),
        "every bin is doubled": (rho, split(rho, ends=2.0)),
        "Nyquist's bin exists for even N only": (rho, even),
        "not divided by N": (rho, split(rho, size=1)),
        "divided by N²": (rho, split(rho, size=N * N)),
        "amplitudes, not squares": (rho, np.sqrt(split(rho))),
        "shares of the energy": (rho, split(rho) / np.sum(rho**2)),
        "energy and rho are returned in the wrong order": (split(rho), rho),
    }


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_examples(student, rng, draw):
    """rho and its energy for random examples, N even and odd."""
    given = X, y, kernel, readout = problem(rng, *draw)
    rho = (y - X @ matrix(kernel, X.shape[1]).T @ readout) @ X / len(X)
    want = rho, split(rho)
    compare(
        student.missing_frequencies(*given),
        want=want,
        mistakes=mistakes(*given),
        tol=TOL,
        equation="(7.5)",
    )


@pytest.mark.draws((16, 12, 3), (20, 9, 3))
def test_white_inputs(student, rng, draw):
    """With XᵀX/n = 1 and y = Xβ*, rho is β* − β: the missing part, exactly."""
    n, N, taps = draw
    X = np.sqrt(n) * np.linalg.qr(rng.normal(size=(n, N)))[0]
    kernel, readout, target = (rng.normal(size=k) for k in (taps, N, N))
    missing = target - matrix(kernel, N).T @ readout
    given = X, X @ target, kernel, readout
    want = missing, split(missing)
    compare(
        student.missing_frequencies(*given),
        want=want,
        mistakes=mistakes(*given),
        tol=TOL,
        equation="(7.5)",
    )
