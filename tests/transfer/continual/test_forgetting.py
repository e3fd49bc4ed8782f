"""The forgetting table on numbers worked by hand, its sign, and its errors."""

import numpy as np
import pytest

from tinyft.transfer.continual import final_accuracy, forgetting, just_after

nan = np.nan
R = [[0.9, nan, nan], [0.7, 0.8, nan], [0.75, 0.5, 0.6]]


def test_a_drop_is_positive():
    np.testing.assert_allclose(forgetting(R), [0.9 - 0.75, 0.8 - 0.5], rtol=1e-15)


def test_a_gain_is_negative_and_the_peak_is_at_least_the_drop():
    up = [[0.5, 0, 0], [0.9, 0.8, 0], [0.6, 0.8, 0.7]]
    np.testing.assert_allclose(forgetting(up), [-0.1, 0.0], atol=1e-15)
    np.testing.assert_allclose(forgetting(up, since="peak"), [0.3, 0.0], atol=1e-15)


def test_final_is_just_after_minus_the_share_of_forgetting():
    rng = np.random.default_rng(0)
    R = rng.random((5, 5))
    want = just_after(R) - 4 / 5 * forgetting(R).mean()
    assert final_accuracy(R) == pytest.approx(want, abs=1e-15)
    assert final_accuracy(R) == pytest.approx(sum(R[4]) / 5, abs=1e-15)
    assert just_after([[0.7]]) == final_accuracy([[0.7]]) == 0.7


def test_what_is_above_the_diagonal_is_not_read():
    full = np.array(R)
    full[np.triu_indices(3, 1)] = 7.0
    for since in ("learned", "peak"):
        np.testing.assert_array_equal(forgetting(full, since), forgetting(R, since))


def test_bad_tables_are_refused():
    with pytest.raises(ValueError, match="one task nothing can be forgotten"):
        forgetting([[0.9]])
    with pytest.raises(ValueError, match=r"got shape \(2, 3\)"):
        forgetting(np.ones((2, 3)))
    with pytest.raises(ValueError, match="row 1, column 0 is not finite"):
        forgetting([[1, nan], [nan, 1]])
    with pytest.raises(ValueError, match="not one of"):
        forgetting(R, since="best")
