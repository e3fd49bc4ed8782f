"""Grader of what_rank_leaves. The reference takes the shares from the eigenvalues of ΔWᵀΔW
and projects on its eigenvectors; roots of them err by 1e-12 here (ΔW has no small singular
value). c is a quotient of two sums."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-8
SIZES = [  # out, in, n, ranks, vocab, C, steps
    (7, 5, 6, (1, 2, 4), 20, 4, 30),
    (5, 8, 4, (1, 3), 25, 3, 80),
    (6, 6, 9, (2, 5), 16, 6, 12),
    (9, 4, 5, (1, 2, 3), 30, 5, 150),
]


def problem(rng, out, inputs, n, ranks, vocab, C, steps):
    """A change with falling singular values; untouched rows rounded to three digits."""
    size = min(out, inputs)
    U = np.linalg.qr(rng.normal(size=(out, size)))[0]
    V = np.linalg.qr(rng.normal(size=(inputs, size)))[0]
    change = (U * (3.0 * 0.7 ** np.arange(size) * rng.uniform(0.9, 1.1, size))) @ V.T
    W0 = rng.normal(size=(out, inputs))
    E0 = rng.normal(size=(vocab, C))
    touched = rng.choice(vocab, vocab // 3, replace=False)
    decay = rng.uniform(1e-3, 4e-3)
    E1 = E0 * (1 - decay) ** steps * (1 + rng.uniform(-1e-3, 1e-3, E0.shape))
    E1[touched] += rng.normal(size=(len(touched), C))
    seen = rng.permutation(np.concatenate([touched, touched[:3]])).tolist()
    X = rng.normal(size=(n, inputs))
    return W0, W0 + change, X, list(ranks), E0, E1, seen, steps


def vectors(M, r):
    """The r largest right singular vectors of M, (columns, r)."""
    return np.linalg.eigh(M.T @ M)[1][:, ::-1][:, :r]


def length(M):
    return np.sqrt(np.sum(M * M))


def rest_of(M, r):
    """M without its best part of rank r: M (I − V Vᵀ)."""
    V = vectors(M, r)
    return M - (M @ V) @ V.T


def weight_share(given, r, rule=""):
    W0, W1 = given[:2]
    change = {"after": W1, "sum": W1 + W0}.get(rule, W1 - W0)
    s2 = np.linalg.eigvalsh(change.T @ change)[::-1].clip(0)
    s2 = s2[: min(change.shape)]
    r = r + {"more": 1, "less": -1}.get(rule, 0)
    tail, whole = s2[r:].sum(), s2.sum()
    found = {
        "held": np.sqrt(s2[:r].sum() / whole),
        "energy": tail / whole,
        "held energy": 1 - tail / whole,
        "nuclear": np.sqrt(s2[r:]).sum() / np.sqrt(s2).sum(),
        "spectral": np.sqrt(s2[r] / s2[0]) if r < len(s2) else 0.0,
        "absolute": np.sqrt(tail),
        "of W1": np.sqrt(tail) / length(W1),
    }
    return found.get(rule, np.sqrt(tail / whole))


def output_share(given, r, rule=""):
    W0, W1, X = given[:3]
    change = {"after": W1, "sum": W1 + W0}.get(rule, W1 - W0)
    Y = X @ change.T
    if rule == "own cut":
        return length(rest_of(Y, r)) / length(Y)
    r = r + {"more": 1, "less": -1}.get(rule, 0)
    left = length(X @ rest_of(change, r).T)
    found = {
        "held": length(Y - X @ rest_of(change, r).T) / length(Y),
        "energy": left**2 / length(Y) ** 2,
        "held energy": 1 - left**2 / length(Y) ** 2,
        "absolute": left,
        "of W1": left / length(X @ W1.T),
    }
    return found.get(rule, left / length(Y))


def factor(given, rule=""):
    E0, E1, seen = given[4:7]
    rows = [i for i in range(len(E0)) if i not in set(seen)]
    rows = {"all": range(len(E0)), "seen": sorted(set(seen))}.get(rule, rows)
    A, B = E0[list(rows)], E1[list(rows)]
    found = {
        "ratios": np.mean(B / A),
        "norms": length(B) / length(A),
        "by E1": np.vdot(A, B) / np.vdot(B, B),
        "up": np.vdot(A, A) / np.vdot(A, B),
        "row means": np.mean(np.sum(A * B, 1) / np.sum(A * A, 1)),
    }
    return float(found.get(rule, np.vdot(A, B) / np.vdot(A, A)))


def decay(c, steps, rule=""):
    found = {
        "linear": (1 - c) / steps,
        "log": -np.log(c) / steps,
        "no root": 1 - c,
        "kept": c ** (1 / steps),
        "power": 1 - c**steps,
    }
    return float(found.get(rule, 1 - c ** (1 / steps)))


def answer(given, weights="", outputs="", c="", eta=""):
    ranks, steps = given[3], given[-1]
    found = factor(given, c)
    root = decay(max(found, 1e-6), steps, eta)
    first = np.array([weight_share(given, r, weights) for r in ranks])
    return first, np.array([output_share(given, r, outputs) for r in ranks]), found, root


def mistakes(given):
    right = answer(given)
    known = {
        "what rank r holds, not what it leaves": answer(given, "held", "held"),
        "the squares: the root is missing": answer(given, "energy", "energy"),
        "the energy that rank r holds": answer(given, "held energy", "held energy"),
        "a rank too high": answer(given, "more", "more"),
        "a rank too low": answer(given, "less", "less"),
        "W1 is cut, not the change": answer(given, "after", "after"),
        "W1 + W0 instead of W1 − W0": answer(given, "sum", "sum"),
        "not divided by the whole change": answer(given, "absolute", "absolute"),
        "divided by the norm of W1, not of the change": answer(given, "of W1", "of W1"),
        "the singular values are summed, not their squares": answer(given, "nuclear"),
        "the next singular value over the first": answer(given, "spectral"),
        "the outputs are cut themselves, not ΔW": answer(given, outputs="own cut"),
        "c over all rows": answer(given, c="all"),
        "c over the rows that were seen": answer(given, c="seen"),
        "c as the mean of the quotients": answer(given, c="ratios"),
        "c as the mean over the rows": answer(given, c="row means"),
        "c as the quotient of the norms": answer(given, c="norms"),
        "c divided by ⟨E1, E1⟩": answer(given, c="by E1"),
        "c upside down": answer(given, c="up"),
        "ηλ without the root: 1 − c": answer(given, eta="no root"),
        "ηλ = (1 − c)/steps": answer(given, eta="linear"),
        "ηλ = −log(c)/steps": answer(given, eta="log"),
        "the factor of a step, not ηλ": answer(given, eta="kept"),
        "c to the power of steps, not its root": answer(given, eta="power"),
        "the two shares are returned in the wrong order": (right[1], right[0], *right[2:]),
    }
    return {name: value for name, value in known.items() if not same(value, right)}


def same(got, want):
    return all(
        np.shape(a) == np.shape(b) and np.allclose(a, b, 2e-7, 0)
        for a, b in zip(got, want, strict=True)
    )


def judge(student, given):
    compare(
        student.what_rank_leaves(*given),
        want=answer(given),
        mistakes=mistakes(given),
        tol=TOL,
        equation="(29.4), (29.5)",
    )


@pytest.mark.points(4)
@pytest.mark.draws(*SIZES)
def test_shares_and_decay(student, rng, draw):
    """Both shares, the factor of the untouched rows, and ηλ."""
    judge(student, problem(rng, *draw))


@pytest.mark.draws((4, 3, 8, (2,), 12, 7, 5), (3, 10, 3, (1,), 18, 2, 60))
def test_one_rank(student, rng, draw):
    """A single rank, few or many steps."""
    judge(student, problem(rng, *draw))
