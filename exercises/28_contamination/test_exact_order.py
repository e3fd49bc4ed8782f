"""Grader of exact_order. Counts of at most some thousand files: exact, against 1e-9."""

import itertools

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [(2, 6, False), (3, 5, True), (4, 4, True), (5, 3, False), (7, 2, True)]


def problem(rng, S, J, ties):
    """Log-likelihoods of J orders of S shards; with ties small integers."""
    table = rng.integers(0, 3, (S, J)) + 0.0 if ties else 3 * rng.normal(size=(S, J))
    table[:, 0] += 0.0 if ties else 1.0  # the file is often among the likelier ones
    return table - 40.0


def sums(table):
    return np.array([sum(one) for one in itertools.product(*table.tolist())])


def chance(own, every, strict=False):
    at_least = every > own + 1e-9 if strict else every >= own - 1e-9
    return at_least.mean()


def size_of(every, alpha, p):
    return np.mean([p(own, every) <= alpha + 1e-9 for own in every])


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_p(student, rng, draw):
    """The exact p-value."""
    table = problem(rng, *draw)
    every, own = sums(table), table[:, 0].sum()
    n, per = len(every), [chance(row[0], row) for row in table]
    p = chance(own, every)
    compare(
        student.exact_order(table, 0.1)[0],
        want=p,
        mistakes={
            "only what is larger counts: a tie is passed over": chance(own, every, True),
            "+ 1 as for drawn orders": (1 + p * n) / (1 + n),
            "+ 1, and the file is left out": p * n / (n + 1),
            "the file is not one of them": (p * n - 1) / (n - 1),
            "the lower tail": np.mean(every <= own + 1e-9),
            "two-sided": min(1.0, 2 * min(p, np.mean(every <= own + 1e-9))),
            "the product of the shards' own p": float(np.prod(per)),
            "the mean of the shards' own p": float(np.mean(per)),
            "the least p of a shard": float(np.min(per)),
            "all shards in the same order": chance(own, table.sum(0)),
            "the largest shard is compared, not the sum": chance(
                table[:, 0].max(), np.array([max(o) for o in itertools.product(*table)])
            ),
            "the first shard alone": float(per[0]),
            "the count, not the share": p * n,
            "1 − p": 1 - p,
        },
        tol=TOL,
        equation="(28.8)",
    )


@pytest.mark.points(3)
@pytest.mark.draws(*[(*s, a) for s, a in zip(SIZES, (0.1, 0.3, 0.2, 0.5, 0.4))])
def test_size(student, rng, draw):
    """How often the test raises a false alarm."""
    *sizes, alpha = draw
    table = problem(rng, *sizes)
    every = sums(table)
    n, same = len(every), table.sum(0)

    def strict(own, all_):
        return chance(own, all_, True)

    def plus(own, all_):
        return (1 + chance(own, all_) * n) / (1 + n)

    size = size_of(every, alpha, chance)
    compare(
        student.exact_order(table, alpha)[1],
        want=size,
        mistakes={
            "alpha itself": alpha,
            "⌊α J^S⌋/J^S: as if no sums were equal": np.floor(alpha * n + 1e-9) / n,
            "only what is larger counts: a tie is passed over": lambda: size_of(
                every, alpha, strict
            ),
            "+ 1 as for drawn orders": lambda: size_of(every, alpha, plus),
            "p of this file, not a share of files": chance(table[:, 0].sum(), every),
            "an alarm of this file: 0 or 1": float(
                chance(table[:, 0].sum(), every) <= alpha + 1e-9
            ),
            "all shards in the same order": lambda: size_of(same, alpha, chance),
            "the first shard alone": lambda: size_of(table[0], alpha, chance),
            "the mean of the shards' own sizes": lambda: float(
                np.mean([size_of(row, alpha, chance) for row in table])
            ),
            "the power 1 − size": 1 - size,
            "the count, not the share": size * n,
        },
        tol=TOL,
        equation="(28.8)",
    )


@pytest.mark.draws((3,), (2,))
def test_border(student, rng, draw):
    """p equal to alpha counts, ties across shards do too: sums 0, 1, ..., S."""
    (S,) = draw
    table = np.tile([0.1, 0.0], (S, 1))
    table[0] = [0.3, 0.2]  # 0.1 + 0.2 and 0.3 differ in floats
    every = sums(table)
    want = chance(table[:, 0].sum(), every), size_of(every, 0.5**S, chance)
    compare(
        student.exact_order(table, 0.5**S),
        want=want,
        mistakes={
            "p = alpha is no alarm": (want[0], 0.0),
            "the second tail": (1 - want[0], want[1]),
        },
        tol=TOL,
        equation="(28.8)",
    )
