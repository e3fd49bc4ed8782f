"""Grader of fine_tune. The reference is NumPy alone: the path first, then the choice.

Bounds: a few dozen steps of AdamW in float64, two ways to write them: 1e-12.
"""

import numpy as np
import pytest

from tinyft.grading import compare, take

TOL = 1e-7
WHERE = "section 6"
NAMES = {"rate": (), "step": (), "accuracy": (), "distance": ()}
CALLED = "fine_tune: rate, step, accuracy, distance"
SIZES = [(9, 4, 6, 3, 8), (12, 5, 4, 4, 10), (7, 6, 5, 3, 6)]  # n, d, hidden, K, steps


def logits(weights, x):
    return np.tanh(x @ weights[0].T) @ weights[1].T


def slopes(weights, x, y):
    """The gradients of the mean cross-entropy."""
    hidden, out = np.tanh(x @ weights[0].T), logits(weights, x)
    p = np.exp(out - out.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    p[np.arange(len(y)), y] -= 1
    back = (p / len(y)) @ weights[1] * (1 - hidden**2)
    return [back.T @ x, (p / len(y)).T @ hidden]


def path(start, train, lr, steps, decay=0.0, piled=False):
    """The weights at the start and after every step of AdamW."""
    found, total = [start], [np.zeros_like(W) for W in start]
    m, v = ([np.zeros_like(W) for W in start] for _ in range(2))
    for t in range(1, steps + 1):
        weights, new = found[-1], []
        g = slopes(weights, *train)
        total = [a + b for a, b in zip(total, g)]
        g = total if piled else g
        for i, W in enumerate(weights):
            m[i] = 0.9 * m[i] + 0.1 * g[i]
            v[i] = 0.999 * v[i] + 0.001 * g[i] ** 2
            step = m[i] / (1 - 0.9**t) / (np.sqrt(v[i] / (1 - 0.999**t)) + 1e-8)
            new.append(W - lr * decay * W - lr * step)
        found.append(new)
    return found


def right(weights, part):
    return float((logits(weights, part[0]).argmax(1) == part[1]).mean())


def cross_entropy(weights, part):
    out = logits(weights, part[0])
    each = np.log(np.exp(out).sum(1)) - out[np.arange(len(part[1])), part[1]]
    return float(each.mean())


def gone(weights, start, kind="norm"):
    norms = np.array([np.linalg.norm(a - b) for a, b in zip(weights, start)])
    return {"norm": np.sqrt((norms**2).sum()), "square": (norms**2).sum(),
            "sum": norms.sum()}[kind]  # fmt: skip


def report(paths, rates, score, start, first=0, late=False, reverse=False):
    """(rate, step, score, distance) of the point with the largest score."""
    points = [
        (score(walk[t]), i, t)
        for i, walk in enumerate(paths)
        for t in range(first, len(walk))
    ]
    top = max(p[0] for p in points)
    level = [(i, t) for value, i, t in points if value == top]
    i = (max if reverse else min)(i for i, _ in level)
    t = (max if late else min)(t for j, t in level if j == i)
    return rates[i], t, top, gone(paths[i][t], start)


def follow_on(start, train, rates, steps):
    """The mistake: each rate goes on where the one before ended, a step after its look."""
    paths, at = [], start
    for lr in rates:
        walk = path(at, train, lr, steps + 1)
        paths.append(walk[:-1])
        at = walk[-1]
    return paths


def answers(given):
    """The right (rate, step, accuracy, distance), and those of the mistakes."""
    start, train, valid, rates, steps = given
    paths = [path(start, train, lr, steps) for lr in rates]

    def told(found=paths, **how):
        return scored(lambda weights: right(weights, valid), found, **how)

    def scored(score, found=paths, **how):
        return report(found, rates, score, start, **how)

    want = told()
    walk = paths[list(rates).index(want[0])]
    final = path(start, train, rates[-1], steps + 1)[-1]  # of the whole sweep
    ends = told([[walk[0], walk[-1]] for walk in paths], first=1)
    others = {
        "the distance of the last weights": (*want[:3], gone(final, start)),
        "the distance is squared": (*want[:3], gone(walk[want[1]], start, "square")),
        "the norms of the two matrices are added": (
            *want[:3], gone(walk[want[1]], start, "sum")),
        "the step is one too many": (want[0], want[1] + 1, *want[2:]),
        "the steps are not looked at: only the last of each rate": (
            ends[0], steps, *ends[2:]),
        "train instead of valid": scored(lambda weights: right(weights, train)),
        "the loss on valid instead of the accuracy": scored(
            lambda weights: -cross_entropy(weights, valid)),
        "of equal accuracies the latest step": told(late=True),
        "of equal accuracies the last rate": told(reverse=True),
        "each rate goes on from the weights of the one before": told(
            follow_on(start, train, rates, steps)),
        "AdamW's weight decay is on": told(
            [path(start, train, lr, steps, decay=0.01) for lr in rates]),
        "the gradients are not set to zero": told(
            [path(start, train, lr, steps, piled=True) for lr in rates]),
        "the start is not a candidate": told(first=1),
        "the last step is not looked at": told([walk[:-1] for walk in paths]),
    }  # fmt: skip
    return want, {k: v for k, v in others.items() if not same(v, want)}


def same(a, b):
    return np.allclose(a, b, 1e-5, 1e-9)


NEEDED = {
    "the distance of the last weights",
    "the steps are not looked at: only the last of each rate",
    "train instead of valid",
    "the loss on valid instead of the accuracy",
    "of equal accuracies the latest step",
    "of equal accuracies the last rate",
    "each rate goes on from the weights of the one before",
}


def clear(given):
    """No two best scores are so close that rounding could choose between them."""
    start, train, valid, rates, steps = given
    for lr in rates:
        for weights in path(start, train, lr, steps):
            top = np.sort(logits(weights, valid[0]), axis=1)
            if (top[:, -1] - top[:, -2]).min() < 1e-6:
                return False
    return True


def draw_parts(rng, n, d, hidden, K):
    start = [rng.normal(size=(hidden, d)), rng.normal(size=(K, hidden))]
    x, more = rng.normal(size=(n, d)), rng.normal(size=(2 * n, d))
    truth = [W + 0.8 * rng.normal(size=W.shape) for W in start]
    y, z = (logits(truth, each).argmax(1) for each in (x, more))
    return start, (x, y), (more, z)


def problem(rng, n, d, hidden, K, steps, needed=NEEDED):
    """Drawn again until the mistakes above give something else."""
    while True:
        start, train, valid = draw_parts(rng, n, d, hidden, K)
        rates = [float(r) for r in rng.permutation([0.02, 0.06, 0.2])]
        given = start, train, valid, rates, steps
        want, known = answers(given)
        if want[1] > 0 and needed <= known.keys() and clear(given):
            return given


def checked(student, given):
    want, known = answers(given)
    got = take(student.fine_tune(*given), WHERE, **NAMES)
    compare(
        np.array([float(v) for v in got]),
        want=np.array(want),
        mistakes={name: np.array(v) for name, v in known.items()},
        tol=TOL,
        equation=WHERE,
        called=CALLED,
    )


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_the_best_point(student, rng, draw):
    """Rates in any order; the best accuracy is reached more than once."""
    checked(student, problem(rng, *draw))


@pytest.mark.draws((8, 4, 5, 3, 5), (6, 5, 4, 4, 7))
def test_the_start_is_best(student, rng, draw):
    """Labels that lead away from valid: nothing beats step 0 of the first rate."""
    *sizes, steps = draw
    while True:
        start, (x, _), (more, _) = draw_parts(rng, *sizes)
        now = logits(start, x).argmax(1)
        train = x, (now + 1) % sizes[-1]
        given = start, train, (more, logits(start, more).argmax(1)), [0.1, 0.3], steps
        _, known = answers(given)
        if "the start is not a candidate" in known and clear(given):
            break
    checked(student, given)


@pytest.mark.draws((9, 4, 6, 3, 2), (8, 5, 4, 3, 3))
def test_the_last_step_is_best(student, rng, draw):
    """Two or three steps, and the best point is behind the last of them."""
    checked(student, problem(rng, *draw, needed={"the last step is not looked at"}))
