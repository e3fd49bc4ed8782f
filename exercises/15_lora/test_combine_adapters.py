"""Grader of combine_adapters. Bounds: sums of a few products of size one, 1e-14."""

import numpy as np
import pytest

from tinyft.grading import compare, fail, take

TOL = 1e-10


def problem(seed, ranks=(2, 2, 2), out=5, inputs=7):
    """Three adapters of different α, weights of both signs; none of size 0 or 1."""
    rng = np.random.default_rng(seed)
    alphas = rng.permutation([3.0, 5.0, 8.0]) + rng.uniform(0, 0.5, 3)
    adapters = [
        (rng.normal(size=(r, inputs)), rng.normal(size=(out, r)), alpha)
        for r, alpha in zip(ranks, alphas)
    ]
    return adapters, list(rng.permutation([0.7, -0.4, 1.6]) + rng.uniform(0, 0.1, 3))


def total(adapters, factor):
    """Σ factor(i, α, r) B A, outer product by outer product."""
    return sum(
        factor(i, alpha, len(A)) * np.outer(B[:, k], A[k])
        for i, (A, B, alpha) in enumerate(adapters)
        for k in range(len(A))
    )


def mistakes(adapters, weights):
    w, first = weights, adapters[0][2] / len(adapters[0][0])
    ranks, n = [len(A) for A, _, _ in adapters], len(adapters)
    found = {
        "the weights are left out": lambda i, a, r: a / r,
        "the scales are left out": lambda i, a, r: w[i],
        "α is not divided by r": lambda i, a, r: w[i] * a,
        "α/√r in place of α/r": lambda i, a, r: w[i] * a / r**0.5,
        "the mean in place of the sum": lambda i, a, r: w[i] * a / r / n,
        "the weights are divided by their sum": lambda i, a, r: w[i] * a / r / sum(w),
        "the weight is in both factors, so squared": lambda i, a, r: w[i] ** 2 * a / r,
        "the scale is in both factors, so squared": lambda i, a, r: w[i] * (a / r) ** 2,
        "the first adapter's scale for all": lambda i, a, r: w[i] * first,
        "the weights lose their sign": lambda i, a, r: abs(w[i]) * a / r,
    }
    if len({*ranks}) > 1:  # of equal ranks it is the mean
        found["α is divided by the sum of the ranks"] = lambda i, a, r: (
            w[i] * a / sum(ranks)
        )
    return {name: total(adapters, factor) for name, factor in found.items()}


def product(student, adapters, weights):
    A, B = take(student.combine_adapters(adapters, weights), A=(None, None), B=(None, None))
    (_, inputs), (outputs, _) = adapters[0][0].shape, adapters[0][1].shape
    if A.shape[0] == outputs and B.shape[1] == inputs:
        fail(
            "A and B are returned in the wrong order",
            f"the first has shape {A.shape}, and that is B's",
            equation="(15.12)",
        )
    A, B = take((A, B), A=(len(A), inputs), B=(outputs, len(A)))
    if min(weights) < 0 and not np.all(np.isfinite(B @ A)):
        fail(
            "the root of a negative weight is NaN",
            "w s may stand as a whole in one of the factors; half in each needs a sign",
            equation="(15.12)",
        )
    return B @ A


@pytest.mark.points(2)
def test_sum(student, seed):
    """B A is the weighted sum: three adapters of one rank."""
    adapters, weights = problem(seed)
    sum_A = sum(A for A, _, _ in adapters)
    sum_B = sum(w * a / len(A) * B for w, (A, B, a) in zip(weights, adapters))
    cross = {"the factors are added up, which gives cross terms": sum_B @ sum_A}
    compare(
        product(student, adapters, weights),
        want=total(adapters, lambda i, a, r: weights[i] * a / r),
        mistakes=mistakes(adapters, weights) | cross,
        tol=TOL,
        equation="(15.12)",
    )


def test_ranks_differ(student, seed):
    """Adapters of ranks 1, 3 and 2 give one of rank 6."""
    adapters, weights = problem(seed, (1, 3, 2))
    compare(
        product(student, adapters, weights),
        want=total(adapters, lambda i, a, r: weights[i] * a / r),
        mistakes=mistakes(adapters, weights),
        tol=TOL,
        equation="(15.12)",
    )
    A, B = student.combine_adapters(adapters, weights)
    shapes = f"A is {A.shape} and B {B.shape}, expected (6, 7) and (5, 6)"
    assert A.shape == (6, 7) and B.shape == (5, 6), shapes


def test_one_is_itself(student, seed):
    """One adapter with weight 1 is itself, its scale included; inputs are left alone."""
    adapters, _ = problem(seed)
    A, B, alpha = adapters[0][0].copy(), adapters[0][1].copy(), adapters[0][2]
    got = product(student, adapters[:1], [1.0])
    compare(
        got,
        want=total([(A, B, alpha)], lambda i, a, r: a / r),
        mistakes={
            "the scales are left out": B @ A,
            "α is not divided by r": alpha * B @ A,
            "the scale is in both factors, so squared": (alpha / len(A)) ** 2 * B @ A,
        },
        tol=TOL,
        equation="(15.12)",
    )
