"""Grader of train_hira. The reference steps by complex-step gradients of L, exact to
rounding: a few steps err by 1e-13."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [  # n, out, in, r, steps: no two sizes of a draw are equal
    (9, 5, 6, 3, 2),
    (12, 3, 7, 5, 4),
    (8, 7, 4, 1, 3),
    (11, 4, 3, 2, 1),
]


def problem(rng, n, out, inputs, r, steps):
    X, Y = rng.normal(size=(n, inputs)), rng.normal(size=(n, out))
    W0, A = rng.normal(size=(out, inputs)), rng.normal(size=(r, inputs))
    B = rng.normal(size=(out, r))
    return X, Y, W0, A, B, float(rng.uniform(0.015, 0.03)), steps


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


def reference(X, Y, W0, A, B, lr, steps):
    """(A, B, losses), by slopes of L: no formula for a gradient."""

    def L(A, B):
        return loss(X, Y, W0 + W0 * (B @ A))

    def step(A, B):
        gA, gB = slope(lambda a: L(a, B), A), slope(lambda b: L(A, b), B)
        return A - lr * gA, B - lr * gB

    losses = [L(A, B)]
    for _ in range(steps):
        A, B = step(A, B)
        losses.append(L(A, B))
    return A, B, np.array(losses)


def run(given, fit=1.0, **how):
    """(A, B, losses) of a run with a mistake; fit: a factor of the gradients."""
    X, Y, W0, A, B, lr, steps = given
    frozen, losses, first = W0, [], None
    for left in range(steps, -1, -1):
        change = B @ A if how.get("lora") else W0 * (B @ A)
        change = W0 * (1 + B @ A) if how.get("twice") else change
        W = (0 if how.get("alone") else frozen) + change
        E = X @ W.T - Y
        losses.append(np.sum(E**2) / (2 * len(X)))
        G = fit * E.T @ X / len(X)
        H = G if how.get("plain") or how.get("lora") else G * W0
        H = G * W if how.get("updated") else H
        H = G * (W0 * (B @ A)) if how.get("of_change") else H
        move = -lr * B.T @ H
        at = A + move if how.get("one_by_one") else A
        now = move, -lr * H @ at.T
        first = first or now
        now = first if how.get("same_gradient") else now
        now = (0 * now[0], now[1]) if how.get("only_B") else now
        if left:
            A, B = A + now[0], B + now[1]
            W0 = W if how.get("overwrites") else W0
            frozen = W0 - lr * G if how.get("trains_W0") else frozen
            frozen = W if how.get("overwrites") else frozen
            W0 = frozen if how.get("trains_W0") else W0
    return A, B, np.array(losses)


def mistakes(given):
    n = len(given[0])
    return {
        "LoRA's gradient: W0 is missing in it": run(given, plain=True),
        "LoRA: B A is added, not W0 ∘ (B A)": run(given, lora=True),
        "the updated W' in the gradient instead of W0": run(given, updated=True),
        "the updated W' becomes the base of the next step": run(given, overwrites=True),
        "W0 ∘ (B A) in the gradient instead of W0": run(given, of_change=True),
        "W0 + W0 ∘ (1 + B A): the base counts twice": run(given, twice=True),
        "W0 ∘ (B A) alone: the base is missing": run(given, alone=True),
        "B's step uses the new A": run(given, one_by_one=True),
        "the gradient is not divided by n": run(given, fit=n),
        "2/n instead of 1/n: the ½ of L is lost": run(given, fit=2.0),
        "the step goes up the gradient": run(given, fit=-1.0),
        "every step uses the first gradient": run(given, same_gradient=True),
        "W0 is trained too": run(given, trains_W0=True),
        "A is not trained": run(given, only_B=True),
    }


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_factors(student, rng, draw):
    """A and B after a few steps."""
    given = problem(rng, *draw)
    want = reference(*given)[:2]
    known = {name: found[:2] for name, found in mistakes(given).items()}
    known["A and B are returned in the wrong order"] = want[::-1]
    compare(
        student.train_hira(*given)[:2],
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(16.8)",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_losses(student, rng, draw):
    """L before every step and after the last."""
    given = X, Y, *_, steps = problem(rng, *draw)
    want = reference(*given)[2]
    known = {
        "the losses are not divided by n": len(X) * want,
        "the ½ of L is missing": 2 * want,
        "the losses are means over all n·out entries": 2 * want / Y.shape[1],
        "the loss after the last step is missing": want[:-1],
        "the loss before the first step is missing": want[1:],
        "only the last loss is returned": want[-1],
    }
    if steps > 1:
        found = {name: one[2:] for name, one in mistakes(given).items()}
        known |= {name: one for name, (one,) in found.items()}
    compare(
        student.train_hira(*given)[2],
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(16.8)",
    )
