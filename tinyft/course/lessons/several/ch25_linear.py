"""Chapter 25: two linear tasks with a known difference, and how much to share.

Orthogonal columns of length √n: X_tᵀX_t = n I, so each task's own fit is the truth plus
an error of variance σ²/n per entry. The fit that counts task 2 with weight a is
(1 − m) w_1 + m w_2, m = a/(1 + a), and its excess risk on task 1 is

    R(m) = σ²d/n ((1 − m)² + m²) + m² D,    D = |w_2 − w_1|², the true ones          (25.7)
    best: m = c/(2c + D), a = c/(c + D),  c = σ²d/n                                  (25.8)
"""

import numpy as np

from tinyft.transfer import pooled_risk, separate_risk


def risk(n, d, noise, D, a):
    """R of (25.7) for a weight a of the other task."""
    c, m = noise * d / n, a / (1 + a)
    return c * ((1 - m) ** 2 + m**2) + m**2 * D


def best_weight(n, d, noise, D):
    """a of (25.8), between 0 and 1."""
    c = noise * d / n
    return c / (c + D)


def simulated(n, d, noise, D, a, draws=4000, seed=0):
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


def drawn_risks(n, d, noise, D, draws=20000, seed=0):
    """(apart, pooled): mean risk of least squares on normal inputs minus the library's
    formula, in standard errors of the mean."""
    rng = np.random.default_rng(seed)
    w = rng.normal(size=(2, d))
    w[1] = w[0] + np.sqrt(D) * np.eye(d)[0]
    X = rng.normal(size=(draws, 2, n, d))
    y = np.einsum("rtnd,td->rtn", X, w) + np.sqrt(noise) * rng.normal(size=X.shape[:3])
    fits = (
        _least_squares(X[:, 0], y[:, 0]),
        _least_squares(X.reshape(draws, 2 * n, d), y.reshape(draws, 2 * n)),
    )
    wants = separate_risk(n, d, noise), pooled_risk(n, d, noise, D)
    z = []
    for fit, want in zip(fits, wants):
        risks = np.sum((fit - w[0]) ** 2, axis=1)
        z.append((risks.mean() - want) / (risks.std() / np.sqrt(draws)))
    return z


def _least_squares(X, y):
    left = np.einsum("rnd,rne->rde", X, X)
    return np.linalg.solve(left, np.einsum("rnd,rn->rd", X, y)[..., None])[..., 0]
