"""Grader of first_step_drift. Bounds: a dozen small products in float64, about 1e-14."""

import numpy as np
import pytest

from tinyft.grading import compare, fail

TOL = 1e-9
SIZES, N = (3, 6, 5, 4, 2), 7


def problem(seed, sizes=SIZES):
    rng = np.random.default_rng(seed)
    shapes = list(zip(sizes[1:], sizes))
    Ws = [rng.normal(size=shape) / np.sqrt(shape[1]) for shape in shapes]
    X, Y = rng.normal(size=(sizes[0], N)), rng.normal(size=(sizes[-1], N))
    return Ws, X, Y, 0.1 * rng.uniform(0.4, 0.6) ** np.arange(len(Ws))[::-1]


def states(Ws, X):
    found = []
    for W in Ws:
        X = W @ X
        found.append(X)
    return found


def slopes(Ws, X, Y):
    """Each gradient from a perturbed forward pass, entry by entry: no backward."""
    h, found = 1e-30, []
    for i, W in enumerate(Ws):
        g = np.zeros_like(W)
        for at in np.ndindex(W.shape):
            bump = W.astype(complex)
            bump[at] += 1j * h
            E = states([*Ws[:i], bump, *Ws[i + 1 :]], X)[-1] - Y
            g[at] = np.sum(E**2).imag / (2 * N) / h
        found.append(g)
    return found


def moving(Ws, X, steps):
    """‖Δh_l‖/‖h_l‖ along the steps, by the complex step: Im h_l(W + ih ΔW)/h."""
    h = 1e-30
    bent = states([W + 1j * h * d for W, d in zip(Ws, steps)], X)
    return np.array([np.linalg.norm(b.imag) / h / np.linalg.norm(b.real) for b in bent])


def by_size(Ws, X, steps, norm, change=np.asarray):
    """norm(Δh_l)/norm(h_l + change(Δh_l)) for another norm, or another h_l below."""
    h = 1e-30
    bent = states([W + 1j * h * d for W, d in zip(Ws, steps)], X)
    return np.array(
        [np.mean(norm(b.imag / h) / norm(b.real + change(b.imag / h))) for b in bent]
    )


def answer(Ws, X, Y, rates):
    return moving(Ws, X, [-lr * g for lr, g in zip(rates, slopes(Ws, X, Y))])


def spectral(a):
    return np.linalg.norm(a, 2)


def columns(a):
    return np.linalg.norm(a, axis=0)


def mistakes(Ws, X, Y, rates):
    g, h = slopes(Ws, X, Y), [X, *states(Ws, X)]
    d = [-lr * one for lr, one in zip(rates, g)]
    size = np.array([np.linalg.norm(one) for one in h[1:]])
    own = np.array([np.linalg.norm(a @ b) for a, b in zip(d, h)])
    unit = [-lr * one / np.linalg.norm(one) for lr, one in zip(rates, g)]
    right, full = moving(Ws, X, d), states([W + a for W, a in zip(Ws, d)], X)
    only_below, carried = [], np.zeros_like(X)
    for W, a, b in zip(Ws, d, h):
        only_below.append(np.linalg.norm(W @ carried))
        carried = W @ carried + a @ b
    return {
        "only the layer's own step, not those below": own / size,
        "only the layers below, not the own step": np.array(only_below) / size,
        "the gradient is not divided by N": right * N,
        "the gradient is that of ‖E‖²/N, twice too large": right * 2,
        "the rates are in inverted order": moving(
            Ws, X, [-lr * one for lr, one in zip(rates[::-1], g)]
        ),
        "one rate, the top's, for all layers": moving(
            Ws, X, [-rates[-1] * one for one in g]
        ),
        "the gradients were normalised to length 1": moving(Ws, X, unit),
        "not divided by ‖h_l‖": right * size,
        "divided by the norm of the layer's input": right
        * size
        / np.array([np.linalg.norm(one) for one in h[:-1]]),
        "the squared norms": right**2,
        "the drift of the weights, ‖ΔW_l‖/‖W_l‖": np.array(
            [np.linalg.norm(a) / np.linalg.norm(W) for a, W in zip(d, Ws)]
        ),
        "spectral norms, not Frobenius": by_size(Ws, X, d, spectral, np.zeros_like),
        "divided by the norm after the step": by_size(Ws, X, d, np.linalg.norm),
        "the mean of the columns' own ratios": by_size(Ws, X, d, columns, np.zeros_like),
        "the mean over all entries of Y, not over its N columns": right / len(Y),
        "the whole change, with its higher orders": np.array(
            [np.linalg.norm(a - b) for a, b in zip(full, h[1:])]
        )
        / size,
    }


@pytest.mark.points(3)
def test_every_layer(student, seed):
    """The relative drift of four layers."""
    Ws, X, Y, rates = problem(seed)
    got, _ = student.first_step_drift(Ws, X, Y, rates)
    compare(
        got,
        want=answer(Ws, X, Y, rates),
        mistakes=mistakes(Ws, X, Y, rates),
        tol=TOL,
        equation="(8.6)",
    )


def test_the_top_layers_change(student, seed):
    """Δh_L itself, with its sign: the first-order change of the net's output."""
    Ws, X, Y, rates = problem(seed)
    g, h = slopes(Ws, X, Y), 1e-30
    steps = [-lr * one for lr, one in zip(rates, g)]
    right = states([W + 1j * h * d for W, d in zip(Ws, steps)], X)[-1].imag / h
    own = steps[-1] @ states(Ws[:-1], X)[-1]
    compare(
        student.first_step_drift(Ws, X, Y, rates)[1],
        want=right,
        mistakes={
            "the step goes up the gradient": -right,
            "only the layer's own step, not those below": own,
            "the own step is subtracted from what comes from below": right - 2 * own,
            "the gradient is not divided by N": N * right,
            "the mean over all entries of Y, not over its N columns": right / len(Y),
            "the whole change, with its higher orders": (
                states([W + d for W, d in zip(Ws, steps)], X)[-1] - states(Ws, X)[-1]
            ),
        },
        tol=TOL,
        equation="(8.6)",
    )


def test_a_frozen_layer_still_drifts(student, seed):
    """With all rates 0 but the lowest, every layer above drifts as well."""
    Ws, X, Y, rates = problem(seed)
    rates = np.where(np.arange(len(Ws)) == 0, 0.1, 0.0)
    compare(
        student.first_step_drift(Ws, X, Y, rates)[0],
        want=answer(Ws, X, Y, rates),
        mistakes={
            "only the layer's own step, not those below": lambda: mistakes(
                Ws, X, Y, rates
            )["only the layer's own step, not those below"],
        },
        tol=TOL,
        equation="(8.6)",
    )


def test_one_layer(student, seed):
    """One layer: ‖η·g·X‖/‖W·X‖, the closed form written out."""
    Ws, X, Y, _ = problem(seed, (3, 5))
    (W,) = Ws
    change = 0.1 * (W @ X - Y) @ X.T @ X / N
    compare(
        student.first_step_drift(Ws, X, Y, np.array([0.1]))[0],
        want=np.array([np.linalg.norm(change) / np.linalg.norm(W @ X)]),
        mistakes={
            "the gradient is not divided by N": np.array(
                [N * np.linalg.norm(change) / np.linalg.norm(W @ X)]
            )
        },
        tol=TOL,
        equation="(8.5)",
    )
