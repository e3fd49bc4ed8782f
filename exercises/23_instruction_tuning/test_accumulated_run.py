"""Grader of accumulated_run. The reference makes one large batch of each step and takes
its gradient by the complex step, exact to rounding."""

import numpy as np
import pytest

from tinyft.grading import compare

IGNORE, TOL, EQUATION = -100, 1e-9, "(23.5)"
SIZES = [  # d, K, the largest norm, rows of the micro-batches of each step
    (3, 4, 2.0, ((2, 5, 3), (6, 1), (1,))),  # the last: a single row counts
    (4, 3, 0.5, ((7, 2), (3, 3, 4), (2, 6))),
    (2, 5, 1.3, ((1, 8, 2), (5, 4), (3, 7, 1))),
    (5, 2, 0.9, ((6, 2), (4, 4, 1), (2, 9))),
]


def problem(rng, d, K, most, shape, empty=None):
    """Some rows of every micro-batch do not count, unevenly; some steps are clipped."""
    steps = []
    for i, sizes in enumerate(shape):
        micro = []
        for j, n in enumerate(sizes):
            X, y = rng.normal(size=(n, d)), rng.integers(0, K, n)
            X = X * (3.0 if i == 1 else 0.8)  # the second step is clipped, the first not
            hidden = rng.integers(0, n)  # one row at least counts
            y[(hidden + 1 + np.arange(max(0, n // 2 - j % 2))) % n] = IGNORE
            y = np.full(n, IGNORE) if i == empty else y
            micro.append((X, y))
        steps.append(micro)
    return rng.normal(size=(d, K)), steps, float(rng.uniform(0.2, 0.4)), most


def loss_of(W, micro):
    """Σ −log p and the count, of all rows as one batch; W may be complex."""
    X, y = (np.concatenate(parts) for parts in zip(*micro))
    keep = y != IGNORE
    z = X[keep] @ W
    top = z.real.max(axis=1, keepdims=True)
    total = np.log(np.exp(z - top).sum(axis=1)) + top[:, 0]
    return (total - z[np.arange(keep.sum()), y[keep]]).sum(), int(keep.sum())


def slope(W, micro, h=1e-30):
    """The gradient of the sum of the losses."""
    G = np.empty(W.shape)
    for i in np.ndindex(W.shape):
        moved = W.astype(complex)
        moved[i] += 1j * h
        G[i] = loss_of(moved, micro)[0].imag / h
    return G


def reference(W, steps, lr, most):
    losses = []
    for micro in steps:
        loss, N = loss_of(W, micro)
        losses.append(loss.real / N if N else 0.0)
        G = slope(W, micro) / N if N else np.zeros(W.shape)
        W = W - lr * G * min(1.0, most / max(np.linalg.norm(G), 1e-300))
    return W, np.array(losses)


def clipped(G, most):
    return G * min(1.0, most / max(np.linalg.norm(G), 1e-300))


def run(given, divide, **how):
    """(W, losses) of a run that divides its sums in another way.

    divide(counts, sizes, total): (weight of each micro-batch's sum, of the whole).
    """
    W, steps, lr, most = given
    losses = []
    for micro in steps:
        micro = micro[:1] if how.get("first_only") else micro
        micro = [(X, y) for X, y in micro if (y != IGNORE).any()]
        if not micro:
            losses.append(0.0)
            continue
        parts = [loss_of(W, [one]) for one in micro]
        sums, counts = np.array([p[0].real for p in parts]), [p[1] for p in parts]
        weights = divide(np.array(counts), np.array([len(y) for _, y in micro]))
        if how.get("one_by_one"):
            total = 0.0
            for one, n in zip(micro, counts):
                total += loss_of(W, [one])[0].real
                W = W - lr * clipped(slope(W, [one]) / n, most)
            losses.append(total / sum(counts))
            continue
        losses.append((weights * sums).sum())
        slopes = [w * slope(W, [one]) for w, one in zip(weights, micro)]
        if how.get("clip_each"):
            slopes = [clipped(G, most) for G in slopes]
        G = sum(slopes)
        if how.get("clip_sum"):
            G = clipped(G * sum(counts), most) / sum(counts)
        elif how.get("values"):
            G = np.clip(G, -most, most)
        elif how.get("normalised"):
            G = G * most / np.linalg.norm(G)
        elif not how.get("no_clip") and not how.get("clip_each"):
            G = clipped(G, most)
        W = W + how.get("sign", -1) * lr * G
    return W, np.array(losses)


def token_mean(counts, sizes):
    return np.ones(len(counts)) / counts.sum()


def mistakes(given):
    return {
        "the mean of the micro-batches' means": run(
            given, lambda c, n: 1 / c / len(c)
        ),
        "the sum of the micro-batches' means": run(given, lambda c, n: 1 / c),
        "divided by all rows, the ignored ones too": run(
            given, lambda c, n: np.ones(len(c)) / n.sum()
        ),
        "each micro-batch is divided by all its rows": run(
            given, lambda c, n: 1 / n / len(c)
        ),
        "divided by the last micro-batch's count": run(
            given, lambda c, n: np.ones(len(c)) / c[-1]
        ),
        "divided by the largest count": run(
            given, lambda c, n: np.ones(len(c)) / c.max()
        ),
        "divided by the number of micro-batches": run(
            given, lambda c, n: np.ones(len(c)) / len(c)
        ),
        "nothing is divided": run(given, lambda c, n: np.ones(len(c))),
        "only the first micro-batch": run(given, token_mean, first_only=True),
        "a step after each micro-batch": run(given, token_mean, one_by_one=True),
        "each micro-batch's gradient is clipped": run(given, token_mean, clip_each=True),
        "the sum is clipped before it is divided": run(given, token_mean, clip_sum=True),
        "each entry is clipped, not the norm": run(given, token_mean, values=True),
        "short gradients are stretched to `most`": run(
            given, token_mean, normalised=True
        ),
        "nothing is clipped": run(given, token_mean, no_clip=True),
        "the step goes up the gradient": run(given, token_mean, sign=1),
    }


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_run(student, rng, draw):
    """W after three steps, and the losses."""
    given = problem(rng, *draw)
    want = reference(*given)
    known = mistakes(given)
    known["the losses are sums"] = (
        want[0],
        want[1] * [loss_of(given[0], micro)[1] for micro in given[1]],
    )
    known["W and the losses are returned in the wrong order"] = want[::-1]
    compare(
        student.accumulated_run(*given),
        want=want,
        mistakes=known,
        tol=TOL,
        equation=EQUATION,
    )


@pytest.mark.draws(*SIZES)
def test_an_empty_step(student, rng, draw):
    """The second step has no counted row: W stays, the loss is 0."""
    given = problem(rng, *draw, empty=1)
    want = reference(*given)
    known = mistakes(given)
    known["the loss of an empty step is NaN"] = (
        want[0],
        np.where([0, 1, 0], np.nan, want[1]),
    )
    known["an empty step has no loss in the list"] = (want[0], want[1][[0, 2]])
    known["training ends at an empty step"] = (
        reference(given[0], given[1][:1], *given[2:])[0],
        want[1],
    )
    compare(
        student.accumulated_run(*given),
        want=want,
        mistakes=known,
        tol=TOL,
        equation=EQUATION,
    )


@pytest.mark.draws(*SIZES)
def test_large_logits(student, rng, draw):
    """x W in the thousands: finite losses, of log p and not of a rounded p."""
    W, steps, lr, most = problem(rng, *draw)
    steps = [[(1000 * X, y) for X, y in micro] for micro in steps]
    want = reference(W, steps, lr, most)
    losses = np.array(want[1])
    known = {
        "the logarithm of a probability that is rounded to 0": (
            want[0],
            np.where(losses > 0, np.inf, losses),
        ),
    }
    got = student.accumulated_run(W, steps, lr, most)
    compare(got, want=want, mistakes=known, tol=TOL, equation=EQUATION)
