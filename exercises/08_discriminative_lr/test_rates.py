"""Grader of rates. Bounds: one power and one product, 1e-15, against 1e-12 allowed."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-12


def problem(rng):
    return float(rng.uniform(0.05, 0.5)), float(rng.uniform(0.35, 0.45))


def downward(lr, factor, count):
    """Walk down from the top, one factor per layer: no exponent to get wrong."""
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
        "α is subtracted, not multiplied": lr - decay * np.arange(count)[::-1],
        "divided by the number of layers above": lr
        / np.maximum(1, np.arange(count)[::-1]),
        "e^(−α(L − l)) instead of α^(L − l)": lr
        * np.exp(-decay * np.arange(count)[::-1]),
        "one rate, α·η0, for all layers but the top": np.where(
            np.arange(count) == count - 1, lr, lr * decay
        ),
        "there is one rate too many: a layer 0 below the first": downward(
            lr, decay, count + 1
        ),
        "exponent 2(L−l)": downward(lr, decay**2, count),
        "η0 stands inside the power": (lr * decay) ** np.arange(count)[::-1],
        "η0 is the bottom's rate: the rates grow beyond it": lr
        / decay ** np.arange(count),
        "evenly spaced from α·η0 to η0": np.linspace(lr * decay, lr, count),
        "α is spread over the whole stack": np.geomspace(lr * decay, lr, count),
    }


def check(student, lr, decay, count):
    want = downward(lr, decay, count)
    compare(
        student.rates(lr, decay, count),
        want=want,
        mistakes=mistakes(lr, decay, count),
        tol=TOL,
        equation="(8.1)",
    )


@pytest.mark.points(2)
@pytest.mark.draws(5, 3, 12)
def test_rates(student, rng, draw):
    """The rates of 3, 5 and 12 layers."""
    check(student, *problem(rng), draw)


@pytest.mark.draws(2, 1)
def test_few_layers(student, rng, draw):
    """Two layers: α·η0 and η0; a single layer has η0 itself."""
    check(student, *problem(rng), draw)


@pytest.mark.draws(4, 7)
def test_one_rate(student, rng, draw):
    """α = 1 is one rate for all."""
    with np.errstate(all="ignore"):  # (1 − α) is 0
        check(student, problem(rng)[0], 1.0, draw)
