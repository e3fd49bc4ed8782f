"""Chapter 25: two linear tasks with a known difference, and how much to share.

Orthogonal columns of length √n: X_tᵀX_t = n I, so each task's own fit is the truth plus
an error of variance σ²/n per entry. The fit that counts task 2 with weight a is
(1 − m) w_1 + m w_2, m = a/(1 + a), and its excess risk on task 1 is

    R(m) = σ²d/n ((1 − m)² + m²) + m² D,    D = |w_2 − w_1|², the true ones          (25.7)
    best: m = c/(2c + D), a = c/(c + D),  c = σ²d/n                                  (25.8)
"""

import numpy as np


def risk(n, d, noise, D, a):
    """R of (25.7) for a weight a of the other task."""
    c, m = noise * d / n, a / (1 + a)
    return c * ((1 - m) ** 2 + m**2) + m**2 * D


def best_weight(n, d, noise, D):
    """a of (25.8), between 0 and 1."""
    c = noise * d / n
    return c / (c + D)


def simulated(n, d, noise, D, a, draws=400, seed=0):
    """The mean of |w − w_1|² over draws of both tasks' noise, fitted by least squares."""
    rng = np.random.default_rng(seed)
    X = np.sqrt(n) * np.linalg.qr(rng.normal(size=(n, d)))[0]
    truth = rng.normal(size=d)
    far = truth + np.sqrt(D / d)  # |far − truth|² = D
    y1, y2 = (
        X @ w + np.sqrt(noise) * rng.normal(size=(draws, n)) for w in (truth, far)
    )
    rows = np.vstack([X, np.sqrt(a) * X])
    goals = np.hstack([y1, np.sqrt(a) * y2]).T
    w = np.linalg.lstsq(rows, goals, rcond=None)[0]
    return float(np.mean(np.sum((w.T - truth) ** 2, axis=1)))
