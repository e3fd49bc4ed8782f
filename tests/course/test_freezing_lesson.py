"""Chapter 06's planted regression: its closed form, against descent and draws."""

import numpy as np
import pytest

from tinyft import transfer
from tinyft.course import runs
from tinyft.course.lessons.transfer import ch05_digits as digits
from tinyft.course.lessons.transfer import ch06_advice as told
from tinyft.course.lessons.transfer import ch06_freezing as lesson
from tinyft.course.lessons.transfer import ch06_planted as planted


@pytest.mark.parametrize(
    "tuned, want",  # by quadrature of the exact moments, four digits
    [
        ((), (0.82, 0.0)),
        ((4,), (0.32, 0.09)),
        ((3, 4), (0.0, 0.18)),
        ((2, 3, 4), (0.0, 0.2942)),
        ((1, 2, 3, 4), (0.0, 0.6491)),
    ],
)
def test_the_chain(tuned, want):
    assert planted.closed(tuned) == pytest.approx(want, abs=3e-4)


def test_descent_ends_at_the_fit_and_leaves_the_rest():
    y = planted.POINTS @ planted.START + np.arange(8.0)
    found = planted.descended((3, 4), y, 600)
    np.testing.assert_allclose(found, planted.fitted((3, 4), y), atol=1e-9)
    assert np.array_equal(found[:4], planted.START[:4])


def test_draws_agree_with_the_closed_form():
    rng, truth = (
        np.random.default_rng(0),
        planted.TEST @ (planted.START + planted.SHIFT),
    )
    risk = ((planted.drawn((4,), 3000, rng) - truth) ** 2).mean(1)
    want = sum(planted.closed((4,)))
    assert abs(risk.mean() - want) < 4 * risk.std() / 3000**0.5  # four standard errors


def test_names_of_parts_are_patterns():
    assert lesson.pattern("fc") == "fc" and lesson.pattern("last 1") == "fc"
    assert lesson.pattern("last 5") == lesson.pattern("everything") == ".*"


def test_what_never_thaws_is_the_last_layer_trained_alone():
    few = digits.few_labels("renamed", 20, 0)
    thawed, alone = digits.base(), digits.base()
    transfer.train_only(alone, "fc")
    losses = lesson.thaw(thawed, few, 0.01, 4, 0, every=99)
    assert np.array_equal(losses, digits.tune(alone, few, 0.01, 4, 0))
    pairs = zip(thawed.parameters(), alone.parameters(), strict=True)
    assert all(np.array_equal(a.numpy(), b.numpy()) for a, b in pairs)


def test_thawing_reaches_every_part():
    few, model, base = digits.few_labels("moved", 20, 0), digits.base(), digits.base()
    lesson.thaw(model, few, 0.01, 6, 0, every=1)
    for name, params in transfer.layer_groups(model).items():
        old = transfer.layer_groups(base)[name]
        moved = [not np.array_equal(a.numpy(), b.numpy()) for a, b in zip(params, old)]
        assert any(moved), name


def test_validation_chooses_not_the_test():
    def some(valid, test):
        scores = {"valid": valid, "test": test}
        return runs.Runs(
            {"settings": {"seed": seed}, "scores": scores} for seed in (0, 1)
        )

    assert told.chosen({"a": some(0.3, 0.9), "b": some(0.2, 0.8)}) == "b"


def test_the_moments_of_a_part():
    fc = digits.base().fc
    assert lesson.moments("fc") * 2**20 == 8 * (fc.weight.size + fc.bias.size)
    assert lesson.moments(None) == 0


def test_the_products_of_a_step_by_hand():
    """3×3 convolutions of sides 8, 4 and 2; each stage halves the side."""
    conv, first, beside = 9 * 16 * 16 * 64, 9 * 16 * 32 * 16, 16 * 32 * 16
    stem, fc, upper = 9 * 16 * 64, 64 * 10, 3 * conv  # of layer2 or layer3, the same
    entry = first + beside  # reads the stage below
    N = stem + 4 * conv + 2 * (entry + upper) + fc
    assert lesson.products(None) == N
    assert lesson.products("fc") == N + fc
    assert lesson.products("layer3") == N + (entry + upper) + upper + fc
    assert lesson.products("layer2") == N + 2 * (entry + upper) + upper + fc
    assert lesson.products(".*") == 3 * N - stem


def test_what_moves_is_carried_but_not_read():
    """The digits unmoved are read; moved by two rows, their first features are not."""
    whole, moved = lesson.carried()
    assert whole < 0.2 and moved < 0.2 and lesson.carried(down=0)[1] > 0.9


def test_rates_are_told_for_every_part():
    study = runs.load("06_freezing")
    best = told._best_rates(study)
    assert best["everything"] == [0.005, 0.002, 0.002, 0.005]  # read off the file
    assert told.factors(study) == "2 to 10 (fc: 2 to 25)"
    assert "fc 0.01 to 0.1" in told.rates(study)
    titles, rows = told.swept(study)
    assert len(titles) == len(rows[0]) and rows[0][0] == "fc"


def test_the_last_part_thaws_at_a_low_rate():
    """By hand: (1 + cos(π·18/54))/2 = 0.75, (1 + cos(π·42/54))/2 = 0.117."""
    assert lesson.last_rates() == "pace 6: step 24, 75%, pace 12: step 48, 12%"
