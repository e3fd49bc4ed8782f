"""Chapter 15's texts and its planted task."""

import re

import numpy as np

from tinyft import data
from tinyft.course import runs
from tinyft.course.lessons.peft import ch15_advice as advice
from tinyft.course.lessons.peft import ch15_lora as lesson

TEXT = "Ruth 1\n\nAnd it was.\nSo be it:\n\nRuth 2\n\nGo.\n"


def test_verses_are_numbered_by_chapter():
    want = "1. And it was. Amen!\n2. So be it: Amen!\n1. Go. Amen!\n"
    assert lesson.verses(TEXT) == want
    assert all(re.fullmatch(lesson.STYLE, line) for line in want.splitlines())
    whole = lesson.verses(data.load_text("kjv", "all"))
    assert whole.count("\n") == 31102 and whole.count(" Amen!\n") == 31102


def test_bullets_have_the_words_of_the_verses():
    assert lesson.bullets(TEXT) == "- And it was.\n- So be it:\n- Go.\n"


def test_the_planted_change_has_the_singular_values_it_says():
    linear, X, Y = lesson.planted_task()
    n = len(X)
    np.testing.assert_allclose(X.T @ X / n, np.eye(X.shape[1]), atol=1e-5)  # float32
    D = (Y - X @ linear.weight.numpy().T).T @ X / n
    sigma = np.linalg.svd(D, compute_uv=False)
    np.testing.assert_allclose(sigma[:3], [3, 1.5, 0], atol=1e-5)


def test_llama_has_the_published_counts():
    """Of the checkpoint, and what PEFT prints for r = 16 on all linear layers."""
    assert advice.llama(16) == (6_738_415_616, 39_976_960)


def test_costs_have_the_base_once_and_in_the_total():
    names = ("file per task", "Adam's state", "beside the base, at the peak")
    full = {"trained parameters": 10**7} | {
        f"{k} (MB)": v for k, v in zip(names, (40, 80, 120))
    }
    cheap = {"trained parameters": 10**5} | {
        f"{k} (MB)": v for k, v in zip(names, (4, 8, 20))
    }
    _, rows = advice.costs(full, cheap, {"full": 0.2, "LoRA": 0.1}, 16)
    found = {row[0]: row[1:] for row in rows}
    assert found["the base itself"] == [
        "40 MB",
        "40 MB",
        "100.0%",
        "27.0 GB",
        "27.0 GB",
    ]
    assert found["total at the peak"][:3] == ["160 MB", "60 MB", "37.5%"]
    more = " + activations"  # which nobody can know without the batch
    assert found["total at the peak"][3:] == ["107.8 GB" + more, "27.4 GB" + more]
    assert found["time of a step"][:3] == ["200 ms", "100 ms", "50.0%"]
    assert "20 − 8.0 leaves 12 MB" in advice.fits(full, cheap)


def test_the_difference_of_a_thing_from_itself_is_a_dash():
    values = [3.0, 3.1, 3.2]
    assert advice.minus(values, values) == "—"
    assert advice.minus([3.5, 3.6, 3.7], values) == "+0.500 ± 0.000"


def test_the_words_of_the_cut_say_what_it_does():
    shares = {"ΔW": [0, 0.3, 0.4, 0.5, 0.7]}
    text = lesson.concentrated(shares, {0: 4.0, 4: 3.1, 160: 3.0}, 2.9)
    assert "70% of ‖ΔW‖² and 0.90 of the 1.00 nats that all 160" in text
    assert "ends at 2.90" in text


def test_no_rate_of_the_study_is_at_the_edge_of_its_grid():
    study = runs.load("15_lora")
    for one in lesson.plan():
        arm = {k: v for k, v in one.items() if k not in ("lr", "seed")}
        assert len(study.where(**arm).at_best_rate()) == 5, arm


def test_the_worse_one_is_named():
    text = advice.worse({"full fine-tuning": [3.0, 3.2], "r = 64": [3.3, 3.5]})
    assert "ends better: 3.10 against 3.40" in text
