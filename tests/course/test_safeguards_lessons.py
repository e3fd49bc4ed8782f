"""Chapters 09 and 10: their plans pair what is compared, and say when nothing differs."""

import numpy as np
import pytest

from tinyft.course.experiment import SEEDS
from tinyft.course.lessons.safeguards import ch09_figures as figures
from tinyft.course.lessons.safeguards import ch09_l2sp as l2sp
from tinyft.course.lessons.safeguards import ch10_advice as advice
from tinyft.course.lessons.safeguards import ch10_batchnorm as batchnorm
from tinyft.course.lessons.safeguards import ch10_collapse as danger
from tinyft.course.lessons.safeguards import ch10_results as results
from tinyft.course.runs import Runs, load


def study_of(scores, lr=0.01):
    """Runs of two methods, {(method, strength): a score per seed}."""
    return Runs(
        {
            "settings": {"task": "near", "method": method, "strength": strength,
                         "lr": lr, "seed": seed},
            "scores": {"test": value, "source": value, "valid": 1.0},
        }
        for (method, strength), values in scores.items()
        for seed, value in enumerate(values)
    )  # fmt: skip


def test_a_difference_is_paired_by_seed():
    plain, held = np.array([0.2, 0.5, 0.9, 0.4, 0.6]), ("L2-SP", 0.1)
    study = study_of({("plain", 0.0): plain, held: plain + 0.03})
    pairs = [(held, ("plain", 0.0))]
    assert l2sp.differences(study, "near", pairs, 0.01) == ["+3.0 ± 0.0"] * 2


def test_equal_runs_are_not_called_unsettled():
    assert l2sp.points([0.5, 0.7], [0.5, 0.7]) == "no run differs"
    assert l2sp.points([0.5, 0.7], [0.6, 0.5]).endswith("not settled")


@pytest.mark.parametrize("name", l2sp.RACE)
@pytest.mark.parametrize("lr", l2sp.EQUAL)
def test_decay_is_compared_at_one_rate_with_every_seed(name, lr):
    study, weak = load("09_l2sp"), l2sp.WEAK[1]
    for method, strength in (("plain", 0.0), ("L2-SP", l2sp.HOLD),
                             ("decay to 0", weak), ("L2-SP + decay", weak)):  # fmt: skip
        found = study.where(task=name, method=method, strength=strength, lr=lr)
        assert sorted(run["settings"]["seed"] for run in found) == list(SEEDS)


@pytest.mark.parametrize("name", l2sp.RACE)
@pytest.mark.parametrize("lr", l2sp.BOTH)
def test_one_rate_for_both_has_every_seed(name, lr):
    study = load("09_l2sp")
    for method, lam in (("plain", 0.0), ("L2-SP", l2sp.HOLD)):
        found = study.where(task=name, method=method, strength=lam, lr=lr)
        assert sorted(run["settings"]["seed"] for run in found) == list(SEEDS)


def test_figure_1_has_five_seeds_at_every_strength():
    study = load("09_l2sp")
    for name in l2sp.RACE:
        for lam in l2sp.STRENGTHS["L2-SP"]:
            runs = study.where(task=name, method="L2-SP", strength=lam)
            assert len(runs.at_best_rate()) == len(SEEDS)


def test_a_run_that_diverged_is_counted_and_its_rate_left_out():
    study = load("09_l2sp")
    told = figures.diverged(study)
    assert "plain, near, 3 labels, rate 0.1: 5" in told and "0.01" not in told
    same = {("near, 3 labels", lr): ["new", "old"] for lr in l2sp.BOTH}
    assert [row[1] for row in figures.rate_rows(study, same)] == list(l2sp.BOTH[:-1])


def test_steps_of_tent_have_every_seed_at_every_count():
    for found in results.tent_steps(load("10_batchnorm")).values():
        assert found.shape == (len(SEEDS), len(batchnorm.COUNTS))


def test_every_row_of_what_to_set_names_its_alternative():
    study, five = load("10_batchnorm"), [0.1, 0.2, 0.3, 0.4, 0.5]
    found = {k: results.label_scores(study, k) for k in ("haze", "translate", "rotate")}
    gain = dict.fromkeys(batchnorm.SHIFTS, "+1.0 ± 0.5")
    few = {k: np.tile(five, (3, 1)) for k in ("noise", "rotate", "haze", "contrast")}
    rows = advice.settings(gain, few, found, study, dict.fromkeys(found, five)
                            | {"noise": five}, ["0.5", "0.9"])  # fmt: skip
    assert all("−" in compared or "own" in compared for _, _, compared, _ in rows)
    assert all(measured for *_, measured in rows)


def test_the_best_weight_is_one_where_the_shift_dwarfs_the_images_spread():
    """Haze moves each layer's mean by far more than one image differs from another."""
    haze, none = (results.best_weights(k, 8, seeds=(0,)) for k in ("haze", "none"))
    assert list(haze) == list(none) and len(haze) == 9
    assert min(haze.values()) > max(none.values())


def test_pairs_of_section_7_subtract_the_second_row():
    scores = {name: np.zeros(5) for name in batchnorm.LABELS}
    scores["recomputed, all"] = np.full(5, 0.02)
    rows = dict(results.label_pairs({"haze": scores}))
    assert rows["recomputed, all − frozen, all"] == "+2.0 ± 0.0"


def test_a_collapse_is_compared_with_its_own_start():
    accuracy = np.array([[0.6, 0.5], [0.7, 0.6], [0.5, 0.4]])  # (seeds, marks)
    found = {"TENT": {"accuracy": accuracy, "share": np.full((3, 2), 0.5)}}
    assert danger.rows(found)[0][3] == "-10.0 ± 0.0"
