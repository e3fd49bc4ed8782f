"""Chapter 15's texts, its planted task, and the folder it writes for Hugging Face."""

import json
import re

import numpy as np

from tinyft import data, io, models
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


def test_the_folder_reads_back_as_the_same_model(tmp_path):
    model = models.gpt2_tiny(rng=0)
    lesson.write_gpt2(model, tmp_path / "base")
    again = io.huggingface.load_gpt2(tmp_path / "base")
    ids = np.arange(12)[None]
    np.testing.assert_array_equal(again(ids).numpy(), model(ids).numpy())
    assert json.loads((tmp_path / "base" / "config.json").read_text())["n_embd"] == 64
