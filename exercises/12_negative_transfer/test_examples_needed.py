"""Grader of examples_needed. The reference sums over all tables (b, c) at once, with
logarithms of factorials: 1e-12. A smallest N is compared exactly."""

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


def tables(kind, alpha):
    """(b, c) -> does the test reject? A matrix for all b + c ≤ MOST."""
    p, found = tails(kind), np.zeros((MOST + 1, MOST + 1), bool)
    for n in range(1, MOST + 1):
        for i in range(n + 1):
            found[i, n - i] = p(n, i) <= alpha
    return found


LOG = np.cumsum(np.log(np.maximum(np.arange(MOST + 1), 1)))


def probabilities(N, first, second):
    """P(b, c) of N examples, (N + 1, N + 1); 0 where b + c > N."""
    b, c = np.mgrid[: N + 1, : N + 1]
    rest = N - b - c
    inside = rest >= 0
    rest = np.maximum(rest, 0)
    terms = LOG[N] - LOG[b] - LOG[c] - LOG[rest]
    for count, chance in ((b, first), (c, second), (rest, 1 - first - second)):
        terms = terms + count * np.log(max(chance, 1e-300))
    return np.where(inside, np.exp(terms), 0.0)


def needed(gap, discordance, power, rejects):
    """(N, P) of the smallest N."""
    first, second = (discordance + gap) / 2, (discordance - gap) / 2
    for N in range(1, MOST + 1):
        P = float((probabilities(N, first, second) * rejects[: N + 1, : N + 1]).sum())
        if P >= power:
            return N, P
    return MOST, P


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


@pytest.mark.points(4)
@pytest.mark.draws(*SIZES)
def test_smallest(student, rng, draw):
    """The smallest N, and its probability to reject."""
    given = gap, psi, power, alpha = problem(rng, *draw)
    exact = tables("exact", alpha)
    want = needed(gap, psi, power, exact)
    N, P = want
    known = {
        "one-sided p-values": needed(gap, psi, power, tables("one", alpha)),
        "mid-p instead of the exact p": needed(gap, psi, power, tables("mid", alpha)),
        "χ² instead of the exact p": needed(gap, psi, power, tables("chi2", alpha)),
        "alpha/2 on top of two sides": needed(
            gap, psi, power, tables("exact", alpha / 2)
        ),
        "the gap is not divided by ψ": needed(gap * psi, psi, power, exact),
        "the gap among discordant examples is half of what it must be": needed(
            gap / 2, psi, power, exact
        ),
        "every example is discordant": needed(gap / psi, 1.0, power, exact),
        "Nψ discordant examples, not a random number of them": given_expected(
            gap, psi, power, exact
        ),
        "N is the number of discordant examples": (max(1, round(N * psi)), P),
        "one example too few": needed_before(gap, psi, power, exact, N),
        "1 − power: the chance to miss it": needed(gap, psi, 1 - power, exact),
    }
    known = {k: v for k, v in known.items() if not np.allclose(v, want, 1e-6)}
    compare(
        student.examples_needed(*given),
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(12.5)",
    )


def needed_before(gap, psi, power, rejects, N):
    N, first, second = N - 1, (psi + gap) / 2, (psi - gap) / 2
    P = probabilities(N, first, second) * rejects[: N + 1, : N + 1]
    return N, float(P.sum())


@pytest.mark.draws((1.0, 0.9, 0.05), (1.0, 0.5, 0.01), (1.0, 0.7, 2 / 2**5))
def test_all_on_one_side(student, rng, draw):
    """gap = ψ = 1: every example is the first's error, and 2/2^N ≤ alpha must hold."""
    gap, power, alpha = draw
    want = math.ceil(1 - math.log2(alpha)), 1.0
    known = {"one-sided p-values": (want[0] - 1, 1.0)}
    compare(
        student.examples_needed(gap, 1.0, power, alpha),
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(12.5)",
    )
