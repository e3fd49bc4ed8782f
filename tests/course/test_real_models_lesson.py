"""Chapter 29: golden values that catch, the order of rows, pictures, films kept apart."""

import csv

import numpy as np
import pytest

from tinyft.course.check import CheckFailed, records
from tinyft.course.lessons.real import ch29_golden as golden
from tinyft.course.lessons.real import ch29_llama as llama
from tinyft.course.lessons.real import ch29_recipe as recipe
from tinyft.course.lessons.real import ch29_vision as vision
from tinyft.io.llamacpp.load import row_order


def test_a_wrong_model_is_shown_as_failed_and_one_that_passes_is_an_error(capsys):
    golden.caught("wrong", [1.0, 2.0], [1.0, 3.0], 0.5, "float32")
    assert "FAIL wrong" in capsys.readouterr().out and records[-1]["ok"]
    with pytest.raises(CheckFailed, match="too weak"):
        golden.caught("right", [1.0, 2.0], [1.0, 2.1], 0.5, "float32")


@pytest.mark.parametrize("heads, width", [(1, 6), (3, 4), (2, 8)])
def test_the_order_of_the_file_is_undone_by_the_loader(heads, width):
    rows = llama.file_order(heads * width, width)
    assert rows[:2].tolist() == [0, width // 2]
    assert rows[row_order(heads * width, heads)].tolist() == list(range(heads * width))


def test_places_are_counted_without_padding():
    states = np.arange(2 * 6 * 1.0).reshape(2, 6, 1)
    mask = np.array([[1] * 4 + [0] * 2, [1] * 6])
    found = golden.at_places(states, mask)[:, :, 0]
    assert found.tolist() == [[0, 1, 2, 3], [6, 7, 8, 11]]


def test_a_picture_is_linear_between_its_pixels():
    image = np.array([[0.0, 10, 20], [30, 40, 50], [60, 70, 80]])
    both = np.stack([image, 2 * image], axis=-1)
    want = np.add.outer(np.arange(5) * 15.0, np.arange(5) * 5.0)
    got = vision.resized(both[None], 5)[0]
    np.testing.assert_allclose(got[..., 0], want, atol=1e-12)
    np.testing.assert_allclose(got[..., 1], 2 * want, atol=1e-12)
    np.testing.assert_array_equal(vision.resized(image[None], 5)[0], got[..., 0])


def test_no_film_is_on_both_sides(tmp_path):
    path = recipe.write_csv(tmp_path / "mine.csv", 600)
    rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
    training, held = recipe.split(rows)
    films = [{row["film"] for row in part} for part in (training, held)]
    assert len(rows) == 600 == len(training) + len(held)
    assert films[1] and not films[0] & films[1]
    assert {row["label"] for row in rows} == {"0", "1"}
