"""Grader of examples_needed. The reference goes from the tables (b, c) of N examples to
those of N + 1, without binomials: 1e-13. A smallest N is compared exactly."""

import functools
import itertools
import math

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-8
SIZES = [(0.45, 0.6, 0.8, 0.05), (0.4, 0.5, 0.6, 0.1), (0.5, 0.7, 0.7, 0.02)]
MOST = 160


def problem(rng, gap, discordance, power, alpha):
    moved = rng.uniform(0.98, 1.02, 3)
    return tuple(float(v) for v in (gap, discordance, power) * moved) + (alpha,)


# [n][k]: how many of the 2^n ways have at most k heads
BELOW = [
    list(itertools.accumulate(math.comb(n, j) for j in range(n + 1)))
    for n in range(MOST + 1)
]


def tails(kind):
    """A function (n, i) -> p of i errors of the first among n discordant examples."""

    def p(n, i):
        low, ways = min(i, n - i), 2**n
        below = BELOW[n][low]
        if kind == "one":
            return below / ways
        if kind == "mid":
            return (2 * below - math.comb(n, low)) / ways
        if kind == "chi2":
            return math.erfc(abs(n - 2 * i) / math.sqrt(2 * n))
        return min(1.0, 2 * below / ways)

    return p


@functools.cache
def tables(kind, alpha):
    """(b, c) -> does the test reject? A matrix for all b + c ≤ MOST."""
    p, found = tails(kind), np.zeros((MOST + 1, MOST + 1), bool)
    for n in range(1, MOST + 1):
        for i in range(n + 1):
            found[i, n - i] = p(n, i) <= alpha
    return found


def one_more(P, first, second):
    """P(b, c) of N + 1 examples from that of N: one more example, of three kinds."""
    grown = np.zeros((len(P) + 1, len(P) + 1))
    grown[:-1, :-1] = (1 - first - second) * P
    grown[1:, :-1] += first * P
    grown[:-1, 1:] += second * P
    return grown


def reached(gap, discordance, rejects, most):
    """The probability to reject at N = 1, 2, ..., most, one by one."""
    P, pair = np.ones((1, 1)), ((discordance + gap) / 2, (discordance - gap) / 2)
    for N in range(1, most + 1):
        P = one_more(P, *pair)
        yield float(P[rejects[: N + 1, : N + 1]].sum())


def first_enough(chances, power):
    """The chances up to the first that is at least `power`, a list."""
    found = []
    for P in chances:
        found.append(P)
        if P >= power:
            break
    return found


def needed(gap, discordance, power, rejects, most):
    """(N, P) of the smallest N, or of `most`."""
    found = first_enough(reached(gap, discordance, rejects, most), power)
    return len(found), found[-1]


def given_expected(gap, discordance, power, rejects):
    """As if the number of discordant examples were Nψ, rounded."""
    share = (1 + gap / discordance) / 2
    for N in range(1, MOST + 1):
        n = round(N * discordance)
        P = sum(
            math.comb(n, i) * share**i * (1 - share) ** (n - i)
            for i in range(n + 1)
            if rejects[i, n - i]
        )
        if P >= power:
            return N, P
    return MOST, P


def mistakes(gap, psi, power, alpha, N, P, before):
    exact = tables("exact", alpha)

    def at(gap=gap, psi=psi, power=power, rejects=exact):
        return needed(gap, psi, power, rejects, MOST)

    return {
        "one-sided p-values": at(rejects=tables("one", alpha)),
        "mid-p instead of the exact p": at(rejects=tables("mid", alpha)),
        "χ² instead of the exact p": at(rejects=tables("chi2", alpha)),
        "alpha/2 on top of two sides": at(rejects=tables("exact", alpha / 2)),
        "the gap is not divided by ψ": at(gap * psi),
        "the gap among discordant examples is half of what it must be": at(gap / 2),
        "every example is discordant": at(gap / psi, 1.0),
        "Nψ discordant examples, not a random number of them": given_expected(
            gap, psi, power, exact
        ),
        "N is the number of discordant examples": (max(1, round(N * psi)), P),
        "one example too few": (N - 1, before),
        "1 − power: the chance to miss it": at(power=1 - power),
    }


@pytest.mark.points(4)
@pytest.mark.draws(*SIZES)
def test_smallest(student, rng, draw):
    """The smallest N, and its probability to reject."""
    given = problem(rng, *draw)
    *_, before, P = every = chances(*given)
    want = len(every), P
    known = mistakes(*given, *want, before)
    compare(
        student.examples_needed(*given, MOST),
        want=want,
        mistakes={k: v for k, v in known.items() if not np.allclose(v, want, 1e-6)},
        tol=TOL,
        equation="(12.5)",
    )


def chances(gap, psi, power, alpha):
    """The probabilities to reject at N = 1, 2, ..., up to the first that is enough."""
    return first_enough(reached(gap, psi, tables("exact", alpha), MOST), power)


@pytest.mark.draws(*((*sizes, less) for sizes, less in zip(SIZES, (7, 1, 0))))
def test_no_more_examples(student, rng, draw):
    """`most` comes before the power is reached, or together with it."""
    *sizes, less = draw
    given = problem(rng, *sizes)
    every = chances(*given)
    most = len(every) - less
    known = {
        "`most` is not heeded": (len(every), every[-1]),
        "`most` itself is not tried": (most - 1, every[most - 2]),
        "(0, 0.0) where `most` does not suffice": (0, 0.0),
    }
    want = most, every[most - 1]
    compare(
        student.examples_needed(*given, most),
        want=want,
        mistakes={name: value for name, value in known.items() if value != want},
        tol=TOL,
        equation="(12.5)",
    )


@pytest.mark.draws((1.0, 0.9, 0.05), (1.0, 0.5, 0.01), (1.0, 0.7, 2 / 2**5))
def test_all_on_one_side(student, rng, draw):
    """gap = ψ = 1: every example is the first's error, and 2/2^N ≤ alpha must hold."""
    gap, power, alpha = draw
    want = math.ceil(1 - math.log2(alpha)), 1.0
    known = {"one-sided p-values": (want[0] - 1, 1.0)}
    compare(
        student.examples_needed(gap, 1.0, power, alpha, MOST),
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(12.5)",
    )
