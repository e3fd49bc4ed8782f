"""Grader of step_work. The reference multiplies matrices of these shapes and counts."""

import itertools

import pytest

from tinyft.grading import compare, take

TOL = 1e-6
SIZES = [([3, 5], 2), ([4, 7, 6], 3), ([9, 5, 8, 3], 2), ([6, 6, 6, 6, 6], 1)]


class Shape(tuple):
    """A matrix of which only the shape is known; every product is counted."""

    count = 0

    def __matmul__(self, other):
        assert self[1] == other[0]
        Shape.count += self[0] * self[1] * other[1]
        return Shape((self[0], other[1]))

    T = property(lambda self: Shape(self[::-1]))


def counted(sizes, r=None):
    """The products of a step, one after the other; r None: full."""
    Shape.count, xs = 0, [Shape((1, sizes[0]))]
    W = [Shape((b, a)) for a, b in itertools.pairwise(sizes)]
    A = [Shape((r or 0, a)) for a in sizes[:-1]]
    B = [Shape((b, r or 0)) for b in sizes[1:]]
    for w, a, b in zip(W, A, B):
        x = xs[-1]
        if r is not None:
            (x @ a.T) @ b.T
        xs.append(x @ w.T)
    for i in reversed(range(len(W))):
        gy, x = Shape((1, sizes[i + 1])), xs[i]
        low = Shape((1, r or 0))
        if r is None:
            gy.T @ x
        else:
            gy.T @ low  # of B
            back = gy @ B[i]
            back.T @ x  # of A
        if i:
            gy @ W[i]
            if r is not None:
                back @ A[i]
    return Shape.count


def sums(sizes, r):
    """N, the first layer's weights, P, and r·in of the first, r·out of all."""
    pairs = list(itertools.pairwise(sizes))
    N, first = sum(a * b for a, b in pairs), sizes[0] * sizes[1]
    return N, first, sum(r * (a + b) for a, b in pairs), r * sizes[0]


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_full(student, rng, draw):
    """Full fine-tuning: three products per weight, two in the first layer."""
    sizes, r = draw
    N, first, *_ = sums(sizes, r)
    want = counted(sizes)
    got = take(student.step_work(sizes, r), full=(), lora=())[0]
    known = {
        "the first layer's input gets a gradient too": 3 * N,
        "the forward pass alone": N,
        "the gradient of the weights is left out": 2 * N - first,
        "the gradient of the inputs is left out": 2 * N,
        "two FLOPs per multiplication": 2 * want,
        "the last layer is left out": want - 3 * sizes[-2] * sizes[-1],
    }
    compare(got, want=want, mistakes=known, tol=TOL, equation="(5.13)")


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_lora(student, rng, draw):
    """LoRA on every layer."""
    sizes, r = draw
    N, first, P, rin = sums(sizes, r)
    want = counted(sizes, r)
    got = take(student.step_work(sizes, r), full=(), lora=())[1]
    known = {
        "the gradient of W is computed too": want + N,
        "back through W is left out": want - (N - first),
        "the factors are left out": 2 * N - first,
        "the factors' forward is left out": want - P,
        "the gradients of A and B are left out": want - P,
        "back through B and A is left out": want - P + rin,
        "back through B is left out in the first layer": want - r * sizes[1],
        "the first layer's input gets a gradient too": want + first + rin,
        "the first layer goes on through A": want + rin,
        "B A is multiplied out first": want + r * N,
        "two FLOPs per multiplication": 2 * want,
    }
    compare(got, want=want, mistakes=known, tol=TOL, equation="(5.13)")


@pytest.mark.draws([64, 64, 64, 64], [48, 96, 32], [5, 3, 4], [2, 2], [40, 30])
def test_rank(student, rng, draw):
    """The largest rank that is cheaper."""
    sizes = list(draw)
    full = counted(sizes)
    ranks = [r for r in range(1, 200) if counted(sizes, r) < full]
    want = max(ranks, default=0)
    equal = max((r for r in range(1, 200) if counted(sizes, r) <= full), default=0)
    N, _first, P, _ = sums(sizes, 1)
    fewer = max((r for r in range(1, 200) if r * P < N), default=0)
    known = {
        "the first rank that is dearer": want + 1,
        "an equal count is not cheaper": equal,
        "the rank with fewer parameters, not with less work": fewer,
        "six products per parameter in every layer: N/(6P)": N // (6 * P),
        "always 0: no rank is cheaper": 0,
    }
    compare(
        student.largest_cheaper_rank(sizes),
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(5.13)",
    )
