"""Grader of train_encoder: slopes of J by complex step; where it ends has a closed form.
A few steps err by 1e-13."""

import numpy as np
import pytest

from tinyft.grading import compare, take

TOL = 1e-9
SIZES = [(9, 3, 4, 3), (7, 2, 5, 2), (11, 4, 2, 4), (6, 3, 3, 0)]  # n, in, d, steps


def problem(rng, n, inputs, d, steps):
    X, W0, a = (rng.normal(size=k) for k in ((n, inputs), (d, inputs), d))
    y = X @ rng.normal(size=inputs) + rng.normal(size=n)
    scores, sd = rng.uniform(0.1, 0.9, d), rng.uniform(0.6, 1.6, d)
    lam, lr = rng.uniform([1.2, 0.02], [2.0, 0.05])
    return X, y, W0, a, float(lam), scores, sd, float(lr), steps


def fit(W, X, y, a):
    return np.sum((X @ W.T @ a - y) ** 2) / (2 * len(X))


def moved(W, X, W0):
    return np.mean((X @ (W - W0).T) ** 2, axis=0)


def slope(f, at):
    found = np.empty(at.shape)
    for i in np.ndindex(at.shape):
        there = at.astype(complex)
        there[i] += 1e-30j
        found[i] = f(there).imag / 1e-30
    return found


def run(given, weights=None, penalty=None, fit_scale=1.0, up=1.0, extra=0):
    X, y, W0, a, lam, s, sd, lr, steps = given
    weights = lam * (1 - s) / (2 * sd**2) if weights is None else weights
    pen = penalty or (lambda W: np.sum(weights * moved(W, X, W0)))
    W, losses = W0, [fit(W0, X, y, a)]
    for _ in range(steps + extra):
        W = W - up * lr * slope(lambda V: fit_scale * fit(V, X, y, a) + pen(V), W)
        losses.append(fit(W, X, y, a))
    return W, np.array(losses), moved(W, X, W0)


def mistakes(given):
    X, _, W0, _, lam, s, sd, _, _ = given
    n, w = len(X), lam * (1 - s) / (2 * sd**2)
    W, L, far = run(given)
    return {
        "the penalty is left out": run(given, 0 * w),
        "2λ: the ½ of the KL is lost": run(given, 2 * w),
        "λ/2: the ½ counts twice": run(given, w / 2),
        "weights s, not 1 − s": run(given, lam * s / (2 * sd**2)),
        "all features weigh the same": run(given, lam / (2 * sd**2)),
        "sd instead of sd²": run(given, lam * (1 - s) / (2 * sd)),
        "sd is left out": run(given, lam * (1 - s) / 2),
        "the pull is on weights, not on features: X is missing": run(
            given, penalty=lambda W: np.sum(w[:, None] * (W - W0) ** 2)
        ),
        "the pull is to 0, not to the start": run(
            given, penalty=lambda W: np.sum(w * np.mean((X @ W.T) ** 2, axis=0))
        ),
        "the penalty is a sum over the examples": run(given, n * w),
        "the penalty is a mean over the features": run(given, w / len(w)),
        "the penalty has the wrong sign": run(given, -w),
        "the loss is not divided by n": run(given, fit_scale=n),
        "2/n instead of 1/n: the ½ of the loss is lost": run(given, fit_scale=2.0),
        "the step goes up the gradient": run(given, up=-1.0),
        "one step too many": run(given, extra=1),
        "the losses include the penalty": (
            W,
            np.array([*L[:-1], L[-1] + np.sum(w * far)]),
            far,
        ),
        "the ½ of the loss is missing in the losses": (W, 2 * L, far),
        "the losses are not divided by n": (W, n * L, far),
        "the loss after the last step is missing": (W, L[:-1], far),
        "the loss before the first step is missing": (W, L[1:], far),
        "moved is the root": (W, L, np.sqrt(far)),
        "moved is a sum over the examples": (W, L, n * far),
        "moved is that of the weights": (W, L, np.sum((W - W0) ** 2, axis=1)),
        "moved is divided by 2 sd²": (W, L, far / (2 * sd**2)),
    }


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_a_few_steps(student, rng, draw):
    """The encoder, the losses and the movement after a few steps, and after none."""
    given = problem(rng, *draw)
    want = run(given)
    compare(
        student.train_encoder(*given),
        want=want,
        mistakes=mistakes(given),
        tol=TOL,
        equation="(11.5)",
    )


@pytest.mark.points(2)
@pytest.mark.draws((12, 2, 3), (15, 3, 2))
def test_where_it_ends(student, rng, draw):
    """2500 steps end at (11.6): features share the change ∝ a sd²/(1 − s)."""
    n, inputs, d = draw
    X, y, W0, a, lam, s, sd, _, _ = problem(rng, n, inputs, d, 0)
    X = np.sqrt(n) * np.linalg.qr(X)[0]  # white: every direction converges alike
    lr = 0.9 / (a @ a + np.max(lam * (1 - s) / sd**2))
    got = student.train_encoder(X, y, W0, a, lam, s, sd, lr, 2500)
    W, _, _ = take(got, W=(d, inputs), losses=(2501,), moved=(d,))

    def end(weights):
        c = a / weights
        return W0 + np.outer(c, X.T @ y / n - W0.T @ a) / (1 + a @ c)

    w = lam * (1 - s) / sd**2
    compare(
        W,
        want=end(w),
        mistakes={
            "the penalty is left out": end(1e-9 * w),
            "2λ: the ½ of the KL is lost": end(2 * w),
            "weights s, not 1 − s": end(lam * s / sd**2),
            "sd instead of sd²": end(lam * (1 - s) / sd),
        },
        tol=1e-6,
        equation="(11.6)",
        called="train_encoder for 2500 steps",
    )
