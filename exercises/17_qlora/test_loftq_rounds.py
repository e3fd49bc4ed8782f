"""Grader of loftq_rounds. The reference rounds block by block at the mid-points; SVDs of
matrices of size one err by 1e-14. Problems are drawn until no weight is near a mid-point
where a rounding error could change it, and until a round in the middle is the best."""

import numpy as np
import pytest

from tinyft.grading import compare, take

TOL = 1e-8
SIZES = [  # out, in, block, r, rounds
    (6, 8, 4, 2, 5),
    (9, 4, 12, 1, 6),
    (5, 12, 4, 2, 5),
    (8, 9, 8, 3, 6),
]


def levels_of(rng):
    """An uneven code book that holds −1 and 1."""
    return np.r_[-1.0, np.sort(rng.uniform(-0.95, 0.95, 14)), 1.0]


def nearest(z, levels, down=False):
    if down:
        return levels[np.maximum(np.searchsorted(levels, z, "right") - 1, 0)]
    return levels[np.searchsorted((levels[1:] + levels[:-1]) / 2, z)]


def rounded(M, levels, block, scales=None, down=False, order="C"):
    """M in blocks; scales: of another matrix, instead of its own."""
    flat = M.reshape(-1, order=order)
    like = (M if scales is None else scales).reshape(-1, order=order)
    found = np.empty(flat.shape)
    for start in range(0, len(flat), block):
        here = slice(start, start + block)
        m = max(like[here].max(), -like[here].min())
        z = np.clip(flat[here] / m, -1, 1)
        found[here] = m * nearest(z, levels, down)
    return found.reshape(M.shape, order=order)


def repair(E, r, power=1, last=False):
    U, S, Vt = np.linalg.svd(E, full_matrices=False)
    kept = slice(-r, None) if last else slice(r)
    return (U[:, kept] * S[kept] ** power) @ Vt[kept]


def run(given, rule="", measure=None):
    """[(Q, L, error)] of the rounds, with a mistake."""
    W, levels, block, r, rounds = given
    how = {
        "old scales": {"scales": W},
        "down": {"down": True},
        "columns": {"order": "F"},
        "one scale": {},
    }.get(rule, {})
    block = W.size if rule == "one scale" else block
    size = {"less": r - 1, "more": r + 1}.get(rule, r)
    L, found = np.zeros_like(W), []
    for _ in range(rounds):
        base = {"again": W, "plus": W + L}.get(rule, W - L)
        Q = rounded(base, levels, block, **how)
        before, E = L, W - Q
        if rule == "rest":
            E = W - Q - L
        L = repair(E, size, 0 if rule == "no sigma" else 1, rule == "last")
        if rule == "adds":
            L = before + repair(W - Q - before, size)
        found.append((Q, L, error(W, Q, L, before, measure)))
    return found


def error(W, Q, L, before, measure=None):
    if measure == "spectral":
        return np.linalg.norm(W - Q - L, 2)
    parts = {"base": W - Q, "before": W - Q - before}.get(measure, W - Q - L)
    e = np.sqrt(np.sum(parts**2))
    return {
        "squared": e**2,
        "relative": e / np.sqrt(np.sum(W**2)),
        "mean": e / np.sqrt(W.size),
    }.get(measure, e)


def kept(found, at=None):
    """(Q, L, errors): of the best round, or of round `at`."""
    errors = np.array([e for *_, e in found])
    at = int(errors.argmin()) if at is None else at
    return *found[at][:2], errors


def clear(given):
    """Is a middle round the best, and is nothing close to being different?"""
    errors = kept(run(given))[2]
    order = np.sort(errors)
    middle = 0 < errors.argmin() < len(errors) - 1
    return middle and order[1] > 1.0005 * order[0]


def problem(rng, out, inputs, block, r, rounds):
    while True:
        W, levels = rng.normal(size=(out, inputs)), levels_of(rng)
        if clear((W, levels, block, r, rounds)):
            return W, levels, block, r, rounds


def mistakes(given):
    found = run(given)
    right = kept(found)
    errors = right[2]

    def measured(name):
        return kept(run(given, measure=name))

    known = {
        "the last round is returned, not the best": kept(found, -1),
        "the first round is returned, not the best": kept(found, 0),
        "W is rounded again, not W − L": kept(run(given, "again")),
        "W + L is rounded, not W − L": kept(run(given, "plus")),
        "the scales of the first round are kept": kept(run(given, "old scales")),
        "rounded down, not to the nearest level": kept(run(given, "down")),
        "blocks run down the columns": kept(run(given, "columns")),
        "one scale for the whole matrix": kept(run(given, "one scale")),
        "the repair leaves the old one out: [W − Q − L]": kept(run(given, "rest")),
        "the repairs are added up": kept(run(given, "adds")),
        "the singular values are left out": kept(run(given, "no sigma")),
        "the smallest singular values are kept": kept(run(given, "last")),
        "one direction too few": kept(run(given, "less")),
        "one direction too many": kept(run(given, "more")),
        "the errors of the base alone: ‖W − Q‖": measured("base"),
        "the errors before the repair of the round": measured("before"),
        "squared errors": measured("squared"),
        "the errors are divided by ‖W‖": measured("relative"),
        "the root of the mean, not of the sum": measured("mean"),
        "the largest singular value, not the Frobenius norm": measured("spectral"),
        "Q and L are returned in the wrong order": (right[1], right[0], errors),
        "only the best error is returned": (*right[:2], errors.min()),
    }
    return {name: value for name, value in known.items() if not same(value, right)}


def same(got, want):
    return all(
        np.shape(a) == np.shape(b) and np.allclose(a, b, 1e-6, 1e-7)
        for a, b in zip(got, want, strict=True)
    )


@pytest.mark.points(4)
@pytest.mark.draws(*SIZES)
def test_best_round(student, rng, draw):
    """Q, L and the errors, where a round in the middle is the best."""
    given = problem(rng, *draw)
    compare(
        student.loftq_rounds(*given),
        want=kept(run(given)),
        mistakes=mistakes(given),
        tol=TOL,
        equation="(17.11)",
    )


@pytest.mark.draws((4, 6, 8, 1), (7, 4, 4, 2), (3, 8, 6, 2))
def test_one_round(student, rng, draw):
    """One round: q(W) and the best repair of its rounding (Eckart and Young)."""
    out, inputs, block, r = draw
    given = rng.normal(size=(out, inputs)), levels_of(rng), block, r, 1
    got = take(
        student.loftq_rounds(*given), Q=(out, inputs), L=(out, inputs), errors=(None,)
    )
    known = {k: v for k, v in mistakes(given).items() if "round" not in k}
    compare(got, want=kept(run(given)), mistakes=known, tol=TOL, equation="(17.11)")
