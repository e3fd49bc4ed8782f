"""M, its wrong forms, the ranking and the Pareto front."""

import itertools
import math
import random

import pytest

from tinyft.efficiency import pareto, ranking, score, score_by_extra


def test_the_score():
    assert score(6.0, 0.25, 0.16) == pytest.approx(6 / (0.5 * 0.4), rel=1e-14)
    assert score(6.0, 0.5, 0.08) == pytest.approx(score(6.0, 0.25, 0.16), rel=1e-14)
    assert score(6.0, 0.25, 1) == pytest.approx(math.sqrt(2) * score(6.0, 0.5, 1))
    assert score(1.1, 1.21, 1) == pytest.approx(score(1.0, 1.0, 1), rel=1e-14)


def test_wrong_forms_are_far_away():
    """No root, the sum for the product, accuracy for the gain, extra for total."""
    right = score(6.0, 0.02, 0.7)
    for wrong in (
        6 / (0.02 * 0.7),
        6 / math.sqrt(0.02 + 0.7),
        score(86.0, 0.02, 0.7),
        score_by_extra(6.0, 0.02, 0.05),
    ):
        assert abs(wrong / right - 1) > 0.5


def test_extra_compute_makes_everything_free():
    """BitFit and a merged LoRA add nothing: ∞, whatever they gain."""
    assert score_by_extra(0.001, 0.5, 0) == math.inf
    assert score_by_extra(9.0, 0.001, 0) == math.inf
    with pytest.raises(ValueError, match="total compute of a step"):
        score(1.0, 0.1, 0)


@pytest.mark.parametrize("p, c, gain", [(0, 1, 1), (-1, 1, 1), (1, math.nan, 1)])
def test_the_score_refuses_what_has_no_root(p, c, gain):
    with pytest.raises(ValueError, match="should be positive"):
        score(gain, p, c)


RUNS = {
    "full": (8.0, 100.0, 6.0),
    "lora": (7.5, 1.0, 4.1),
    "prompt": (1.0, 0.001, 4.4),
    "worse": (-2.0, 0.01, 4.0),
}


def test_the_budget_comes_before_the_rank():
    assert [n for n, _ in ranking(RUNS)] == ["prompt", "lora", "full"]
    assert ranking(RUNS, most_flops=4.2)[0][0] == "lora"
    assert [n for n, _ in ranking(RUNS, 0.5, 5.0)] == ["prompt"]
    assert ranking({}) == []


def test_a_loss_is_not_ranked():
    """Divided by less a loss is worse: M would put the dearer loser first."""
    assert score(-2, 0.01, 1) < score(-2, 1, 1)
    assert "worse" not in dict(ranking(RUNS))


def test_other_constants_give_the_same_order_and_ratios():
    few = dict(ranking(RUNS, 1000.0, 60.0))
    many = dict(ranking(RUNS))
    assert few["lora"] / few["full"] == pytest.approx(many["lora"] / many["full"])


def test_the_front_by_hand():
    points = {"a": (3, 9), "b": (2, 5), "c": (2, 7), "d": (1, 1), "e": (3, 9)}
    assert pareto(points, ("high", "low")) == ["a", "b", "d", "e"]
    assert pareto({"one": (1,)}, ("low",)) == ["one"]
    assert pareto({}, ("low",)) == []


def test_the_front_by_brute_force():
    """Nobody off the front is undominated, nobody on it is dominated."""
    rng = random.Random(0)
    for _ in range(20):
        points = {i: tuple(rng.randint(0, 5) for _ in range(3)) for i in range(25)}
        front = set(pareto(points, ("high", "low", "low")))

        def beats(a, b):
            least = a[0] >= b[0] and a[1] <= b[1] and a[2] <= b[2]
            return least and (a[0] > b[0] or a[1] < b[1] or a[2] < b[2])

        for i, here in points.items():
            beaten = any(beats(other, here) for other in points.values())
            assert beaten == (i not in front)
        for i, j in itertools.combinations(points, 2):
            if points[i] == points[j]:  # ties stand or fall together
                assert (i in front) == (j in front)


def test_what_cannot_be_compared():
    with pytest.raises(ValueError, match=r"'b' is .*none of them NaN"):
        pareto({"a": (1, 2), "b": (math.nan, 2)}, ("high", "low"))
    with pytest.raises(ValueError, match="expected 2 numbers"):
        pareto({"a": (1,)}, ("high", "low"))
    for wrong in ("high", ("big",), ()):
        with pytest.raises(ValueError, match='expected "high" or "low"'):
            pareto({"a": (1,)}, wrong)
