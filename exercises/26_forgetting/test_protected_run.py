"""Grader of protected_run. A few float64 steps: 1e-14, against 1e-8."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-8
SIZES = [(3, 6, 2, 5, 9, 4), (4, 5, 1, 3, 7, 6), (2, 7, 4, 6, 5, 3)]
# out, in, rank of the old inputs, how many, new examples, steps


def problem(rng, out, width, rank, a, n, steps):
    W0 = rng.normal(size=(out, width))
    X_old = rng.normal(size=(a, rank)) @ rng.normal(size=(rank, width))
    X, Y = rng.normal(size=(n, width)), rng.normal(size=(n, out)) + 1.0
    return W0, X_old, X, Y, float(rng.uniform(0.05, 0.2)), steps


def protect(D, X_old):
    """D without what acts on the span of the old inputs: through a pseudo-inverse."""
    return D - D @ (np.linalg.pinv(X_old, rcond=1e-9) @ X_old)


def run(W0, X_old, X, Y, lr, steps, **how):
    """(W, losses) of (26.7), or with a mistake of `how`."""
    keep = how.get("keep", lambda D: protect(D, X_old))
    W, m, v = W0.copy(), 0 * W0, 0 * W0
    losses = []
    for t in range(1, steps + 2):
        E = X @ W.T - Y
        losses.append((E * E).sum() / (2 * len(X)))
        if t > steps:
            break
        g = how.get("fit", 1.0) * E.T @ X / len(X)
        g = keep(g) if how.get("gradient") else g
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        a, b = (1 - 0.9**t, 1 - 0.999**t) if how.get("bias", True) else (1.0, 1.0)
        step = lr * (m / a) / (np.sqrt(v / b) + 1e-8)
        step = lr * g if how.get("plain") else step
        W = W - step
        if how.get("whole"):
            W = keep(W)
        elif how.get("last"):
            W = W0 + keep(W - W0) if t == steps else W
        elif not how.get("gradient") or how.get("both"):
            W = W0 + keep(W - W0)
    return W, np.array(losses)


def mistakes(given):
    W0, X_old, X, _, _, _ = given
    P = np.linalg.pinv(X_old, rcond=1e-9) @ X_old
    unit = X_old / np.linalg.norm(X_old, axis=1, keepdims=True)
    U = np.linalg.svd(W0)[0][:, :1]
    return {
        "the gradient is projected, not Adam's step": run(*given, gradient=True),
        "the gradient is projected as well as the step": run(
            *given, gradient=True, both=True
        ),
        "W itself is projected, not W − W0": run(*given, whole=True),
        "nothing is projected": run(*given, keep=lambda D: D),
        "projected once, after the last step": run(*given, last=True),
        "the span of the old inputs is kept, its complement is lost": run(
            *given, keep=lambda D: D @ P
        ),
        "the outputs' side is projected": run(*given, keep=lambda D: D - U @ (U.T @ D)),
        "the new inputs are protected": run(*given, keep=lambda D: protect(D, X)),
        "the old inputs are not made orthogonal": run(
            *given, keep=lambda D: D - D @ unit.T @ unit
        ),
        "the first old input alone": run(
            *given, keep=lambda D: protect(D, X_old[:1])
        ),
        "gradient descent, not Adam": run(*given, plain=True),
        "Adam without its bias correction": run(*given, bias=False),
        "the step goes up the gradient": run(*given, fit=-1.0),
    }


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_weights(student, rng, draw):
    """W after a few steps."""
    given = problem(rng, *draw)
    compare(
        student.protected_run(*given)[0],
        want=run(*given)[0],
        mistakes={k: v[0] for k, v in mistakes(given).items()},
        tol=TOL,
        equation="(26.7)",
    )


@pytest.mark.draws(*SIZES)
def test_losses(student, rng, draw):
    """The loss before every step and after the last."""
    given = problem(rng, *draw)
    want = run(*given)[1]
    compare(
        student.protected_run(*given)[1],
        want=want,
        mistakes={
            k: v[1]
            for k, v in mistakes(given).items()
            if k != "projected once, after the last step"
        }
        | {
            "the loss is twice as large, |E|²/n": 2 * want,
            "sums, not means": want * len(given[2]),
            "the loss after the last step is missing": want[:-1],
            "the loss before the first step is missing": want[1:],
        },
        tol=TOL,
        equation="(26.7)",
    )


@pytest.mark.draws(
    (3, 6, 2, 5, 9, 8, 1.0), (4, 5, 1, 3, 7, 5, 1e-12), (2, 5, 3, 6, 8, 3, 1e9)
)
def test_old_outputs(student, rng, draw):
    """What the layer does to old inputs, in their whole span, however large they are."""
    W0, X_old, *rest = problem(rng, *draw[:-1])
    x = X_old.T @ rng.normal(size=len(X_old))
    X_old = draw[-1] * X_old
    given = W0, X_old, *rest
    compare(
        student.protected_run(*given)[0] @ x,
        want=W0 @ x,
        mistakes={
            "nothing is projected": run(*given, keep=lambda D: D)[0] @ x,
            "the gradient is projected, not Adam's step": run(*given, gradient=True)[0]
            @ x,
        },
        tol=TOL,
        equation="(26.7)",
        called="W x for an old x",
    )
