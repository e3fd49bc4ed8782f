"""Grader of first_step_drift. Bounds: a dozen small products in float64, about 1e-14."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
# widths from the input to the top, N: one layer, one column, and no two equal
DRAWS = ((3, 6, 5, 4, 2), 7), ((2, 5, 3), 4), ((4, 3, 7, 6), 1)


def problem(rng, sizes, N):
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
            g[at] = np.sum(E**2).imag / (2 * X.shape[1]) / h
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
    N, right = X.shape[1], moving(Ws, X, d)
    full = states([W + a for W, a in zip(Ws, d)], X)
    only_below, carried = [], np.zeros_like(X)
    for W, a, b in zip(Ws, d, h):
        only_below.append(np.linalg.norm(W @ carried))
        carried = W @ carried + a @ b
    return {
        "only the layer's own step, not those below": own / size,
        "only the layers below, not the own step": np.array(only_below) / size,
        "the gradient is not divided by N": right * N,
        "the ½ of the loss is ignored: the gradient is twice too large": right * 2,
        "the norms of the layers' own changes are added, not the changes": (
            np.cumsum(own) / size
        ),
        "divided by N twice": right / N,
        "the inverse, ‖h_l‖/‖Δh_l‖": 1 / right,
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
        "the mean of the columns' own ratios": by_size(
            Ws, X, d, columns, np.zeros_like
        ),
        "the mean over all entries of Y, not over its N columns": right / len(Y),
        "the whole change, with its higher orders": np.array(
            [np.linalg.norm(a - b) for a, b in zip(full, h[1:])]
        )
        / size,
    }


def top_mistakes(Ws, X, Y, rates):
    """Of Δh_L."""
    g, h, N = slopes(Ws, X, Y), [X, *states(Ws, X)], X.shape[1]

    def change(steps):
        bent = states([W + 1e-30j * d for W, d in zip(Ws, steps)], X)
        return bent[-1].imag / 1e-30

    steps = [-lr * one for lr, one in zip(rates, g)]
    right, own = change(steps), steps[-1] @ h[-2]
    whole = states([W + d for W, d in zip(Ws, steps)], X)[-1]
    return right, {
        "the step goes up the gradient": -right,
        "only the layer's own step, not those below": own,
        "only the layers below, not the own step": right - own,
        "the gradient is not divided by N": N * right,
        "divided by N twice": right / N,
        "the ½ of the loss is ignored: the gradient is twice too large": 2 * right,
        "the mean over all entries of Y, not over its N columns": right / len(Y),
        "the rates are in inverted order": change(
            [-lr * one for lr, one in zip(rates[::-1], g)]
        ),
        "one rate, the top's, for all layers": change([-rates[-1] * one for one in g]),
        "the whole change, with its higher orders": whole - h[-1],
        "h_L after the step is returned, not its change": h[-1] + right,
        "Δh_L is divided by ‖h_L‖": right / np.linalg.norm(h[-1]),
    }


def check(student, given, equation="(8.6)"):
    want = answer(*given)
    compare(
        student.first_step_drift(*given)[0],
        want=want,
        mistakes=mistakes(*given),
        tol=TOL,
        equation=equation,
    )


@pytest.mark.points(3)
@pytest.mark.draws(*DRAWS)
def test_every_layer(student, rng, draw):
    """The relative drift of two to four layers."""
    check(student, problem(rng, *draw))


@pytest.mark.draws(*DRAWS)
def test_the_top_layers_change(student, rng, draw):
    """Δh_L itself, with its sign: the first-order change of the net's output."""
    given = problem(rng, *draw)
    want, known = top_mistakes(*given)
    compare(
        student.first_step_drift(*given)[1],
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(8.6)",
    )


@pytest.mark.draws(*DRAWS[:2])
def test_a_frozen_layer_still_drifts(student, rng, draw):
    """With all rates 0 but the lowest, every layer above drifts as well."""
    Ws, X, Y, _ = problem(rng, *draw)
    with np.errstate(all="ignore"):
        check(student, (Ws, X, Y, np.where(np.arange(len(Ws)) == 0, 0.1, 0.0)))


@pytest.mark.draws(((3, 5), 7), ((6, 2), 1))
def test_one_layer(student, rng, draw):
    """One layer: ‖η·g·X‖/‖W·X‖, the closed form written out."""
    (W,), X, Y, _ = problem(rng, *draw)
    rates = np.array([0.17])
    change = 0.17 * (W @ X - Y) @ X.T @ X / X.shape[1]
    want = np.array([np.linalg.norm(change) / np.linalg.norm(W @ X)])
    compare(
        student.first_step_drift([W], X, Y, rates)[0],
        want=want,
        mistakes=mistakes([W], X, Y, rates),
        tol=TOL,
        equation="(8.5)",
    )
