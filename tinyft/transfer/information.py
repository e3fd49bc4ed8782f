"""How much a feature tells about a label: mutual information, in nats.

    I(Z;Y) = Σ_{b,c} p(b,c) ln [p(b,c) / (p(b) p(c))],   relevance s = I(Z;Y) / H(Y)   (1)

b is the bin of Z. Two errors of opposite sign: bins lose information, so with many
examples the estimate is too small; few examples make independent things look
dependent, by about

    (occupied cells − occupied bins − classes + 1) / 2n                              (2)

(Miller 1955), which is subtracted. Known exactly: Z | Y = ±1 ~ N(±μ, σ²), and
Z = W x + noise with x Gaussian. Each Z_k is looked at alone: of two features whose
product is the label, each has I = 0.
"""

import math

from tinyft import backend


def entropy(y):
    """H(Y) of labels (n,), a Python number in nats."""
    xp = backend.xp_of(y)
    p = xp.unique(y, return_counts=True)[1] / len(y)
    return float(-(p * xp.log(p)).sum())


def mutual_information(z, y, bins=8, corrected=True):
    """I(Z_k;Y), (d,), in nats: features z (n, d), labels y (n,) of any values.

    bins: of about equal count, fewer where values repeat. corrected: minus (2), which
    can leave a number slightly below 0. Raises ValueError for a constant or non-finite
    feature, bins < 2, or labels that do not fit.
    """
    xp = backend.xp_of(z)
    if z.ndim != 2 or y.shape != z.shape[:1] or bins < 2:
        raise ValueError(
            "mutual_information: features (n, d), a label for each of n, bins >= 2; "
            f"got shapes {z.shape} and {y.shape}, bins={bins}"
        )
    bad = ~xp.isfinite(z).all(axis=0)
    if bad.any():
        raise ValueError(
            f"mutual_information: feature {int(bad.argmax())} has NaN or infinity"
        )
    same = z.max(axis=0) == z.min(axis=0)
    if same.any():
        raise ValueError(
            f"mutual_information: feature {int(same.argmax())} is constant, "
            f"{float(z[0, same.argmax()]):g} in all {len(z)} examples, so it cannot be "
            "put into bins; leave it out (a constant tells nothing: I = 0)"
        )
    labels = _one_hot(xp, xp.unique(y, return_inverse=True)[1].ravel())
    each = [_plug_in(xp, _binned(xp, z[:, k], bins), labels) for k in range(z.shape[1])]
    return xp.array([i - bias if corrected else i for i, bias in each])


def relevance(z, y, bins=8):
    """s_k = I(Z_k;Y)/H(Y) of (1), (d,), cut to [0, 1]. Raises for labels of one class."""
    H = entropy(y)
    if not H:
        raise ValueError(
            "relevance: all labels are the same, so H(Y) = 0 and I/H is not defined; "
            "give examples of two classes at least"
        )
    return (mutual_information(z, y, bins) / H).clip(0, 1)


def two_class_information(mu, sd):
    """I(Z;Y) for Z | Y = ±1 ~ N(±mu, sd²) and equal priors, a Python number.

    ln 2 − E ln(1 + e^(−2a(a + t))),  a = mu/sd, t ~ N(0, 1): the trapezoid rule, which
    is exact to rounding for such an integrand.
    """
    xp, a = backend.HOST, mu / sd
    t = xp.linspace(-12, 12, 4801)
    density = xp.exp(-(t**2) / 2) / math.sqrt(2 * math.pi) * (t[1] - t[0])
    return float(math.log(2) - density @ xp.logaddexp(0, -2 * a * (a + t)))


def channel_information(W, cov, sd):
    """I(X;Z) for x ~ N(·, cov), Z | x ~ N(W x, diag sd²):  ½ ln det(I + W cov Wᵀ/sd²).

    W (d, in), cov (in, in), sd (d,) or a number; a Python number.
    """
    xp = backend.xp_of(W)
    scaled = W / (sd + xp.zeros(len(W)))[:, None]
    grown = xp.eye(len(W)) + scaled @ cov @ scaled.T
    return float(xp.linalg.slogdet(grown)[1]) / 2


def _binned(xp, z, bins):
    """The bin of each value, one-hot (n, bins): edges at the quantiles."""
    edges = xp.unique(xp.quantile(z, xp.linspace(0, 1, bins + 1)[1:-1]))
    index = xp.searchsorted(edges, z, side="right")
    if index.max() == index.min():  # more than 1 − 1/bins of the values are the least
        index = (z > z.min()).astype(index.dtype)
    return _one_hot(xp, index)


def _one_hot(xp, index):
    return (index[:, None] == xp.arange(int(index.max()) + 1)).astype(backend.float64)


def _plug_in(xp, cells, labels):
    """(1) from counts, and (2)."""
    joint = cells.T @ labels / len(labels)
    pz, py = joint.sum(axis=1), joint.sum(axis=0)
    free = pz[:, None] * py
    full = joint > 0
    ratio = xp.where(full, joint, 1.0) / xp.where(full, free, 1.0)
    occupied = int(full.sum()) - int((pz > 0).sum()) - int((py > 0).sum()) + 1
    return float((joint * xp.log(ratio)).sum()), occupied / (2 * len(labels))
