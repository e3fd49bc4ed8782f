"""Scores that rank source models for a target task without fine-tuning any of them.

LEEP: the source's own head names its classes z. On n target examples with labels y,
    P(y, z) = (1/n) Σ_i [y_i = y] p_iz        P(y | z) = P(y, z) / P(z)               (1)
    LEEP    = (1/n) Σ_i log Σ_z P(y_i | z) p_iz                                       (2)
p_iz is the source's probability. LEEP ≤ 0; a head that says the same of every example has
−H(Y), and the labels are the source's classes, renamed and certain, at 0.

LogME: the evidence of a linear model on the source's features F (n, D), for each class
against the rest, y in {0, 1}, at the best α and β, per example,
    log N(y; 0, F Fᵀ/α + I/β) / n     averaged over the classes                       (3)

Both look at the source as it is: how fine-tuning will change it, they do not see.
Sources: Nguyen, Hassner, Seeger, Archambeau 2020 (2); You, Liu, Wang, Long 2021 (3).
"""

import math

from tinyft import backend
from tinyft.autograd import Tensor


def leep(probabilities, targets):
    """LEEP (2), a float ≤ 0, in nats; larger is better.

    probabilities (n, Z) of the source's classes, each row with sum 1; targets (n,)
    target labels, integers ≥ 0. Raises ValueError for rows that are not probabilities
    (take the softmax of logits), for NaN, other lengths, or labels of one class.
    """
    p = _matrix("leep", "probabilities", probabilities)
    xp = backend.xp_of(p)
    if p.min() < 0 or abs(p.sum(axis=1) - 1).max() > 1e-4:
        raise ValueError(
            "leep: each row of probabilities should be >= 0 with sum 1; of logits take "
            "ops.softmax(logits) first"
        )
    onehot = _onehot("leep", p, targets)
    joint = onehot.T @ p / len(p)  # (Y, Z)
    given = joint / xp.maximum(joint.sum(axis=0), 1e-300)  # P(y | z)
    return float(xp.log((onehot * (p @ given.T)).sum(axis=1)).mean())


def logme(features, targets, steps=1000):
    """LogME (3), a float; larger is better. Compare it at one n only.

    features (n, D) of the source, targets (n,) labels, integers ≥ 0. Raises ValueError
    for NaN, other lengths, labels of one class, or features that are all zero.
    """
    F = _matrix("logme", "features", features)
    onehot = _onehot("logme", F, targets)
    if not abs(F).max():
        raise ValueError(
            "logme: the features are all zero, so no model can be fitted; take the "
            "activations before the head, of a layer that is not dead"
        )
    U, S, _ = backend.linalg_of("logme", F).svd(F, full_matrices=False)
    z2 = backend.asnumpy((U.T @ onehot) ** 2)  # (r, classes): y along each direction
    rest = backend.asnumpy((onehot**2).sum(axis=0)) - z2.sum(axis=0)
    S = backend.asnumpy(S)
    best = [
        evidence(S**2, z2[:, k], max(float(rest[k]), 0.0), F.shape, steps)
        for k in range(z2.shape[1])
    ]
    return sum(best) / len(best)


def evidence(s, z2, rest, shape, steps=1000):
    """log N(y; 0, F Fᵀ/α + I/β)/n at its largest, by MacKay's fixed point.

    s: the squared singular values of F; z2: the squares of y along its left singular
    vectors; rest: what of |y|² lies outside them.
    """
    (n, _), xp = shape, backend.xp_of(s)
    alpha = beta = 1.0
    found = -math.inf
    for _ in range(steps):
        t = alpha + beta * s
        error = rest + float((z2 * (alpha / t) ** 2).sum())  # |F m − y|²
        size = float((z2 * s * (beta / t) ** 2).sum())  # |m|²
        log_det = float(xp.log1p(beta * s / alpha).sum()) - n * math.log(beta)
        fit = n * math.log(2 * math.pi) + log_det + beta * error + alpha * size
        before, found = found, -fit / (2 * n)
        if abs(found - before) < 1e-12 * (1 + abs(found)) or not (error and size):
            break
        used = float((beta * s / t).sum())  # γ: directions that the labels decide
        alpha, beta = used / size, (n - used) / error
    return found


def _matrix(what, name, x):
    x = x.data if isinstance(x, Tensor) else x
    x = (x if backend.is_array(x) else backend.create(x)).astype(backend.float64)
    if x.ndim != 2 or not x.size:
        raise ValueError(f"{what}: {name} should be (examples, columns), got {x.shape}")
    if not abs(x).max() < math.inf:
        raise ValueError(f"{what}: {name} has an entry that is NaN or infinite")
    return x


def _onehot(what, rows, targets):
    """(n, classes that occur), 1 where an example has the class."""
    xp = backend.xp_of(rows)
    y = targets.data if isinstance(targets, Tensor) else targets
    y = xp.asarray(y)
    if y.shape != rows.shape[:1] or y.dtype.kind not in "iu":
        raise ValueError(
            f"{what}: targets should be {len(rows)} integer labels, one per row, got "
            f"{y.dtype} of shape {y.shape}"
        )
    classes = xp.unique(y)
    if len(classes) < 2:
        raise ValueError(
            f"{what}: all {len(y)} labels are class {int(y[0])}; a score that tells "
            "sources apart needs at least two classes"
        )
    return (y[:, None] == classes).astype(backend.float64)
