"""Difference in differences against regression and enumeration (A16); bad input."""

import itertools
import math

import numpy as np
import pytest

from tinyft import evaluation, models, tensor
from tinyft.evaluation import (
    difference_in_differences,
    joint,
    log_perplexity,
    permutation_p,
    plant,
    token_losses,
)


def problem(n=5, m=4, seed=0, effect=0.0):
    """Losses of two models on texts of uneven difficulty: (test, shadow), pairs each."""
    rng = np.random.default_rng(seed)
    hard = [rng.normal(4, 0.5, k) for k in (n, m)]
    pairs = [[h + rng.normal(0, 0.05, len(h)) for _ in (0, 1)] for h in hard]
    pairs[0][0] = pairs[0][0] + effect
    return [tuple(p) for p in pairs]


def test_the_value_is_the_interaction_of_a_regression():
    """OLS of loss on 1, suspect, test, suspect × test: the last coefficient is (3)."""
    test, shadow = problem(7, 4)
    cells = [(test[0], 1, 1), (test[1], 0, 1), (shadow[0], 1, 0), (shadow[1], 0, 0)]
    y = np.concatenate([cell for cell, _, _ in cells])
    X = np.concatenate([np.tile([1, s, t, s * t], (len(c), 1)) for c, s, t in cells])
    want = np.linalg.lstsq(X, y, rcond=None)[0][3]
    assert difference_in_differences(test, shadow).value == pytest.approx(
        want, abs=1e-12
    )


def test_the_error_is_welchs():
    """(4) and Welch's degrees of freedom: from the variances by hand."""
    D = np.array([1.0, 3.0, 2.0, 6.0, 3.0, 9.0]), np.array([1.0, 2.0, 6.0])
    pairs = [(d, np.zeros(len(d))) for d in D]
    got = difference_in_differences(*pairs, level=0.9)
    a, b = 8.8 / 6, 7 / 3  # variances 8.8 and 7, ddof = 1
    freedom = (a + b) ** 2 / (a**2 / 5 + b**2 / 2)
    assert got.value == pytest.approx(4 - 3, abs=1e-12)
    assert got.error == pytest.approx(math.sqrt(a + b), rel=1e-12)
    assert got.freedom == int(freedom) == 4
    # printed tables: t of 90 %, two-sided, for 4 degrees is 2.132
    assert got.half == pytest.approx(2.132 * got.error, rel=3e-4)


def test_the_sign_is_negative_for_a_leak():
    found = difference_in_differences(*problem(30, 30, effect=-0.5))
    assert found.value == pytest.approx(-0.5, abs=0.1)
    assert found.sign == -1 and found.test - found.shadow == found.value
    assert difference_in_differences(*problem(30, 30, effect=0.5)).sign == 1
    assert difference_in_differences(*problem(30, 30)).sign == 0


def test_a_better_model_is_no_leak_on_the_log_scale_only():
    """A16: perplexities 20 (test) and 22 (shadow), suspect 0.8 times both."""
    ppl = np.array([19.0, 20.0, 21.0]), np.array([21.5, 22.0, 22.5, 22.0])
    noise = [1e-9 * np.arange(len(p)) for p in ppl]
    logs = [(np.log(0.8 * p) + e, np.log(p)) for p, e in zip(ppl, noise)]
    assert abs(difference_in_differences(*logs).value) < 1e-8
    raw = [(0.8 * p, p) for p in ppl]
    assert difference_in_differences(*raw).value == pytest.approx(0.4, abs=1e-12)


def test_permutations_are_listed_when_few():
    test, shadow = problem(4, 5, effect=-0.06)
    D = np.concatenate([test[0] - test[1], shadow[0] - shadow[1]])
    values = [
        np.mean(D[list(c)]) - np.mean(np.delete(D, c))
        for c in itertools.combinations(range(9), 4)
    ]
    observed = values[0]  # 0, 1, 2, 3 are the test texts
    want = np.mean(np.array(values) <= observed + 1e-12)
    assert permutation_p(test, shadow) == pytest.approx(want, abs=1e-12)
    # their mean is 0 and their variance S² (1/n + 1/m), ddof = 1 (A16)
    assert np.mean(values) == pytest.approx(0, abs=1e-12)
    assert np.var(values) == pytest.approx(
        np.var(D, ddof=1) * (1 / 4 + 1 / 5), rel=1e-9
    )


def test_drawn_permutations_estimate_the_exact_p():
    test, shadow = problem(5, 6, seed=4, effect=-0.02)
    exact, draws = permutation_p(test, shadow), 400
    got = permutation_p(test, shadow, np.random.default_rng(0), draws)
    assert abs(got - exact) < 4 * math.sqrt(exact * (1 - exact) / draws) + 1 / draws
    far = problem(20, 20, effect=-3.0)
    assert permutation_p(*far, np.random.default_rng(0), 99) == 0.01  # never 0


def test_joint():
    assert joint([0.01, 0.04]) == 0.04
    assert joint([0.01, 0.04], "any") == pytest.approx(0.02)
    assert joint([0.6, 0.7, 0.9], "any") == 1.0
    rng = np.random.default_rng(1)  # independent uniform p-values
    p = rng.uniform(size=(20_000, 2))
    every = np.mean([joint(one) <= 0.2 for one in p])
    some = np.mean([joint(one, "any") <= 0.2 for one in p])
    error = 4 * math.sqrt(0.2 * 0.8 / len(p))
    assert abs(every - 0.04) < error and abs(some - 0.19) < error


def test_plant_reads_each_text_as_often_as_asked():
    where = plant(np.random.default_rng(0), 40, np.array([0, 1, 4, 16]))
    assert where.shape == (40,)
    assert [(where == i).sum() for i in range(-1, 4)] == [19, 0, 1, 4, 16]


def test_losses_are_those_of_each_text_alone():
    model = models.presets.gpt2_tiny(rng=0, dtype="float64")
    rng = np.random.default_rng(1)
    texts = [rng.integers(0, 256, n) for n in (7, 3, 7, 2, 5)]
    got = token_losses(model, texts, rows=2)
    for text, losses in zip(texts, got):
        z = model(tensor(text[None, :-1])).numpy()[0]
        p = np.exp(z - z.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        want = -np.log(p[np.arange(len(text) - 1), text[1:]])
        np.testing.assert_allclose(losses, want, atol=1e-12)
    means = [losses.mean() for losses in got]  # of each text, not of all tokens
    np.testing.assert_allclose(log_perplexity(got), means, atol=1e-14)
    assert model.training  # as it was


GOOD = problem()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: difference_in_differences(GOOD[0], None), "no shadow set"),
        (lambda: permutation_p(GOOD[0], ()), "no shadow set"),
        (lambda: difference_in_differences(GOOD[0], ([1.0], [2.0])), "has 1 text"),
        (lambda: difference_in_differences(GOOD[0], GOOD[0]), "the same losses"),
        (
            lambda: difference_in_differences((GOOD[0][0],) * 2, (GOOD[1][0],) * 2),
            "compared with itself",
        ),
        (
            lambda: difference_in_differences((GOOD[0][0], GOOD[1][0]), GOOD[1]),
            "same texts",
        ),
        (lambda: permutation_p(([1.0, math.nan], [1.0, 2.0]), GOOD[1]), "NaN"),
        (lambda: permutation_p(*problem(20, 20)), "give rng"),
        (
            lambda: plant(np.random.default_rng(0), 9, np.array([1, -1])),
            "integers >= 0",
        ),
        (lambda: plant(np.random.default_rng(0), 9, np.array([1.5])), "integers >= 0"),
        (lambda: plant(np.random.default_rng(0), 9, np.array([4, 6])), "10 repeats"),
        (lambda: log_perplexity([np.ones(3), np.ones(0)]), "leave empty texts"),
        (lambda: token_losses(models.presets.gpt2_tiny(rng=0), [[1]]), "empty text"),
        (lambda: token_losses(models.presets.gpt2_tiny(rng=0), []), "no text"),
        (lambda: joint([]), "numbers in 0..1"),
        (lambda: joint([0.5, 1.2]), "numbers in 0..1"),
        (lambda: joint([0.5], "both"), '"all" or "any"'),
    ],
)
def test_bad_input_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()


def test_names_are_public():
    assert {"Contrast", "plant", "auc", "order_test"} <= set(evaluation.__all__)
