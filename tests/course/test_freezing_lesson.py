"""Chapter 06's planted regression: its closed form, against descent and draws."""

import numpy as np
import pytest

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
