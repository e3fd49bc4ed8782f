"""Targets of cross-entropy as coefficients t_ic (formulas in cross_entropy.py).

Both classes give `total` (T_i = sum_c t_ic), `chosen` (sum_c t_ic z_ic) and `subtract`
(G -= t) for a block of rows; the reduction to a mean is already in t.
"""

from tinyft import backend
from tinyft.ops.neural.reduction import all_host

NO_MEAN = 'their mean is 0/0; skip this batch, or use reduction="sum"'


class HardTargets:
    """t of class indices: (1 - e) w_y at y, and e w_c / C everywhere."""

    def __init__(self, X, target, weight, ignore_index, smoothing, mean):
        xp, (N, C) = backend.xp_of(X), X.shape
        self.y, self.keep = checked(target.reshape(-1), C, ignore_index, mean)
        self.weight, self.even = weight, None
        w = xp.ones(N, X.dtype) if weight is None else weight[self.y].astype(X.dtype)
        if self.keep is not None:
            w *= self.keep
        factor = 1.0
        if mean:
            factor = 1 / (N if self.keep is None and weight is None else w.sum())
        w *= (1 - smoothing) * factor
        self.a = self.total = w
        if smoothing:
            self.even = xp.full((N, 1), smoothing / C, X.dtype) * factor
            if self.keep is not None:
                self.even *= self.keep[:, None]
            of_all = C if weight is None else weight.sum()
            self.total = self.a + self.even[:, 0] * of_all

    def chosen(self, z, rows):
        """sum_c t_ic z_ic for these rows (0 for a row that does not count)."""
        xp = backend.xp_of(z)
        self.at = xp.arange(len(z)), self.y[rows]
        found = z[self.at]
        if self.keep is not None:  # also where the logit of class 0 is -inf
            found = xp.where(self.keep[rows], found, 0)
        if self.even is None:
            return self.a[rows] * found
        spread = z.sum(axis=1) if self.weight is None else z @ self.weight
        return self.a[rows] * found + self.even[rows, 0] * spread

    def subtract(self, G, rows):
        """G -= t, for the rows of the last `chosen`."""
        G[self.at] -= self.a[rows]
        if self.even is not None:
            even = self.even[rows]
            G -= even if self.weight is None else even * self.weight


class SoftTargets:
    """t of class probabilities: w ((1 - e) q + e / C)."""

    def __init__(self, X, target, weight, ignore_index, smoothing, mean):
        if mean and not len(X):
            raise ValueError(f"cross_entropy: the batch has no targets: {NO_MEAN}")
        t = classes_last(target).astype(X.dtype, copy=False)
        if smoothing:
            t = t * (1 - smoothing) + smoothing / X.shape[1]
        if weight is not None:
            t = t * weight
        self.t = t * (1 / len(X)) if mean else t
        self.total = self.t.sum(axis=1)

    def chosen(self, z, rows):
        return backend.xp_of(z).einsum("ic,ic->i", z, self.t[rows])

    def subtract(self, G, rows):
        G -= self.t[rows]


def checked(y, C, ignore_index, mean):
    """(indices that are safe to gather, which rows count or None for all).

    Values are looked at on the host only: on a device that would wait for it.
    """
    if all_host(y) and y.size and y.min() >= 0 and y.max() < C:
        if not 0 <= ignore_index < C:
            return y, None
    keep = y != ignore_index
    if all_host(y):
        wrong = keep & ((y < 0) | (y >= C))
        if wrong.any():
            raise IndexError(
                f"cross_entropy: target {int(y[wrong.argmax()])} at row "
                f"{int(wrong.argmax())} is not a class; the logits have {C} classes, so "
                f"targets are 0..{C - 1} (or ignore_index={ignore_index})"
            )
        if mean and not y.size:
            raise ValueError(f"cross_entropy: the batch has no targets: {NO_MEAN}")
        if mean and not keep.any():
            raise ValueError(
                f"cross_entropy: all {y.size} targets equal ignore_index="
                f"{ignore_index}: {NO_MEAN}"
            )
    return backend.xp_of(y).where(keep, y, 0), keep


def classes_last(x):
    """(C), (N, C) or (N, C, d1, ...) as a matrix with a row for each target."""
    if x.ndim < 3:
        return x.reshape(-1, x.shape[-1])
    return x.transpose(0, *range(2, x.ndim), 1).reshape(-1, x.shape[1])
