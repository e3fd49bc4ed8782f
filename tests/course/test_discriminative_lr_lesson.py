"""How chapter 08 judges a method: on a made-up study whose differences are known."""

import pytest

from tinyft.course.lessons.transfer import ch08_discriminative_lr as lesson
from tinyft.course.lessons.transfer import ch08_figures as figures
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


def test_a_rate_stands_beside_full_at_the_same_error():
    """Errors 2.1, 1.1, 0.1 of slow; 2, 1, 0 of full, at rates 0.0025, 0.005, 0.01.

    2.1 is outside. 1.1 and 0.1 lie a tenth of the way up to the next error.
    """
    found = lesson.against_lower_rates(study(), SLOW)
    assert [lr for lr, *_ in found] == [0.02, 0.04]
    for (lr, new, old), beside in zip(found, (0.00475, 0.0095)):
        assert new == pytest.approx([0.0] * 3, abs=1e-12)  # paired: the seeds cancel
        assert old == pytest.approx([lr - beside] * 3, abs=1e-12)


def test_versus_is_paired_and_names_what_is_not_settled():
    made = study()
    assert lesson.versus(made, SLOW, FULL, "source") == "+0.030 ± 0.000"
    assert lesson.versus(made, FULL, FULL) == "+0.000 ± 0.000 (not settled)"
    for i, run in enumerate(made.where(method=SLOW)):
        run["scores"]["source"] += (-1) ** i
    assert lesson.versus(made, SLOW, FULL, "source").endswith("(not settled)")


def test_what_remains_at_equal_error_is_read_at_the_best_rate(monkeypatch):
    """Old accuracy minus full's at the error of slow's best rate, and over its rates."""
    monkeypatch.setattr(figures, "SLOWER", [SLOW])
    at_best, over_all = figures.remaining(study())[SLOW]
    assert at_best == pytest.approx([0.04 - 0.0095] * 3)
    assert over_all == pytest.approx([(0.02 - 0.00475 + 0.04 - 0.0095) / 2] * 3)


def test_two_weights_stop_where_their_rates_send_them():
    assert lesson.two_weights(0.25) == pytest.approx((0.2, 0.8), abs=1e-6)
