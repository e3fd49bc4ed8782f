"""Chapter 11's reading of its study, on made-up runs whose answer is known.

1e-12: sums of some hundred numbers of size 1 in float64.
"""

import numpy as np
import pytest

from tinyft.course.lessons.safeguards import ch11_advice as advice
from tinyft.course.lessons.safeguards import ch11_information_bottleneck as lesson
from tinyft.course.lessons.safeguards import ch11_setting as setting
from tinyft.course.runs import Runs

EXACT = {"abs": 1e-12}


def made(method, scores):
    """Runs at RATE: scores(λ, seed) -> the scores of a run."""
    return [
        {
            "settings": {
                "method": method,
                "strength": lam,
                "lr": lesson.RATE,
                "seed": k,
            },
            "scores": scores(lam, k),
        }
        for lam in lesson.STRENGTHS
        for k in lesson.TEN
    ]


def line(height, slope=-1.0, start=0.5, end=0.9):
    """Points on the line new = height + slope · old, with λ from start to end of old."""
    olds = dict(zip(lesson.STRENGTHS, np.linspace(start, end, len(lesson.STRENGTHS))))

    def scores(lam, seed):
        old = olds[lam]
        return {"source": old, "target": height + slope * old + 0.1 * seed}

    return scores


def test_two_parallel_lines_differ_by_their_height():
    runs = Runs(made("a", line(1.5)) + made("b", line(1.3, start=0.6, end=0.95)))
    assert advice.gains(runs, "a", "b") == pytest.approx(np.full(10, 0.2), **EXACT)


def test_the_difference_is_a_mean_over_the_common_range_only():
    """Lines of slopes −1 and −2 from 0.7 to 0.9: the mean of old is 0.8 there."""
    runs = Runs(made("a", line(1.5)) + made("b", line(1.5, -2.0, 0.7, 0.95)))
    assert advice.gains(runs, "a", "b") == pytest.approx(np.full(10, 0.8), **EXACT)


def test_by_and_score_can_be_exchanged():
    """At equal new accuracy, lines of slope −1 lie as far apart as at equal old."""
    runs = Runs(made("a", line(1.5)) + made("b", line(1.3)))
    found = advice.gains(runs, "a", "b", "target", score="source")
    assert found == pytest.approx(np.full(10, 0.2), **EXACT)


def test_without_a_common_range_a_seed_is_left_out_and_told():
    apart = advice.gains(
        Runs(made("a", line(1.0)) + made("b", line(1.0, start=0.91, end=0.95))),
        "a",
        "b",
    )
    assert np.isnan(apart).all()
    said = advice.verdict(np.array([0.01, 0.03, np.nan]))
    assert said.startswith("+2.0 ± 12.7 points")  # t = 12.71 with one degree of freedom
    assert said.endswith("(not settled, 2 of 3 seeds)")


def test_verdict_settles_what_the_interval_settles():
    assert "(settled, 3 seeds)" in advice.verdict(np.array([0.02, 0.021, 0.022]))
    assert "(not settled, 3 seeds)" in advice.verdict(np.array([-0.02, 0.021, 0.022]))


@pytest.mark.parametrize(("spread", "want"), [(0.05, 0.1), (1e-4, 0.02)])
def test_strength_takes_the_largest_within_one_paired_standard_error(spread, want):
    """λ = 0.1 is worse by 0.01 on average: allowed if seeds differ by more than that."""
    worse = dict(zip(lesson.STRENGTHS, (0.2, 0.0, 0.2, 0.01, 0.5)))

    def scores(lam, seed):
        swing = spread * (-1) ** seed if lam == 0.1 else 0.0
        return {"valid": 1.0 + seed + worse[lam] + swing}

    both = Runs(made("flat", scores) + made("τ = sd", scores))
    assert setting.strength(both) == want
    words = {row[0]: row[3] for row in setting.choice(both)[1]}
    assert words[want] == "chosen" and words[0.6] == "no"
    assert words[0.02] in ("yes", "chosen")


def test_weights_held_stops_gradient_descent_of_l2sp_where_asked():
    """Its gradient is 0 for one λ, and it leaves the asked share; 1e-6: 100 halvings."""
    rng = np.random.default_rng(0)
    X, W0 = rng.normal(size=(20, 3)) * [3.0, 1.0, 0.3], rng.normal(size=(2, 3))
    a, y = np.array([1.0, -0.5]), X @ [1.0, -2.0, 0.5]
    W = lesson.weights_held(X, y, W0, a, 0.2)
    e, start = X @ W.T @ a - y, X @ W0.T @ a - y
    assert e @ e / (start @ start) == pytest.approx(0.2, rel=1e-6)
    ratio = -np.outer(a, X.T @ e / len(X)) / (W - W0)  # 2λ, everywhere
    assert ratio == pytest.approx(np.full((2, 3), ratio[0, 0]), rel=1e-6)
    assert ratio[0, 0] > 0


def test_the_study_has_what_the_plan_asks():
    """Ten seeds of every method at one rate, a frozen row, and no run twice."""
    plan = lesson.plan()
    keys = [tuple(one.values()) for one in plan]
    assert len(keys) == len(set(keys))
    for method in ("none", "frozen", *lesson.METHODS, *lesson.ASIDE):
        seeds = {p["seed"] for p in plan if p["method"] == method and p["lr"] == 0.01}
        assert seeds == set(range(10))


@pytest.mark.parametrize("method", ["none", "frozen"])
def test_frozen_moves_nothing_and_none_does(method):
    net = lesson.fine_tune(method, 0.0, 0.01, seed=0)
    moved = lesson.movement(net, 0)
    assert moved.any() == (method == "none")
