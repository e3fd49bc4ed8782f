"""Calibration and class frequencies, on a world small enough to be exact.

Nine inputs and three classes with whole counts: the sample *is* the population, so every
estimate has a known answer, to rounding or to where an iteration stops (1e-8).
"""

import numpy as np
import pytest

from tinyft import evaluation, tensor

# counts[x, y] of the source; p(x|y) are its columns, and no class is told apart surely
COUNTS = np.array(
    [[60, 5, 3], [40, 10, 7], [30, 5, 20], [10, 30, 5], [5, 50, 10], [15, 40, 5],
     [10, 5, 40], [20, 10, 50], [10, 5, 60]]
)  # fmt: skip
LIKELIHOOD = COUNTS / COUNTS.sum(0)
SOURCE = COUNTS.sum(0) / COUNTS.sum()
TARGET = np.array([0.1, 0.2, 0.7])
T, B = 0.4, np.array([0.9, -0.5, -0.4])  # of the miscalibration: calibrated = z/T + b


def soft(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def rows(per_input):
    """A row per example: each input as often, for each class, as it occurs."""
    x = np.repeat(np.arange(9), COUNTS.sum(1))
    y = np.concatenate([np.repeat(np.arange(3), row) for row in COUNTS])
    return per_input[x], y


POSTERIOR = COUNTS / COUNTS.sum(1, keepdims=True)  # p_s(y|x)
LOGITS = T * (np.log(POSTERIOR) - B)
# the target's inputs as whole counts: 1000 of each class with p(x|y), thinned to TARGET
MIX = LIKELIHOOD @ TARGET
INPUTS = np.rint(MIX * 10**6).astype(int)


def on_target(p):
    """The target's mean over inputs of a table (9, K), exact up to 1e-6 of rounding."""
    return INPUTS @ p / INPUTS.sum()


def test_bcts_finds_the_temperature_and_the_bias():
    z, y = rows(LOGITS)
    found = evaluation.bcts(tensor(z), y)
    assert abs(found.temperature - T) < 1e-8
    np.testing.assert_allclose(found.bias, B - B.mean(), atol=1e-8)
    np.testing.assert_allclose(soft(found(LOGITS)), POSTERIOR, atol=1e-8)


def test_a_temperature_is_the_minimum_and_leaves_the_classes_wrong():
    z, y = rows(LOGITS)
    found = evaluation.bcts(z, y, bias=False)
    assert not found.bias.any()

    def loss(scale):
        return -np.log(soft(z * scale))[np.arange(len(y)), y].mean()

    best = loss(1 / found.temperature)
    assert best < min(loss(0.99 / found.temperature), loss(1.01 / found.temperature))
    slope = (soft(found(z)) * z).sum(1).mean() - z[np.arange(len(y)), y].mean()
    assert abs(slope) < 1e-9  # d/d(1/T): the mean logit under p is the labels'
    off = soft(found(z)).mean(0) - SOURCE
    assert np.abs(off).max() > 0.05
    both = evaluation.bcts(z, y)
    np.testing.assert_allclose(soft(both(z)).mean(0), SOURCE, atol=1e-9)


def test_em_on_the_true_posterior_is_exact_and_on_a_biased_one_is_not():
    x = np.repeat(np.arange(9), np.rint(MIX * 4000).astype(int))
    right = evaluation.em_prior(tensor(POSTERIOR[x]), SOURCE, sweeps=600)
    np.testing.assert_allclose(right, TARGET, atol=5e-3)  # counts rounded to 1/4000
    z, y = rows(LOGITS)
    alone = evaluation.bcts(z, y, bias=False)
    wrong = evaluation.em_prior(soft(alone(LOGITS))[x], SOURCE, sweeps=600)
    assert np.abs(wrong - TARGET).max() > 0.05
    mended = evaluation.em_prior(soft(evaluation.bcts(z, y)(LOGITS))[x], SOURCE, 600)
    np.testing.assert_allclose(mended, right, atol=1e-6)


def test_one_sweep_of_em_is_bayes_rule_averaged():
    p = soft(np.random.default_rng(0).normal(size=(5, 3)))
    uniform = np.array([0.5, 0.3, 0.2])
    np.testing.assert_allclose(
        evaluation.em_prior(p, uniform, sweeps=1), p.mean(0), rtol=1e-12
    )
    first = p.mean(0)
    want = np.zeros(3)
    for row in p:
        joint = [row[k] * first[k] / uniform[k] for k in range(3)]
        want += np.array(joint) / sum(joint) / len(p)
    np.testing.assert_allclose(evaluation.em_prior(p, uniform, 2), want, rtol=1e-12)


@pytest.mark.parametrize("hard", [False, True])
def test_bbse_is_exact_with_the_true_confusion_matrix(hard):
    """Whatever the calibration; μ of the population is C with its columns reweighted."""
    p = soft(LOGITS)
    p = np.eye(3)[p.argmax(1)] if hard else p
    examples, y = rows(p)
    C = evaluation.confusion(tensor(examples), y)
    want = np.zeros((3, 3))
    for i, j in np.ndindex(3, 3):
        want[i, j] = sum(COUNTS[x, j] * p[x, i] for x in range(9)) / COUNTS.sum()
    np.testing.assert_allclose(C, want, rtol=1e-12)
    np.testing.assert_allclose(evaluation.bbse(C, MIX @ p), TARGET, rtol=1e-10)
    np.testing.assert_allclose(evaluation.bbse(C, on_target(p)), TARGET, atol=1e-4)


def test_bbse_of_the_source_itself_is_the_source():
    examples, y = rows(soft(LOGITS))
    C = evaluation.confusion(examples, y)
    np.testing.assert_allclose(evaluation.bbse(C, C.sum(1)), SOURCE, rtol=1e-12)


def test_bbse_has_no_negative_share():
    C = np.array([[0.4, 0.1], [0.1, 0.4]])
    np.testing.assert_array_equal(evaluation.bbse(C, [0.9, 0.1]), [1.0, 0.0])


P = np.full((4, 2), 0.5)
AWAY = [1, 1, 0, 0, 0, 1]
SAME = np.array([[0.3, 0.2], [0.3, 0.2]])  # both classes are predicted alike


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: evaluation.bbse(SAME, [0.5, 0.5]), "rank 1 for 2 classes.*merge them"),
        (lambda: evaluation.bbse(SAME[:1], [0.5, 0.5]), r"\(K, K\).*got \(1, 2\)"),
        (lambda: evaluation.bbse(2 * SAME, [0.5, 0.5]), "C should be shares.*sum of 2"),
        (lambda: evaluation.bbse(np.eye(3) / 3, [0.5, 0.5]), "3 classes and predicted"),
        (lambda: evaluation.bbse(np.eye(2) / 2, [0.7, 0.7]), "predicted should be shares"),
        (lambda: evaluation.confusion(P, [0, 0, 0, 0]), "no example of class 1 among 4"),
        (lambda: evaluation.confusion(P, [0, 1, 2, 0]), r"integers 0\.\.1"),
        (lambda: evaluation.confusion(2 * P, [0, 1, 1, 0]), "sum of 2"),
        (lambda: evaluation.em_prior(P, [1.0, 0.0]), "the source never had"),
        (lambda: evaluation.em_prior(P, [0.2, 0.3, 0.5]), "2 positive numbers"),
        (lambda: evaluation.em_prior(P * 3, [0.5, 0.5]), "each row of posteriors"),
        (lambda: evaluation.em_prior(P, [0.5, 0.5], 0), "sweeps=0"),
        (lambda: evaluation.em_prior(P * np.nan, [0.5, 0.5]), "NaN or infinite"),
        (lambda: evaluation.bcts(P, [0, 1, 1, 0]), "every row of logits is constant"),
        (lambda: evaluation.bcts(np.eye(2), [0, 1]), "no finite temperature"),
        (lambda: evaluation.bcts(np.eye(3), [0, 1, 1]), "no example of class 2"),
        (lambda: evaluation.bcts(np.eye(2)[[0, 0, 0, 1, 1, 1]], AWAY), "best 1/T"),
        (lambda: evaluation.bcts(np.ones(3), [0, 1, 1]), r"should be \(n, K\)"),
    ],
)  # fmt: skip
def test_what_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
