"""Calibration on held-out labels: what a classifier's logits must be before they are used
as probabilities.

    temperature scaling    p = softmax(z / T)
    bias-corrected (BCTS)  p = softmax(z / T + b)        one number per class more

Both minimise the mean cross-entropy, which is convex in (1/T, b), by Newton's method. A
temperature scales all classes alike, so it cannot repair a class that is predicted too
often; at BCTS's optimum every class is predicted as often as it occurs, Σ_i p_ik = n_k.
Sources: Guo, Pleiss, Sun, Weinberger 2017; Alexandari, Kundaje, Shrikumar 2020.
"""

from dataclasses import dataclass
from typing import Any

from tinyft import backend
from tinyft.evaluation.given import class_labels, table_of


@dataclass(frozen=True)
class Calibration:
    """temperature T, a float > 0, and bias b (K,) with mean 0; call it on logits."""

    temperature: float
    bias: Any

    def __call__(self, logits):
        """Calibrated logits z/T + b, (n, K) float64; their softmax is the probability."""
        return table_of("Calibration", "logits", logits) / self.temperature + self.bias


def bcts(logits, labels, bias=True, steps=100):
    """The Calibration of least cross-entropy on held-out examples.

    logits (n, K), labels (n,) integers 0..K-1, on which nothing was trained. bias=False:
    temperature scaling, b = 0. Raises ValueError for NaN, other shapes, a class without
    an example, labels that the logits separate (the best T is 0), and logits that point
    away from the labels (the best 1/T is not positive).
    """
    z = table_of("bcts", "logits", logits)
    onehot = class_labels("bcts", labels, z, every=bias)
    if not abs(z - z.mean(axis=1, keepdims=True)).max() > 0:
        raise ValueError(
            "bcts: every row of logits is constant: it says nothing of a class"
        )
    xp, (_, K) = backend.xp_of(z), z.shape
    theta = xp.concatenate([xp.ones(1), xp.zeros(K)])
    for _ in range(steps):
        slope, curvature = _derivatives(theta, z, onehot, bias)
        step = backend.linalg_of("bcts", z).solve(curvature, slope)
        theta = _descended(theta, step, float(slope @ step), z, onehot)
        if _loss(theta, z, onehot) < 1e-7:
            break
        if float(abs(step).max()) < 1e-9:
            return _checked(theta)
    raise ValueError(
        "bcts: no finite temperature is best, the logits separate these labels without "
        "an error; calibrate on more held-out examples, that were not trained on"
    )


def _loss(theta, z, onehot):
    u = theta[0] * z + theta[1:]
    u = u - u.max(axis=1, keepdims=True)
    xp = backend.xp_of(z)
    return float((xp.log(xp.exp(u).sum(axis=1)) - (onehot * u).sum(axis=1)).mean())


def _derivatives(theta, z, onehot, bias):
    """Slope (1 + K,) and curvature of the loss in (1/T, b); b keeps its mean."""
    xp, (n, K) = backend.xp_of(z), z.shape
    u = theta[0] * z + theta[1:]
    p = xp.exp(u - u.max(axis=1, keepdims=True))
    p = p / p.sum(axis=1, keepdims=True)
    about = z - (p * z).sum(axis=1, keepdims=True)  # z minus its mean under p
    slope = xp.concatenate(
        [((p - onehot) * z).sum(axis=1).mean()[None], (p - onehot).mean(axis=0)]
    )
    H = xp.zeros((1 + K, 1 + K))
    H[0, 0] = (p * about**2).sum(axis=1).mean() + 1e-12
    H[0, 1:] = H[1:, 0] = (p * about).mean(axis=0)
    H[1:, 1:] = xp.diag(p.mean(axis=0)) - p.T @ p / n + 1 / K  # a constant in b is free
    if not bias:
        slope[1:], H[0, 1:], H[1:, 0] = 0.0, 0.0, 0.0
    return slope, H


def _descended(theta, step, gain, z, onehot):
    """theta a Newton step on, halved until the loss falls by a share of `gain`."""
    before, rate = _loss(theta, z, onehot), 1.0
    while rate > 1e-8:
        after = _loss(theta - rate * step, z, onehot)
        if after <= before - 1e-4 * rate * gain:
            return theta - rate * step
        rate /= 2
    return theta - rate * step


def _checked(theta):
    inverse, bias = float(theta[0]), theta[1:]
    if inverse <= 1e-6:
        raise ValueError(
            f"bcts: the best 1/T is {inverse:.2g}, so these logits do not point to their "
            "labels; are the columns in the order of the classes?"
        )
    return Calibration(1 / inverse, bias - bias.mean())
