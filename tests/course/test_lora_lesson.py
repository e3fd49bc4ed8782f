"""Chapter 15's texts and its planted task."""

import re

import numpy as np

from tinyft import data
from tinyft.course.lessons import ch15_lora as lesson

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
