"""Grader of tfidf_rows. The reference goes word by word with `math`: bounds 1e-15."""

import math

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [(5, 4, 7), (9, 3, 6), (4, 6, 9)]  # N, m, V


def problem(rng, N, m, V):
    """The last two words are in no fitted text, the first is in every one."""
    fitted = rng.poisson(0.9, (N, V))
    fitted[:, 0] += 1
    fitted[rng.permutation(N)[:2], 1] = [0, 4]  # df below N, more occurrences than texts
    fitted[:, -2:] = 0
    new = rng.poisson(1.2, (m, V))
    new[:, 1] += 2
    new[0, -2:] = [3, 1]
    return fitted, new


def answer(fitted, new, smooth, sublinear, **how):
    """(20.2) word by word; the keywords are the mistakes, at their defaults none."""
    counted = how.get("counted", fitted)
    N = len(how.get("many", counted))
    df = [how.get("df", lambda column: sum(column > 0))(c) for c in counted.T]
    idf = [
        how.get("idf", form_of(smooth))(N, n) if n or how.get("unseen") else 0.0
        for n in df
    ]
    tf = how.get("tf", (lambda n: 1 + math.log(n)) if sublinear else float)
    return np.array([row_of(row, idf, tf, **how) for row in new])


def form_of(smooth):
    if smooth:
        return lambda N, n: math.log((1 + N) / (1 + n)) + 1
    return lambda N, n: math.log(N / max(n, 1))


def row_of(row, factors, weigh, norm=2.0, early=False, **_):
    weights = [weigh(n) if n else 0.0 for n in row.tolist()]
    length = sum(abs(w) ** norm for w in weights) ** (1 / norm) if early and norm else 1.0
    weights = [w * factor / (length or 1.0) for w, factor in zip(weights, factors)]
    if early or not norm:
        return weights
    length = sum(abs(w) ** norm for w in weights) ** (1 / norm)
    return [w / (length or 1.0) for w in weights]


def mistakes(*given):
    fitted, new, smooth, sublinear = given
    both, swapped = np.r_[fitted, new], form_of(not smooth)
    other = lambda n: 1 + math.log(n)  # noqa: E731
    right = answer(*given, norm=0)
    columns = np.sqrt((right**2).sum(0))
    return {
        "df and N are those of the new texts": answer(*given, counted=new),
        "df and N count the new texts too": answer(*given, counted=both),
        "N is the number of new texts": answer(*given, many=new),
        "df adds up occurrences instead of counting texts": answer(*given, df=sum),
        "the two forms of idf are exchanged": answer(*given, idf=swapped),
        "the + 1 of the smooth idf is missing": answer(
            *given, idf=lambda N, n: form_of(smooth)(N, n) - smooth
        ),
        "the smooth idf without the 1 + inside the logarithm": answer(
            *given, idf=lambda N, n: math.log(N / max(n, 1)) + smooth
        ),
        "the textbook's idf with + 1": answer(
            *given, idf=lambda N, n: form_of(smooth)(N, n) + (not smooth)
        ),
        "df/N instead of N/df": answer(
            *given, idf=lambda N, n: 2 * smooth - form_of(smooth)(N, n)
        ),
        "logarithms to base 10": answer(
            *given,
            idf=lambda N, n: (form_of(smooth)(N, n) - smooth) / math.log(10) + smooth,
        ),
        "sublinear is ignored": answer(*given, tf=float),
        "sublinear tf where the count was asked for": answer(*given, tf=other),
        "ln(1 + count) instead of 1 + ln(count)": answer(
            *given, tf=math.log1p if sublinear else float
        ),
        "the rows are not normalised": right,
        "the rows sum to 1 instead of having length 1": answer(*given, norm=1.0),
        "the columns are normalised, not the rows": right
        / np.where(columns > 0, columns, 1),
        "the rows are normalised before the idf": answer(*given, early=True),
        "words that no fitted text holds have a weight": answer(*given, unseen=True),
    }


def judge(student, rng, size, smooth, sublinear):
    given = (*problem(rng, *size), smooth, sublinear)
    compare(
        student.tfidf_rows(*given),
        want=answer(*given),
        mistakes=mistakes(*given),
        tol=TOL,
        equation="(20.2)",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_smooth(student, rng, draw):
    """The smooth idf."""
    judge(student, rng, draw, True, False)


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_textbook(student, rng, draw):
    """The textbook's idf: a word of every text weighs nothing."""
    judge(student, rng, draw, False, False)


@pytest.mark.draws(*SIZES)
def test_sublinear(student, rng, draw):
    """1 + ln(count)."""
    judge(student, rng, draw, bool(draw[0] % 2), True)


@pytest.mark.draws(*SIZES)
def test_unseen(student, rng, draw):
    """A text of words that were never fitted is a row of zeros."""
    fitted, new = problem(rng, *draw)
    new[0, :-2] = 0
    given = fitted, new, bool(draw[1] % 2), False
    compare(
        student.tfidf_rows(*given),
        want=answer(*given),
        mistakes={
            "words that no fitted text holds have a weight": answer(*given, unseen=True)
        },
        tol=TOL,
        equation="(20.2)",
    )
