"""Grader of lowest_tokens. Sums of a few exponentials: 1e-14, against 1e-9."""

import math

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [(4, 12, 7, 0.35), (3, 20, 5, 0.2), (5, 9, 11, 0.5), (3, 15, 4, 0.4)]


def problem(rng, n, T, V, scale=2.0):
    """Logits, targets that are seldom the likeliest, lengths that differ."""
    lengths = np.sort(rng.integers(T // 2, T + 1, n))
    lengths[-1], lengths[0] = T, T // 2
    Z = scale * rng.normal(size=(n, T, V)) * rng.uniform(0.3, 2.0, (n, T, 1))
    return Z, rng.integers(0, V, (n, T)), rng.permutation(lengths)


def scores(Z, y):
    """(log p, z) of the targets, and what wrong moments give."""
    n, T, _ = Z.shape
    logp = Z - np.log(np.exp(Z - Z.max(-1, keepdims=True)).sum(-1, keepdims=True))
    logp = logp - Z.max(-1, keepdims=True)
    own = logp[np.arange(n)[:, None], np.arange(T), y]
    p = np.exp(logp)
    mu = np.einsum("ntv,ntv->nt", p, logp)
    var = np.einsum("ntv,ntv->nt", p, logp**2) - mu**2
    even = (own - logp.mean(-1)) / logp.std(-1)
    return own, (own - mu) / np.sqrt(var), mu, var, even


def lowest(rows, lengths, share, take=np.mean, k=None, by=None, up=False):
    """`take` of the k lowest entries of each row."""
    k = k or (lambda T: max(1, math.floor(share * T + 1e-9)))
    out = []
    for i, T in enumerate(lengths):
        row, order = rows[i, :T], (rows if by is None else by)[i, :T]
        at = np.argsort(-order if up else order)[: k(T)]
        out.append(take(row[at]))
    return np.array(out)


def shared(rows, lengths, share):
    """Mistakes that both scores can have."""
    T_max = rows.shape[1]
    return {
        "the padding counts": np.array(
            [
                np.sort(r)[: max(1, int(share * T + 1e-9))].mean()
                for r, T in zip(rows, lengths)
            ]
        ),
        "k from the longest text": lowest(
            rows, lengths, share, k=lambda T: max(1, int(share * T_max + 1e-9))
        ),
        "k is rounded up": lowest(rows, lengths, share, k=lambda T: math.ceil(share * T)),
        "the highest ones": lowest(rows, lengths, share, up=True),
        "all tokens": lowest(rows, lengths, share, k=lambda T: T),
        "the sum, divided by T": lowest(rows, lengths, share, np.sum) / lengths,
        "the sum of the k lowest": lowest(rows, lengths, share, np.sum),
        "the k-th lowest alone": lowest(rows, lengths, share, np.max),
        "the lowest one alone": lowest(rows, lengths, share, np.min),
    }


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_min_k(student, rng, draw):
    """Min-K%."""
    *sizes, share = draw
    Z, y, lengths = problem(rng, *sizes)
    own, _, _, _, _ = scores(Z, y)
    raw = np.take_along_axis(Z, y[..., None], 2)[..., 0]
    mean = lowest(own, lengths, share)
    compare(
        student.lowest_tokens(Z, y, lengths, share)[0],
        want=mean,
        mistakes=shared(own, lengths, share)
        | {
            "logits, not log-probabilities": lowest(raw, lengths, share),
            "losses: the sign is turned round": -mean,
            "the log of the mean probability": np.log(lowest(np.exp(own), lengths, share)),
            "probabilities, without the logarithm": lowest(np.exp(own), lengths, share),
            "logarithms to base 2": mean / np.log(2),
        },
        tol=TOL,
        equation="(28.6)",
    )


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_plus(student, rng, draw):
    """Min-K%++."""
    *sizes, share = draw
    Z, y, lengths = problem(rng, *sizes)
    own, z, mu, var, even = scores(Z, y)
    plus = lowest(z, lengths, share)
    compare(
        student.lowest_tokens(Z, y, lengths, share)[1],
        want=plus,
        mistakes=shared(z, lengths, share)
        | {
            "the tokens of the lowest log p, not of the lowest z": lowest(
                z, lengths, share, by=own
            ),
            "μ and σ weigh the vocabulary evenly": lowest(even, lengths, share),
            "divided by σ²": lowest((own - mu) / var, lengths, share),
            "not divided by σ": lowest(own - mu, lengths, share),
            "μ is not subtracted": lowest(own / np.sqrt(var), lengths, share),
            "σ from the second moment, not about μ": lowest(
                (own - mu) / np.sqrt(var + mu**2), lengths, share
            ),
            "μ has the wrong sign: the entropy": lowest(
                (own + mu) / np.sqrt(var), lengths, share
            ),
            "Min-K% again": lowest(own, lengths, share),
            "the sign is turned round": -plus,
        },
        tol=TOL,
        equation="(28.7)",
    )


@pytest.mark.draws((0.29, 100), (0.07, 100), (0.1, 6))
def test_how_many(student, rng, draw):
    """k at the edge: 0.29 · 100 is 28.999999999999996 in floats; at least 1."""
    share, T = draw
    Z, y = rng.normal(size=(2, T, 3)), rng.integers(0, 3, (2, T))
    lengths = np.array([T, T])
    own, z, *_ = scores(Z, y)
    less = {0.29: 28, 0.07: 7, 0.1: 2}[share]
    compare(
        student.lowest_tokens(Z, y, lengths, share),
        want=(lowest(own, lengths, share), lowest(z, lengths, share)),
        mistakes={
            "k one off": tuple(
                lowest(r, lengths, share, k=lambda T: less) for r in (own, z)
            )
        },
        tol=TOL,
        equation="(28.6)",
    )
