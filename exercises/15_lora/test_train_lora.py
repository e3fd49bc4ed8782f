"""Grader of train_lora. The reference steps by complex-step gradients of J, exact to
rounding: a few steps err by 1e-13. Where training ends has a closed form, (15.8)."""

import numpy as np
import pytest

from tinyft.grading import compare, take

TOL = 1e-9
SIZES = [  # n, out, in, r, steps: no two sizes of a draw are equal
    (9, 5, 6, 3, 2),
    (12, 3, 7, 5, 4),
    (8, 7, 4, 1, 3),
    (11, 4, 3, 2, 1),
]


def problem(rng, n, out, inputs, r, steps, start=1.0):
    X, Y = rng.normal(size=(n, inputs)), rng.normal(size=(n, out))
    W0, A = rng.normal(size=(out, inputs)), rng.normal(size=(r, inputs))
    B = start * rng.normal(size=(out, r))
    alpha, lr, decay = rng.uniform([1.2, 0.01, 0.6], [1.9, 0.02, 0.9])
    return X, Y, W0, A, B, r * float(alpha) + 0.3, float(lr), float(decay), steps


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


def reference(X, Y, W0, A, B, alpha, lr, decay, steps):
    """(A, B, losses), by slopes of J: no formula for a gradient."""
    s = alpha / len(A)

    def J(A, B):
        penalty = decay / 2 * (np.sum(A * A) + np.sum(B * B))
        return loss(X, Y, W0 + s * B @ A) + penalty

    def step(A, B):
        gA, gB = slope(lambda a: J(a, B), A), slope(lambda b: J(A, b), B)
        return A - lr * gA, B - lr * gB

    losses = [loss(X, Y, W0 + s * B @ A)]
    for _ in range(steps):
        A, B = step(A, B)
        losses.append(loss(X, Y, W0 + s * B @ A))
    return A, B, np.array(losses)


def run(given, fit=1.0, pull=1.0, scale=None, moves_W0=0.0, **how):
    """(A, B, losses) of a run with a mistake, by (15.2).

    fit, pull: factors of the gradients of L and of the decay.
    """
    X, Y, W0, A, B, alpha, lr, decay, steps = given
    s, losses, first = scale or alpha / len(A), [], None
    for left in range(steps, -1, -1):
        E = X @ (W0 + s * B @ A).T - Y
        losses.append(np.sum(E**2) / (2 * len(X)))
        G = fit * E.T @ X / len(X)
        G = G + decay * s * B @ A if how.get("on_product") else G
        move = -lr * (s * B.T @ G + pull * decay * A)
        at = A + move if how.get("one_by_one") else A
        now = move, -lr * (s * G @ at.T + pull * decay * B)
        first = first or now
        now = first if how.get("same_gradient") else now
        if left:
            A, B, W0 = A + now[0], B + now[1], W0 - moves_W0 * lr * G
    return A, B, np.array(losses)


def mistakes(given):
    X, _, _, A, _, alpha, lr, _, _ = given
    n, r = len(X), len(A)
    return {
        "the decay is left out": run(given, pull=0.0),
        "2·decay: the ½ of J has gone in the gradient": run(given, pull=2.0),
        "half the decay": run(given, pull=0.5),
        "the decay has the wrong sign": run(given, pull=-1.0),
        "the decay is not multiplied by the learning rate": run(given, pull=1 / lr),
        "the decay acts on W', not on the factors": run(given, pull=0, on_product=True),
        "B's step uses the new A": run(given, one_by_one=True),
        "the gradient is not divided by n": run(given, fit=n),
        "2/n instead of 1/n: the ½ of L is lost": run(given, fit=2.0),
        "the step goes up the gradient": run(given, fit=-1.0, pull=-1.0),
        "the scale is left out": run(given, scale=1.0),
        "α is not divided by r": run(given, scale=alpha),
        "α/√r instead of α/r": run(given, scale=alpha / r**0.5),
        "s is missing in the gradients": run(given, fit=r / alpha),
        "every step uses the first gradient": run(given, same_gradient=True),
        "W0 is trained too": run(given, moves_W0=1.0),
    }


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_factors(student, rng, draw):
    """A and B after a few steps from random factors."""
    given = problem(rng, *draw)
    want = reference(*given)[:2]
    known = {name: run[:2] for name, run in mistakes(given).items()}
    known["A and B are returned in the wrong order"] = want[::-1]
    compare(
        student.train_lora(*given)[:2],
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(15.2)",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_losses(student, rng, draw):
    """L before every step and after the last."""
    given = X, Y, *_, decay, steps = problem(rng, *draw)
    want = reference(*given)[2]
    runs = [reference(*given[:-1], k)[:2] for k in range(steps + 1)]
    decays = [decay / 2 * (np.sum(a * a) + np.sum(b * b)) for a, b in runs]
    known = {
        "the losses include the decay": want + decays,
        "the losses are not divided by n": len(X) * want,
        "the ½ of L is missing": 2 * want,
        "the losses are means over all n·out entries": 2 * want / Y.shape[1],
        "the loss after the last step is missing": want[:-1],
        "the loss before the first step is missing": want[1:],
        "only the last loss is returned": want[-1],
    }
    if steps > 1:  # of a single step several mistakes have the losses in common
        runs = {name: run[2:] for name, run in mistakes(given).items()}
        known |= {name: run for name, (run,) in runs.items()}
    compare(
        student.train_lora(*given)[2],
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(15.4)",
    )


@pytest.mark.draws(*SIZES)
def test_first_step(student, rng, draw):
    """From B = 0: A only decays, B moves by −lr s G Aᵀ, and L is that of W0."""
    given = problem(rng, *draw[:4], 1, start=0.0)
    X, Y, W0, A, _, alpha, lr, decay, _ = given
    G, s = (X @ W0.T - Y).T @ X / len(X), alpha / len(A)
    got = student.train_lora(*given)
    known = {
        "the decay is left out": (A, -lr * s * G @ A.T),
        "the decay is not multiplied by the learning rate": (
            (1 - decay) * A,
            -lr * s * G @ A.T,
        ),
        "the gradient is not divided by n": (
            (1 - lr * decay) * A,
            -len(X) * lr * s * G @ A.T,
        ),
    }
    want = (1 - lr * decay) * A, -lr * s * G @ A.T
    compare(got[:2], want=want, mistakes=known, tol=TOL, equation="(15.3)")


@pytest.mark.draws((20, 5, 4, 3), (18, 3, 6, 2), (24, 4, 7, 6))
def test_where_it_ends(student, rng, draw):
    """White inputs, 600 steps: the singular values are shrunk by decay/s, (15.8)."""
    n, out, inputs, r = draw
    X = n**0.5 * np.linalg.qr(rng.normal(size=(n, inputs)))[0]
    U = np.linalg.qr(rng.normal(size=(out, 3)))[0]
    V = np.linalg.qr(rng.normal(size=(inputs, 3)))[0]
    W0, sigma = rng.normal(size=(out, inputs)), np.array([3.0, 1.8, 0.4])
    A, B = 0.5 * rng.normal(size=(r, inputs)), 0.5 * rng.normal(size=(out, r))
    Y = X @ (W0 + (U * sigma) @ V.T).T
    alpha, decay = 1.5 * r, 1.5  # s = 1.5, decay/s = 1
    A, B, _ = student.train_lora(X, Y, W0, A, B, alpha, 0.08, decay, 600)
    A, B = take((A, B), A=(r, inputs), B=(out, r))

    def shrunk(by):
        return (U * np.maximum(sigma - by, 0)) @ V.T

    compare(
        1.5 * B @ A,
        want=shrunk(1.0),
        mistakes={
            "the decay is left out": shrunk(0.0),
            "2·decay: the ½ of J has gone in the gradient": shrunk(2.0),
            "half the decay": shrunk(0.5),
        },
        tol=1e-6,  # the slowest direction contracts by 0.9 a step: e^-60 after 600
        equation="(15.8)",
        called="train_lora for 600 steps",
    )
