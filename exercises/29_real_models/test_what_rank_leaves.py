"""Grader of what_rank_leaves. The reference takes the shares from eigenvalues of Gram
matrices, whose roots err by 1e-12 here (no share is small), and λ from the sum
of logarithms."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-8
SIZES = [  # out, in, n, ranks, vocab, C, steps, and the scale of the rates: λ ≷ 1
    (7, 5, 6, (1, 2, 4), 20, 4, 30, 1),
    (5, 8, 4, (1, 3), 25, 3, 80, 200),
    (6, 6, 9, (2, 5), 16, 6, 12, 30),
    (9, 4, 5, (1, 2, 3), 30, 5, 150, 1),
]


def problem(rng, out, inputs, n, ranks, vocab, C, steps, scale):
    """A change with falling singular values, inputs of unequal size, rates that fall."""
    size = min(out, inputs)
    U = np.linalg.qr(rng.normal(size=(out, size)))[0]
    V = np.linalg.qr(rng.normal(size=(inputs, size)))[0]
    change = (U * (3.0 * 0.7 ** np.arange(size) * rng.uniform(0.9, 1.1, size))) @ V.T
    W0 = rng.normal(size=(out, inputs))
    E0 = rng.normal(size=(vocab, C))
    touched = rng.choice(vocab, vocab // 3, replace=False)
    rates = scale * np.linspace(0.02, 0.002, steps) * rng.uniform(0.5, 1.5, steps)
    decay = min(0.5 / rates.max(), rng.uniform(0.5, 2.0) / rates.sum())
    E1 = E0 * np.prod(1 - rates * decay) * (1 + rng.uniform(-3e-3, 3e-3, E0.shape))
    E1[touched] += rng.normal(size=(len(touched), C))
    seen = rng.permutation(np.concatenate([touched, touched[:3]])).tolist()
    X = rng.normal(size=(n, inputs)) * np.linspace(0.3, 2, inputs)
    return W0, W0 + change, X, list(ranks), E0, E1, seen, rates


def length(M):
    return np.sqrt(np.sum(M * M))


def rest_of(M, r):
    """M without its best part of rank r: M (I − V Vᵀ)."""
    V = np.linalg.eigh(M.T @ M)[1][:, ::-1][:, :r]
    return M - (M @ V) @ V.T


def shares(given, r, of="cut", rule=""):
    """The share that rank r leaves of the outputs, by the cut or at best."""
    if rule == "other":
        return shares(given, r, "best" if of == "cut" else "cut")
    W0, W1, X = given[:3]
    change = {"after": W1, "sum": W1 + W0}.get(rule, W1 - W0)
    Y = X @ change.T
    r = r + {"more": 1, "less": -1}.get(rule, 0)
    left = X @ rest_of(change, r).T if of == "cut" else rest_of(Y, r)
    share = length(left) / length(Y)
    found = {
        "held": length(Y - left) / length(Y),
        "energy": share**2,
        "held energy": 1 - share**2,
        "absolute": length(left),
        "of W1": length(left) / length(X @ W1.T),
        "weights": length(rest_of(change, r)) / length(change),
        "inputs": length(rest_of(X, r) @ change.T) / length(Y),
    }
    return found.get(rule, share)


def factor(given, rule=""):
    E0, E1, seen = given[4:7]
    rows = [i for i in range(len(E0)) if i not in set(seen)]
    rows = {"all": range(len(E0)), "seen": sorted(set(seen))}.get(rule, rows)
    A, B = E0[list(rows)], E1[list(rows)]
    found = {
        "ratios": np.mean(B / A),
        "norms": length(B) / length(A),
        "by E1": np.vdot(A, B) / np.vdot(B, B),
        "row means": np.mean(np.sum(A * B, 1) / np.sum(A * A, 1)),
    }
    return float(found.get(rule, np.vdot(A, B) / np.vdot(A, A)))


def root(c, rates):
    """λ with Σ log(1 − η λ) = log c: the sum falls from 0 to −∞."""
    low, high = 0.0, 1 / rates.max()
    for _ in range(120):
        middle = (low + high) / 2
        with np.errstate(divide="ignore", invalid="ignore"):  # of mistakes
            fallen = np.sum(np.log1p(-rates * middle)) < np.log(c)
        low, high = (low, middle) if fallen else (middle, high)
    return low


def decay(c, rates, rule=""):
    N = len(rates)
    if not rule:
        return float(root(c, rates))
    found = {
        "mean rate": (1 - c ** (1 / N)) / np.mean(rates),
        "first rate": (1 - c ** (1 / N)) / rates[0],
        "no rate": 1 - c ** (1 / N),
        "log": -np.log(c) / np.sum(rates),
        "linear": (1 - c) / np.sum(rates),
    }
    return float(found[rule])


def answer(given, cut="", best="", c="", lam=""):
    ranks, rates = given[3], given[-1]
    first = np.array([shares(given, r, "cut", cut) for r in ranks])
    second = np.array([shares(given, r, "best", best) for r in ranks])
    return first, second, decay(factor(given, c), rates, lam)


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
        "divided by the outputs of W1, not of the change": answer(given, "of W1", "of W1"),
        "the share of the weights: X is left out": answer(given, "weights"),
        "the outputs are cut twice: `cut` is the best of rank r": answer(given, "other"),
        "ΔW is cut twice: `best` does not look at X": answer(given, best="other"),
        "the inputs are cut, not the outputs": answer(given, best="inputs"),
        "c over all rows": answer(given, c="all"),
        "c over the rows that were seen": answer(given, c="seen"),
        "c as the mean of the quotients": answer(given, c="ratios"),
        "c as the mean over the rows": answer(given, c="row means"),
        "c as the quotient of the norms": answer(given, c="norms"),
        "c divided by ⟨E1, E1⟩": answer(given, c="by E1"),
        "λ as if every rate were the mean": answer(given, lam="mean rate"),
        "λ as if every rate were the first": answer(given, lam="first rate"),
        "ηλ of a constant rate, not λ": answer(given, lam="no rate"),
        "λ = −log(c) / Σ η": answer(given, lam="log"),
        "λ = (1 − c) / Σ η": answer(given, lam="linear"),
        "cut and best are returned in the wrong order": (right[1], right[0], right[2]),
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
        equation="(29.5), (29.6)",
    )


@pytest.mark.points(4)
@pytest.mark.draws(*SIZES)
def test_shares_and_decay(student, rng, draw):
    """Both shares of the outputs, and λ of the untouched rows."""
    judge(student, problem(rng, *draw))


@pytest.mark.draws((4, 3, 8, (2,), 12, 7, 5, 100), (3, 10, 3, (1,), 18, 2, 60, 1))
def test_one_rank(student, rng, draw):
    """A single rank, few or many steps."""
    judge(student, problem(rng, *draw))
