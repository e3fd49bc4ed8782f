"""LEEP by its definition and its ends; LogME as the density of a Gaussian.

The definitions are loops over examples; agreement to rounding, 1e-10. The best α and β
are found to 1e-12 of the evidence, flat at its maximum.
"""

import math

import numpy as np
import pytest

from tinyft import tensor
from tinyft.transfer import leep, logme
from tinyft.transfer.transferability import evidence


@pytest.fixture
def case():
    rng = np.random.default_rng(0)
    p, y = rng.dirichlet(np.ones(4), size=30), rng.integers(0, 3, 30)
    return p, y


def test_leep_is_its_definition(case):
    p, y = case
    total = 0.0
    for i in range(30):
        inner = 0.0
        for z in range(4):
            joint = sum(p[j, z] for j in range(30) if y[j] == y[i])
            inner += joint / sum(p[j, z] for j in range(30)) * p[i, z]
        total += math.log(inner)
    assert leep(p, y) == pytest.approx(total / 30, abs=1e-10)
    assert leep(tensor(p), tensor(y)) == pytest.approx(total / 30, abs=1e-10)


def test_leep_at_its_ends(case):
    _, y = case
    constant = np.tile([0.2, 0.5, 0.3], (30, 1))
    share = np.bincount(y) / 30
    assert leep(constant, y) == pytest.approx(np.sum(share * np.log(share)), abs=1e-12)
    renamed = np.eye(5)[[4, 0, 2]][y]  # certain, under other names
    assert leep(renamed, y) == pytest.approx(0.0, abs=1e-12)


def test_leep_does_not_depend_on_the_names_of_either_side(case):
    p, y = case
    want = leep(p, y)
    assert leep(p[:, [2, 0, 3, 1]], np.array([7, 4, 9])[y]) == pytest.approx(want)


def gaussian(F, y, alpha, beta):
    C = F @ F.T / alpha + np.eye(len(y)) / beta
    fit = y @ np.linalg.solve(C, y) + np.linalg.slogdet(C)[1]
    return -(fit + len(y) * math.log(2 * math.pi)) / (2 * len(y))


@pytest.mark.parametrize("n, D", [(25, 4), (12, 20)])
def test_logme_is_the_largest_gaussian_evidence(n, D):
    rng = np.random.default_rng(1)
    F = rng.normal(size=(n, D))
    labels = (F[:, 0] + 0.5 * rng.normal(size=n) > 0).astype(int)
    total = 0.0
    for k in (0, 1):
        y = (labels == k).astype(float)
        grid = np.exp(np.linspace(-6, 9, 121))
        total += max(gaussian(F, y, a, b) for a in grid for b in grid)
    got = logme(F, labels)
    assert total / 2 - 1e-9 <= got <= total / 2 + 2e-3  # the grid's spacing, squared
    assert logme(F, labels + 3) == pytest.approx(got)


def test_logme_of_rotated_features_is_the_same():
    rng = np.random.default_rng(2)
    F, labels = rng.normal(size=(30, 5)), rng.integers(0, 3, 30)
    Q = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    assert logme(F @ Q, labels) == pytest.approx(logme(F, labels), abs=1e-7)


def test_one_step_of_the_evidence_is_alpha_and_beta_one():
    rng = np.random.default_rng(3)
    F, y = rng.normal(size=(8, 3)), rng.normal(size=8)
    U, S, _ = np.linalg.svd(F, full_matrices=False)
    z2 = (U.T @ y) ** 2
    got = evidence(S**2, z2, y @ y - z2.sum(), F.shape, steps=1)
    assert got == pytest.approx(gaussian(F, y, 1.0, 1.0), abs=1e-12)


def test_better_features_have_the_better_scores():
    rng = np.random.default_rng(4)
    y = rng.integers(0, 3, 200)
    good = np.eye(3)[y] + 0.3 * rng.normal(size=(200, 3))
    poor = np.eye(3)[y] + 3.0 * rng.normal(size=(200, 3))

    def softmax(x):
        return np.exp(x) / np.exp(x).sum(1, keepdims=True)

    assert logme(good, y) > logme(poor, y)
    assert leep(softmax(good), y) > leep(softmax(poor), y)


@pytest.mark.parametrize("score", [leep, logme])
@pytest.mark.parametrize(
    "rows, targets, sentence",
    [
        (np.full((4, 2), 0.5), [0, 1, 0], "targets should be 4 integer labels"),
        (np.full((4, 2), 0.5), [0.0, 1.0, 0.0, 1.0], "integer labels"),
        (np.full((4, 2), 0.5), [2, 2, 2, 2], "all 4 labels are class 2"),
        (np.full(4, 0.5), [0, 1, 0, 1], r"\(examples, columns\)"),
        ([[0.5, math.nan], [0.5, 0.5]], [0, 1], "NaN or infinite"),
    ],
)
def test_bad_input_is_a_sentence(score, rows, targets, sentence):
    with pytest.raises(ValueError, match=f"{score.__name__}: .*{sentence}"):
        score(rows, targets)


def test_logits_are_not_probabilities_and_dead_features_are_refused():
    with pytest.raises(ValueError, match=r"ops.softmax\(logits\)"):
        leep([[2.0, -1.0], [0.0, 3.0]], [0, 1])
    with pytest.raises(ValueError, match="the features are all zero"):
        logme(np.zeros((4, 3)), [0, 1, 0, 1])
