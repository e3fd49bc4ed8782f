"""Item statistics: share right, discrimination, mistakes."""

import numpy as np
import pytest

from tinyft.grading.classroom import items
from tinyft.grading.results import Check, Report, TaskResult


def test_discrimination_is_the_correlation_of_right_with_the_rest_score():
    rng = np.random.default_rng(0)
    rest = rng.normal(size=40) * 3 + 7
    right = rng.random(40) < 1 / (1 + np.exp(7 - rest))
    got = items.point_biserial(right.tolist(), rest.tolist())
    # two formulas for one number, 40 float64 terms: rounding of 1e-15
    np.testing.assert_allclose(got, np.corrcoef(right, rest)[0, 1], rtol=1e-13)


@pytest.mark.parametrize(
    "right, rest",
    [([], []), ([True, True], [1, 2]), ([False] * 2, [1, 2]), ([True, False], [5, 5])],
)
def test_discrimination_is_undefined_without_differences(right, rest):
    assert items.point_biserial(right, rest) is None


def student(name, first, second, named=()):
    def task(label, ok, named=()):
        check = Check("c", "c", 2, "passed" if ok else "failed", named=list(named))
        return TaskResult(label, label, "", [check, Check("d", "d", 2, "passed")])

    return Report([task("a", first, named), task("b", second)], student=name)


def test_item_statistics():
    found = items.statistics(
        [
            student("1", True, True),
            student("2", True, True),
            student("3", False, False, ["n·λ", "n·λ"]),
            student("4", False, True, ["n·λ"]),
            Report([], student="5", problem="lost"),
        ],
        ["a", "b"],
    )
    a, b = found
    assert (a["students"], a["right"], b["right"]) == (5, 2 / 5, 3 / 5)
    assert a["mean score"] == (1 + 1 + 0.5 + 0.5 + 0) / 5
    assert a["mistakes"] == {"n·λ": 2}  # students, not checks
    rest, right = [4, 4, 2, 4, 0], [1, 1, 0, 0, 0]
    expected = np.corrcoef(right, rest)[0, 1]
    np.testing.assert_allclose(a["discrimination"], expected, rtol=1e-13)
    head, row, _ = items.rows(found)
    assert dict(zip(head, row))["most frequent mistakes"] == "n·λ (2)"
    assert dict(zip(head, row))["share right"] == "0.400"
