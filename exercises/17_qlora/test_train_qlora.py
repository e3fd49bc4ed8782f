"""Grader of train_qlora. The reference steps by complex-step slopes of L, exact to
rounding: a few steps err by 1e-13. No weight of a draw is so near a mid-point between two
levels that this could change its code."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-8
SIZES = [  # n, out, in, r, block, steps
    (9, 4, 6, 2, 8, 3),
    (11, 6, 5, 3, 15, 4),
    (8, 3, 8, 1, 4, 2),
    (10, 5, 4, 2, 10, 5),
]


def problem(rng, n, out, inputs, r, block, steps, start=1.0):
    X, W = rng.normal(size=(n, inputs)), rng.normal(size=(out, inputs))
    Y = X @ W.T + rng.normal(size=(n, out))
    levels = np.r_[-1.0, np.sort(rng.uniform(-0.95, 0.95, 14)), 1.0]
    A, B = 0.6 * rng.normal(size=(r, inputs)), 0.6 * start * rng.normal(size=(out, r))
    s, lr = rng.uniform([1.3, 0.02], [1.9, 0.04])
    return X, Y, W, levels, block, A, B, float(s), float(lr), steps


def rounded(M, levels, block, scales=None, down=False, order="C"):
    flat = M.reshape(-1, order=order)
    like = (M if scales is None else scales).reshape(-1, order=order)
    found = np.empty(flat.shape)
    for start in range(0, len(flat), block):
        here = slice(start, start + block)
        m = max(like[here].max(), -like[here].min())
        z = np.clip(flat[here] / m, -1, 1)
        places = levels if down else (levels[1:] + levels[:-1]) / 2
        k = np.searchsorted(places, z, "right" if down else "left") - (1 if down else 0)
        found[here] = m * levels[np.maximum(k, 0)]
    return found.reshape(M.shape, order=order)


def slope(f, at, h=1e-30):
    """∂f/∂at by Im f(at + ih e)/h for every entry e."""
    found = np.empty(at.shape)
    for i in np.ndindex(at.shape):
        moved = at.astype(complex)
        moved[i] += 1j * h
        found[i] = f(moved).imag / h
    return found


def loss(X, Y, W):
    return np.sum((X @ W.T - Y) ** 2) / (2 * len(X))


def reference(X, Y, W, levels, block, A, B, s, lr, steps):
    base = rounded(W, levels, block)
    losses = [loss(X, Y, base + s * B @ A)]
    for _ in range(steps):
        gA = slope(lambda a, B=B: loss(X, Y, base + s * B @ a), A)
        gB = slope(lambda b, A=A: loss(X, Y, base + s * b @ A), B)
        A, B = A - lr * gA, B - lr * gB
        losses.append(loss(X, Y, base + s * B @ A))
    merged = rounded(base + s * B @ A, levels, block)
    return A, B, np.array(losses), loss(X, Y, merged)


def run(given, rule="", fit=1.0, scale=None, **how):
    """(A, B, losses, merged) of a run with a mistake, by (17.6)."""
    X, Y, W, levels, block, A, B, s, lr, steps = given
    s = scale or s
    base = W if rule == "dense" else rounded(W, levels, block, **how)
    losses, start, first = [], base, None
    for left in range(steps, -1, -1):
        now = base + s * B @ A
        now = rounded(now, levels, block) if rule == "in every step" else now
        losses.append(loss(X, Y, now))
        G = fit * (X @ now.T - Y).T @ X / len(X)
        gA = s * B.T @ G
        at = A - lr * gA if rule == "one by one" else A
        move = gA, s * G @ at.T
        first = first or move
        move = first if rule == "same gradient" else move
        if left:
            A, B = A - lr * move[0], B - lr * move[1]
            base = base - lr * G if rule == "base moves" else base
    merged = merge(rule, start if rule == "start" else base, W, s * B @ A, given, how)
    return A, B, np.array(losses), loss(X, Y, merged)


def merge(rule, base, W, change, given, how):
    levels, block = given[3:5]
    if rule == "not rounded":
        return base + change
    if rule == "into W":
        return rounded(W + change, levels, block)
    if rule == "old scales":
        return rounded(base + change, levels, block, scales=base)
    if rule == "apart":
        return base + rounded(change, levels, block)
    if rule == "lost":
        return base
    return rounded(base + change, levels, block, **how)


def mistakes(given):
    n, whole, s = len(given[0]), given[2].size, given[7]
    one_scale = (*given[:4], whole, *given[5:])
    by_rows = (*given[:4], given[2].shape[1], *given[5:])
    return {
        "W is not rounded: training runs beside W itself": run(given, "dense"),
        "Ŵ + s B A is rounded in every step": run(given, "in every step"),
        "Ŵ is trained too": run(given, "base moves"),
        "B's step uses the new A": run(given, "one by one"),
        "every step uses the first gradient": run(given, "same gradient"),
        "the scale is left out": run(given, scale=1.0),
        "s is missing in the gradients": run(given, fit=1 / s),
        "the gradient is not divided by n": run(given, fit=n),
        "2/n instead of 1/n: the ½ of L is lost": run(given, fit=2.0),
        "the step goes up the gradient": run(given, fit=-1.0),
        "one scale for the whole matrix": run(one_scale),
        "a block per row, whatever `block` says": run(by_rows),
        "blocks run down the columns": run(given, order="F"),
        "rounded down, not to the nearest level": run(given, down=True),
    }


def merges(given, want):
    return {
        "the merged matrix is not rounded": want[2][-1],
        "merged into W, not into Ŵ": run(given, "into W")[3],
        "the merge keeps the old scales": run(given, "old scales")[3],
        "the change is rounded alone, not the sum": run(given, "apart")[3],
        "the loss of Ŵ without the adapter": run(given, "lost")[3],
        "the loss of the merged matrix is not divided by n": len(given[0]) * want[3],
        "the ½ of L is missing": 2 * want[3],
    }


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_training(student, rng, draw):
    """A, B and the losses after a few steps beside Ŵ."""
    given = problem(rng, *draw)
    want = reference(*given)[:3]
    known = {name: one[:3] for name, one in mistakes(given).items()}
    n, out, losses = len(given[0]), len(given[2]), want[2]
    known |= {
        "A and B are returned in the wrong order": (want[1], want[0], losses),
        "the losses are not divided by n": (*want[:2], n * losses),
        "the ½ of L is missing": (*want[:2], 2 * losses),
        "the losses are means over all n·out entries": (*want[:2], 2 / out * losses),
        "the loss after the last step is missing": (*want[:2], losses[:-1]),
        "the loss before the first step is missing": (*want[:2], losses[1:]),
        "only the last loss is returned": (*want[:2], losses[-1]),
    }
    compare(
        student.train_qlora(*given)[:3],
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(17.6)",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_merged(student, rng, draw):
    """The loss after merging into 4 bits."""
    given = problem(rng, *draw)
    want = reference(*given)
    known = merges(given, want) | {k: one[3] for k, one in mistakes(given).items()}
    pairs = {k: (v,) for k, v in known.items()}
    known = {k: v for k, (v,) in pairs.items()}
    compare(
        student.train_qlora(*given)[3],
        want=want[3],
        mistakes=known,
        tol=TOL,
        equation="(17.1)",
    )


@pytest.mark.draws(*SIZES)
def test_first_step(student, rng, draw):
    """From B = 0: A waits, B moves by −lr s G Aᵀ, and the loss is that of Ŵ."""
    given = problem(rng, *draw[:5], 1, start=0.0)
    X, Y, W, levels, block, A, _, s, lr, _ = given
    base = rounded(W, levels, block)
    moved = -lr * s * ((X @ base.T - Y).T @ X / len(X)) @ A.T
    losses = np.array([loss(X, Y, base), loss(X, Y, base + s * moved @ A)])
    want = A, moved, losses
    known = {name: one[:3] for name, one in mistakes(given).items()}
    compare(
        student.train_qlora(*given)[:3],
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(17.6)",
    )
