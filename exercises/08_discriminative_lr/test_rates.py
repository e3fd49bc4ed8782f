"""Grader of rates. Bounds: one power and one product, 1e-15, against 1e-12 allowed."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-12


def problem(seed):
    rng = np.random.default_rng(seed)
    return rng.uniform(0.05, 0.5), rng.uniform(0.35, 0.6), int(rng.integers(4, 7))


def downward(lr, factor, count):
    """Walk down from the top, one factor a layer: no exponent to get wrong."""
    found = [lr]
    for _ in range(count - 1):
        found.insert(0, found[0] * factor)
    return np.array(found)


def mistakes(lr, decay, count):
    right = downward(lr, decay, count)
    return {
        "the order is inverted: the top layer has the smallest rate": right[::-1],
        "exponent l: the bottom has α·η0 and the rates fall towards the top": (
            right[::-1] * decay
        ),
        "layers numbered from 0: the top layer has α·η0": right * decay,
        "the top layer has η0/α: one layer too many": right / decay,
        "(1 − α) instead of α": downward(lr, 1 - decay, count),
        "divided by α, not multiplied": downward(lr, 1 / decay, count),
        "the rates fall in equal differences": lr * decay * np.arange(1, count + 1),
        "η0 is missing": right / lr,
        "exponent 2(L−l)": downward(lr, decay**2, count),
        "η0 stands inside the power": (lr * decay) ** np.arange(count)[::-1],
        "η0 is the bottom's rate: the rates grow beyond it": lr / decay ** np.arange(count),
        "evenly spaced from α·η0 to η0": np.linspace(lr * decay, lr, count),
        "α is spread over the whole stack": np.geomspace(lr * decay, lr, count),
    }


@pytest.mark.points(2)
def test_rates(student, seed):
    """The rates of 4 to 6 layers."""
    lr, decay, count = problem(seed)
    compare(
        student.rates(lr, decay, count),
        want=downward(lr, decay, count),
        mistakes=mistakes(lr, decay, count),
        tol=TOL,
        equation="(8.1)",
    )


def test_two_layers(student, seed):
    """Two layers: α·η0 and η0."""
    lr, decay, _ = problem(seed)
    compare(
        student.rates(lr, decay, 2),
        want=np.array([decay * lr, lr]),
        mistakes={
            name: value
            for name, value in mistakes(lr, decay, 2).items()
            if name in list(mistakes(lr, decay, 2))[:4]
        },
        tol=TOL,
        equation="(8.1)",
    )


def test_the_ends(student, seed):
    """α = 1 is one rate for all, and a single layer has η0 itself."""
    lr, decay, count = problem(seed)
    compare(
        student.rates(lr, 1.0, count),
        want=np.full(count, lr),
        mistakes={"(1 − α) instead of α": downward(lr, 0.0, count)},
        tol=TOL,
        equation="(8.1)",
    )
    compare(
        student.rates(lr, decay, 1),
        want=np.array([lr]),
        mistakes={
            "layers numbered from 0: the top layer has α·η0": np.array([lr * decay]),
            "the top layer has η0/α: one layer too many": np.array([lr / decay]),
        },
        tol=TOL,
        equation="(8.1)",
    )
