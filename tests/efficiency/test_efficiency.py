"""Chapter 19: its tables say what `efficiency` says, by arithmetic of our own."""

import numpy as np
import pytest

from tinyft import efficiency
from tinyft.course import runs
from tinyft.course.lessons.efficiency import ch19_advice as advice
from tinyft.course.lessons.efficiency import ch19_efficiency as lesson
from tinyft.course.lessons.efficiency import ch19_tables as tables


@pytest.fixture(scope="module")
def found():
    return tables.results(runs.load("19_efficiency"))


def test_the_study_has_every_method_with_five_seeds(found):
    assert set(found) == set(lesson.TEXT) == set(lesson.TEXT_RATES)
    assert all(len(one["gain"]) == 5 for one in found.values())
    assert set(lesson.IMAGES) == set(lesson.IMAGE_RATES)
    assert set(tables.WORDS) == {*lesson.TEXT, *lesson.IMAGES}


def test_scores_are_gain_over_the_root(found):
    """p and c are shares of full fine-tuning's numbers and FLOPs."""
    full, lora = found["full"]["cost"], found["LoRA r=4"]
    p, c = lora["cost"].trainable / full.trainable, lora["cost"].flops / full.flops
    want = lora["gain"].mean() / (p * c) ** 0.5
    assert tables.scores(found)["LoRA r=4"][0] == pytest.approx(want, rel=1e-12)
    assert tables.scores(found)["BitFit"][1] == np.inf  # it adds nothing to forward


def test_plans_of_pefts_runs_are_below_what_was_left_over():
    """By the last batch's logits: 0.3 to 0.7 GB, as test_plan.py explains."""
    assert len(tables.benchmark_gaps()) == len(efficiency.benchmark())
    assert all(0.3e9 < gap < 0.7e9 for gap in tables.benchmark_gaps())


def test_a_single_layer_trains_what_its_name_says():
    counts = {m: lesson.single(m).count(trainable=True) for m in ("trained", "LoRA")}
    assert counts == {"trained": 40 * 30, "LoRA": 4 * (40 + 30)}
    assert lesson.single("LoRA-FA").count(trainable=True) == 4 * 30


def test_a_rate_has_a_milder_and_a_worse_side():
    """Against the gains of the study itself, two seeds, at a third and three times."""
    study = runs.load("19_efficiency")
    milder, worse = tables.sides(study)["LoRA r=4"]

    def gain(lr):
        found = study.where(experiment="text", method="LoRA r=4", lr=lr)
        both = (found.values(score)[:2] for score in ("accuracy", "before"))
        return 100 * np.mean(np.subtract(*both))

    lost = sorted(gain(0.01) - gain(lr) for lr in (0.003, 0.03))
    assert [milder, worse] == pytest.approx(lost) and worse > 5 > milder


def test_the_plan_with_activations_is_below_pefts_peaks():
    shares = [share for _, share in advice.peak_shares()]
    assert len(shares) == len(efficiency.benchmark()) and max(shares) < 1
