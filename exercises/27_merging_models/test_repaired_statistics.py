"""Grader of repaired_statistics: the network is run again. Bounds: rounding, 1e-13."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [(2, 5, 4, 3, 12), (3, 3, 6, 4, 9), (4, 4, 3, 2, 15), (2, 2, 5, 5, 8)]


def problem(rng, K, d, m, c, n):
    shares, x = rng.uniform(0.5, 2, K), rng.normal(1, 2, size=(n, d))
    W1, W2 = rng.normal(size=(K, m, d)), rng.normal(size=(K, c, m))
    return W1, W2, shares / shares.sum(), x, rng.uniform(0.05, 0.3)


def forward(W1, W2, x, eps, first=None, ddof=1):
    """(mean1, var1, mean2, var2) of one network; `first` replaces layer 1's statistics."""
    h = x @ W1.T
    mean, var = (h.mean(0), h.var(0, ddof=1)) if first is None else first
    z = np.maximum((h - mean) / np.sqrt(var + eps), 0) @ W2.T
    return h.mean(0), h.var(0, ddof=ddof), z.mean(0), z.var(0, ddof=ddof)


def mean_of(shares, parts):
    return tuple(sum(w * p for w, p in zip(shares, column)) for column in zip(*parts))


def mistakes(W1, W2, shares, x, eps):
    K, n = len(W1), len(x)
    one, two = (np.tensordot(shares, W, 1) for W in (W1, W2))
    right = forward(one, two, x, eps)
    own = [forward(a, b, x, eps) for a, b in zip(W1, W2)]
    averaged = mean_of(shares, own)
    stale = forward(one, two, x, eps, first=averaged[:2])
    biased = h_stats(one, x, ddof=0)
    flat = np.full(K, 1 / K)
    plain = forward(*(np.tensordot(flat, W, 1) for W in (W1, W2)), x, eps)
    h = x @ one.T
    a = (h - right[0]) / np.sqrt(right[1] + eps)
    outside = np.maximum((h - right[0]) / (np.sqrt(right[1]) + eps), 0) @ two.T
    acts = [
        np.maximum(x @ W.T - s[0], 0) / np.sqrt(s[1] + eps) for W, s in zip(W1, own)
    ]
    mixed = sum(w * act for w, act in zip(shares, acts)) @ two.T
    m1, v1, m2, v2 = averaged
    r1, _, r2, _ = mean_of(shares, [(s[1] ** 0.5, 0, s[3] ** 0.5, 0) for s in own])
    s1, s2 = mean_of(shares, [(s[0] ** 2, s[2] ** 2) for s in own])
    return {
        "the statistics are averaged, as the soup does": averaged,
        "standard deviations are averaged": (m1, r1**2, m2, r2**2),
        "the variance of the mixture of networks": (
            *(m1, v1 + s1 - m1**2),
            *(m2, v2 + s2 - m2**2),
        ),
        "layer 2 is measured behind layer 1's averaged statistics": (
            *right[:2],
            *stale[2:],
        ),
        "only layer 1 is repaired": (*right[:2], *averaged[2:]),
        "only layer 2 is repaired": (*averaged[:2], *stale[2:]),
        "the statistics of the first network": own[0],
        "the statistics of the last network": own[-1],
        "the shares are ignored: an even average": plain,
        "the biased variance is stored, in both layers": (
            right[0], biased[1], *forward(one, two, x, eps, first=biased, ddof=0)[2:],
        ),
        "layer 1 normalises with the biased variance": (
            *right[:2], *forward(one, two, x, eps, first=biased)[2:],
        ),
        "the biased variance in layer 2": (*right[:3], right[3] * (n - 1) / n),
        "the ReLU is left out": (*right[:2], *h_stats(two, a)),
        "no normalisation before layer 2": (*right[:2], *h_stats(two, np.maximum(h, 0))),
        "the mean is not subtracted in layer 1": (
            *right[:2], *h_stats(two, np.maximum(h / np.sqrt(right[1] + eps), 0)),
        ),
        "ε stands outside the root": (*right[:2], *of_columns(outside)),
        "ε is left out": (*right[:2], *forward(one, two, x, 0.0)[2:]),
        "activations are averaged, not weights": (*right[:2], *of_columns(mixed)),
        "standard deviations are returned": rooted(right),
        "the layers are returned in the wrong order": (*right[2:], *right[:2]),
    }


def h_stats(W, x, ddof=1):
    return of_columns(x @ W.T, ddof)


def of_columns(z, ddof=1):
    return z.mean(0), z.var(0, ddof=ddof)


def rooted(found):
    return found[0], np.sqrt(found[1]), found[2], np.sqrt(found[3])


@pytest.mark.points(4)
@pytest.mark.draws(*SIZES)
def test_averaged_network(student, rng, draw):
    """Statistics of both layers of the averaged network."""
    given = problem(rng, *draw)
    one, two = (np.tensordot(given[2], W, 1) for W in given[:2])
    compare(
        student.repaired_statistics(*given),
        want=forward(one, two, *given[3:]),
        mistakes=mistakes(*given),
        tol=TOL,
        equation="section 5",
    )


@pytest.mark.draws(*SIZES[:3])
def test_equal_networks(student, rng, draw):
    """The average of equal networks is that network, with its own statistics."""
    W1, W2, shares, x, eps = problem(rng, *draw)
    W1[1:], W2[1:] = W1[0], W2[0]
    want = forward(W1[0], W2[0], x, eps)
    compare(
        student.repaired_statistics(W1, W2, shares, x, eps),
        want=want,
        mistakes={"standard deviations are returned": rooted(want)},
        tol=TOL,
        equation="section 5",
    )
