"""Grader of combine_adapters. Bounds: sums of a few products of size one, 1e-14."""

import numpy as np
import pytest

from tinyft.grading import compare, fail, take

TOL = 1e-10
EQUATION = "(15.12)"
RANKS = [  # ranks, out, in: no two sizes of a draw are equal
    ((1, 3, 2), 5, 7),
    ((4, 2), 6, 9),
    ((2, 6, 1, 3), 8, 4),
]
EQUAL = [((2, 2, 2), 5, 7), ((4, 4), 6, 3), ((1, 1, 1), 4, 8)]


def problem(rng, ranks, out, inputs, signs=(1.0, -1.0)):
    """Adapters of different α, weights of both signs; none of size 0 or 1."""
    n = len(ranks)
    alphas = 3.0 + 2.3 * rng.permutation(n) + rng.uniform(0, 0.5, n)
    adapters = [
        (rng.normal(size=(r, inputs)), rng.normal(size=(out, r)), alpha)
        for r, alpha in zip(ranks, alphas)
    ]
    sizes = rng.permutation(0.4 + 0.7 * np.arange(n)) + rng.uniform(0, 0.1, n)
    return adapters, [float(w) for w in sizes * np.resize(signs, n)]


def total(adapters, factor):
    """Σ factor(i, α, r) B A, outer product by outer product."""
    return sum(
        factor(i, alpha, len(A)) * np.outer(B[:, k], A[k])
        for i, (A, B, alpha) in enumerate(adapters)
        for k in range(len(A))
    )


def right(adapters, weights):
    return total(adapters, lambda i, a, r: weights[i] * a / r)


def mistakes(adapters, weights):
    w, n = weights, len(adapters)
    ranks, (_, _, alpha) = [len(A) for A, _, _ in adapters], adapters[0]
    found = {
        "the weights are left out": lambda i, a, r: a / r,
        "the scales are left out": lambda i, a, r: w[i],
        "α is not divided by r": lambda i, a, r: w[i] * a,
        "α/√r instead of α/r": lambda i, a, r: w[i] * a / r**0.5,
        "α // r: the scale is cut down to a whole number": lambda i, a, r: (
            w[i] * (a // r)
        ),
        "the mean instead of the sum": lambda i, a, r: w[i] * a / r / n,
        "the weights are divided by their sum": lambda i, a, r: w[i] * a / r / sum(w),
        "the weight is in both factors, so squared": lambda i, a, r: w[i] ** 2 * a / r,
        "the scale is in both factors, so squared": lambda i, a, r: w[i] * (a / r) ** 2,
        "weight and scale are in both factors, so squared": lambda i, a, r: (
            (w[i] * a / r) ** 2
        ),
        "the first adapter's scale for all": lambda i, a, r: w[i] * alpha / ranks[0],
        "the first adapter's α for all": lambda i, a, r: w[i] * alpha / r,
        "the first adapter's rank for all": lambda i, a, r: w[i] * a / ranks[0],
        "α is divided by the sum of the ranks": lambda i, a, r: w[i] * a / sum(ranks),
        "the weights lose their sign": lambda i, a, r: abs(w[i]) * a / r,
        "only the last adapter is left": lambda i, a, r: (i == n - 1) * w[i] * a / r,
    }
    return {name: total(adapters, factor) for name, factor in found.items()}


def summed(adapters, weights):
    """Factors added up instead of stacked: of equal ranks only."""
    scales = [w * a / len(A) for w, (A, _, a) in zip(weights, adapters)]
    sum_A = sum(A for A, _, _ in adapters)
    sum_B = sum(s * B for s, (_, B, _) in zip(scales, adapters))
    known = {"the factors are added up, which gives cross terms": sum_B @ sum_A}
    if min(scales) > 0:
        root_A = sum(s**0.5 * A for s, (A, _, _) in zip(scales, adapters))
        root_B = sum(s**0.5 * B for s, (_, B, _) in zip(scales, adapters))
        known[
            "the factors are added up with √(w s), which gives cross terms (15.13)"
        ] = root_B @ root_A
    return known


def product(student, adapters, weights, rank=None):
    A, B = take(
        student.combine_adapters(adapters, weights), A=(None, None), B=(None, None)
    )
    (_, inputs), (outputs, _) = adapters[0][0].shape, adapters[0][1].shape
    if A.shape[0] == outputs and B.shape[1] == inputs:
        fail(
            "A and B are returned in the wrong order",
            f"the first has shape {A.shape}, which is what B should have",
            equation=EQUATION,
        )
    A, B = take((A, B), A=(rank, inputs), B=(outputs, len(A)))
    if min(weights) < 0 and not np.all(np.isfinite(B @ A)):
        fail(
            "the root of a negative weight is NaN",
            "put w s as a whole into one of the factors; half in each needs a sign",
            equation=EQUATION,
        )
    return B @ A


@pytest.mark.points(2)
@pytest.mark.draws(*RANKS)
def test_ranks_differ(student, rng, draw):
    """Adapters of ranks 1, 3 and 2 give one of rank 6, and so on."""
    adapters, weights = problem(rng, *draw)
    want = right(adapters, weights)
    compare(
        product(student, adapters, weights, sum(draw[0])),
        want=want,
        mistakes=mistakes(adapters, weights),
        tol=TOL,
        equation=EQUATION,
    )


@pytest.mark.draws(*EQUAL)
def test_equal_ranks(student, rng, draw):
    """Several adapters of one rank: their factors could be added up, but must not be."""
    adapters, weights = problem(rng, *draw)
    want = right(adapters, weights)
    known = mistakes(adapters, weights) | summed(adapters, weights)
    compare(
        product(student, adapters, weights),
        want=want,
        mistakes=known,
        tol=TOL,
        equation=EQUATION,
    )


@pytest.mark.draws(((3, 3), 5, 4), ((2, 2, 2), 3, 6))
def test_positive_weights(student, rng, draw):
    """Weights that are all positive, ranks that are all equal."""
    adapters, weights = problem(rng, *draw, signs=(1.0,))
    want = right(adapters, weights)
    known = mistakes(adapters, weights) | summed(adapters, weights)
    compare(
        product(student, adapters, weights),
        want=want,
        mistakes=known,
        tol=TOL,
        equation=EQUATION,
    )


@pytest.mark.draws(((3,), 4, 6), ((1,), 5, 2))
def test_one_is_itself(student, rng, draw):
    """One adapter with weight 1 is itself, its scale included."""
    adapters, _ = problem(rng, *draw)
    ((A, B, alpha),) = adapters
    want = right(adapters, [1.0])
    known = {
        "the scales are left out": B @ A,
        "α is not divided by r": alpha * B @ A,
        "the scale is in both factors, so squared": (alpha / len(A)) ** 2 * B @ A,
        "weight and scale are in both factors, so squared": (alpha / len(A)) ** 2
        * B
        @ A,
    }
    compare(
        product(student, adapters, [1.0]),
        want=want,
        mistakes=known,
        tol=TOL,
        equation=EQUATION,
    )
