"""Grader of audit_documents. Sums and square roots: 1e-15, against 1e-9."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [(5, 4, 3), (3, 6, 4), (7, 3, 2), (4, 5, 5)]


def problem(rng, n, m, most, effect=-0.25):
    """Losses of pieces of n + m documents, 1 to `most` pieces each, in mixed order."""
    pieces = rng.integers(1, most + 1, n + m)
    pieces[[0, 1, -1]] = most  # some have several
    which = np.repeat(np.arange(n + m), pieces)
    names = rng.choice(90, n + m, False)
    counts = rng.integers(2, 30, len(which))
    hard = rng.normal(4, 0.5, n + m)[which]
    losses = [hard + rng.normal(0, 0.2, len(which)) for _ in (0, 1)]
    losses[0] = losses[0] + effect * (which < n) - 0.3
    mixed = rng.permutation(len(which))
    given = losses[0] * counts, losses[1] * counts, counts, names[which], which < n
    return tuple(x[mixed] for x in given)


def documents(document, *values):
    """The sums of each value over the pieces of a document, documents sorted."""
    names = sorted(set(document.tolist()))
    return [np.array([v[document == d].sum() for d in names]) for v in values]


def contrast(a, b, ddof=1):
    square = sum(d.var(ddof=ddof) / len(d) for d in (a, b))
    return a.mean() - b.mean(), np.sqrt(square)


def right(suspect, clean, counts, document, test):
    s, c, n = documents(document, suspect, clean, counts)
    tested = documents(document, test.astype(float))[0] > 0
    return (s - c) / n, tested, s / n, c / n, n


def others(suspect, clean, counts, document, test):
    """{mistake: (DiD, s.e.)}."""
    D, tested, s, c, n = right(suspect, clean, counts, document, test)
    a, b = D[tested], D[~tested]
    value, error = contrast(a, b)
    d = suspect / counts - clean / counts
    mean = documents(document, d)[0] / documents(document, np.ones(len(d)))[0]
    x = np.exp(s) - np.exp(c)
    total = (s - c) * n
    weights = [w / w.sum() for w in (n[tested], n[~tested])]
    cells = [v[t] for v in (s, c) for t in (tested, ~tested)]
    every = np.concatenate([a - a.mean(), b - b.mean()])
    pooled = np.sqrt((every @ every) / (len(every) - 2) * (1 / len(a) + 1 / len(b)))
    return {
        "pieces are the unit, not documents": contrast(d[test], d[~test]),
        "the mean of the pieces' means: short pieces count as much": contrast(
            mean[tested], mean[~tested]
        ),
        "totals, not means per token": contrast(total[tested], total[~tested]),
        "perplexities, without their logarithm": contrast(x[tested], x[~tested]),
        "all tokens of a set count alike": (weights[0] @ a - weights[1] @ b, error),
        "the sign is turned round": (-value, error),
        "the shadow is left out: a single difference": (
            a.mean(),
            a.std(ddof=1) / len(a) ** 0.5,
        ),
        "the clean model is left out": contrast(s[tested], s[~tested]),
        "ddof = 0": contrast(a, b, 0),
        "the spread of D over all documents, one n": (value, D.std(ddof=1) / len(D) ** 0.5),
        "the pooled variance": (value, pooled),
        "the spread is not divided by n": (value, np.sqrt(a.var(ddof=1) + b.var(ddof=1))),
        "not paired: the losses' own variances": (
            value,
            np.sqrt(sum(v.var(ddof=1) / len(v) for v in cells)),
        ),
        "the variance, not its root": (value, error**2),
        "standard errors are added, not their squares": (
            value,
            sum(g.std(ddof=1) / len(g) ** 0.5 for g in (a, b)),
        ),
    }


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_value_and_error(student, rng, draw):
    """DiD and its standard error."""
    given = problem(rng, *draw)
    D, tested, *_ = right(*given)
    compare(
        student.audit_documents(*given, 2.0)[:2],
        want=contrast(D[tested], D[~tested]),
        mistakes=others(*given),
        tol=TOL,
        equation="(28.3), (28.4)",
    )


@pytest.mark.points(1)
@pytest.mark.draws((6, 5, 3, -1), (5, 6, 2, -0.6), (4, 7, 3, 1), (7, 4, 2, -0.4))
def test_alarm(student, rng, draw):
    """The alarm, for leaks, for none, and just on either side of the border."""
    *sizes, effect = draw
    given = problem(rng, *sizes, effect=effect)
    D, tested, *_ = right(*given)
    value, error = contrast(D[tested], D[~tested])
    border = abs(value) / error
    for t in (0.98 * border, 1.02 * border):
        compare(
            float(student.audit_documents(*given, t)[2]),
            want=float(value + t * error < 0),
            mistakes={
                "any difference is an alarm": float(abs(value) > t * error),
                "a positive DiD is the alarm": float(value - t * error > 0),
                "the lower end is compared with 0": float(value - t * error < 0),
                "DiD itself is compared with 0": float(value < 0),
                "no alarm ever": 0.0,
                "always an alarm": 1.0,
            },
            tol=TOL,
            equation="(28.4)",
            scale=1.0,
        )
