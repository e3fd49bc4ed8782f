"""How chapter 08 judges a method: on a made-up study whose differences are known."""

import pytest

from tinyft.course.lessons.transfer import ch08_discriminative_lr as lesson
from tinyft.course.runs import Runs

SLOW, FULL = "α = 0.5", "full, α = 1"
BEST = {SLOW: 0.04, FULL: 0.01}


def study():
    """Error |place − place of the best| + 0.1 of slow; new = 1 − error; old = lr."""
    runs = Runs()
    for method, best in BEST.items():
        rates = lesson.RATES[method]
        for lr in rates:
            error = abs(rates.index(lr) - rates.index(best)) + 0.1 * (method == SLOW)
            for seed in range(3):
                scores = {"valid": error, "test": 1 - error + seed, "source": lr}
                settings = {"method": method, "lr": lr, "seed": seed}
                runs.append({"settings": settings, "scores": scores})
    return runs


def test_a_rate_stands_beside_the_one_with_the_nearest_error():
    """The grids are of factor 2 with the best third: errors 2, 1, 0, and 0.1 more."""
    found = lesson.against_lower_rates(study(), SLOW)
    assert [(lr, near) for lr, near, *_ in found] == [
        (0.01, 0.0025), (0.02, 0.005), (0.04, 0.01)
    ]  # fmt: skip
    for lr, near, new, old in found:
        assert new == pytest.approx([-0.1] * 3, abs=1e-12)  # paired: the seeds cancel
        assert old == pytest.approx([lr - near] * 3, abs=1e-12)


def test_versus_is_paired_and_names_what_is_not_settled():
    made = study()
    assert lesson.versus(made, SLOW, FULL, "source") == "+0.030 ± 0.000"
    assert lesson.versus(made, FULL, FULL) == "+0.000 ± 0.000 (not settled)"
    for i, run in enumerate(made.where(method=SLOW)):
        run["scores"]["source"] += (-1) ** i
    assert lesson.versus(made, SLOW, FULL, "source").endswith("(not settled)")
