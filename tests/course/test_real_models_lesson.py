"""Chapter 29: golden values that catch, the order of rows, pictures, films kept apart."""

import contextlib
import csv
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tinyft import tensor
from tinyft.course import runs
from tinyft.course.check import CheckFailed, records
from tinyft.course.lessons.real import ch29_advice as advice
from tinyft.course.lessons.real import ch29_golden as golden
from tinyft.course.lessons.real import ch29_llama as llama
from tinyft.course.lessons.real import ch29_recipe as recipe
from tinyft.course.lessons.real import ch29_reviews as reviews
from tinyft.course.lessons.real import ch29_vision as vision
from tinyft.course.lessons.real import ch29_words as words
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
    rows, labels = recipe.read(path)
    parts = recipe.split(rows)
    films = [{row["group"] for row in part} for part in parts]
    assert len(rows) == 600 == sum(map(len, parts))
    assert all(films) and sum(map(len, films)) == len(set.union(*films))
    assert labels == ["0", "1"]


def a_csv(path, rows, columns=("text", "label", "author")):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])
    return path


def letters(count=48):
    """Texts of three labels by 12 authors; the label decides a word."""
    words = {"bad": "unwatchable", "good": "film", "odd": "able"}
    names = sorted(words)
    return [
        (f"a {words[names[i % 3]]}, number {i}", names[i % 3], f"author {i % 12}")
        for i in range(count)
    ]


def test_a_csv_of_ones_own_may_have_words_as_labels(tmp_path):
    rows, labels = recipe.read(a_csv(tmp_path / "own.csv", letters()), "author")
    training, valid, held = recipe.split(rows)
    assert labels == ["bad", "good", "odd"]
    assert [row["label"] for row in rows[:4]] == [0, 1, 2, 0]
    assert {row["group"] for row in held} == {"author 0"}
    assert {row["group"] for row in valid} == {"author 4"}
    assert (len(training), len(valid), len(held)) == (40, 4, 4)
    often, bag = recipe.simple(training, held, 3)
    # "odd" is the most frequent label of those that train; author 0 writes "bad" only
    assert bag[1] == "100.0%" and often[1] == "0.0%"


def test_without_a_group_every_sixth_row_is_kept_out(tmp_path):
    table = [(f"film {i}", "yn"[i % 2], "") for i in range(48)]
    rows, _ = recipe.read(a_csv(tmp_path / "own.csv", table), None)
    training, valid, held = recipe.split(rows)
    assert [row["text"] for row in held] == [f"film {i}" for i in range(0, 48, 12)]
    assert [row["text"] for row in valid] == [f"film {i}" for i in range(6, 48, 12)]
    assert len(training) == 40


def test_a_label_that_no_training_row_has_is_refused(tmp_path):
    table = [(f"film {i}", "yn"[i % 6 > 0], "") for i in range(48)]
    rows, _ = recipe.read(a_csv(tmp_path / "own.csv", table), None)
    with pytest.raises(ValueError, match="every label"):  # "y" is every sixth row
        recipe.split(rows)


def test_accuracy_is_told_for_each_label():
    class Model:
        def evaluating(self):
            return contextlib.nullcontext()

        def __call__(self, ids, mask):
            return tensor(np.eye(3)[np.asarray(ids)[:, 0]])

    class Tokens:
        def batch(self, texts, length):
            return np.array([[int(text)] for text in texts]), np.ones((len(texts), 1))

    pairs = [("0", 0), ("0", 0), ("1", 0), ("1", 0), ("1", 1)]
    rows = [{"text": text, "label": label} for text, label in pairs]
    assert recipe.accuracy(Model(), rows, Tokens()) == 0.6
    guessed = recipe.guesses(Model(), rows, Tokens())
    table = recipe.by_label(guessed, ["a", "b", "c"])
    assert [row[:2] for row in table] == [["a", 4], ["b", 1], ["c", 0], ["all", 5]]
    # 50 % of four: 1.96 sqrt(0.25 / 4) = 49 points; 60 % of five: 43
    assert [row[2] for row in table] == ["50% ± 49", "100% ± 0", "—", "60% ± 43"]


def test_texts_that_are_cut_are_counted():
    class Tokens:
        def batch(self, texts):
            lengths = np.array([len(text.split()) for text in texts])
            mask = np.arange(lengths.max()) < lengths[:, None]
            return SimpleNamespace(mask=mask)

    rows = [{"text": "a " * n, "group": n % 2} for n in (40, 41, 42, 2)]
    found = recipe.sizes([rows, rows[:1], rows[1:2]], Tokens())
    assert found == [
        ["training", 2, 4, "2 (50%)"],
        ["valid", 1, 1, "0 (0%)"],
        ["held out", 1, 1, "1 (100%)"],
    ]


@pytest.mark.parametrize(
    "losses, middle",
    [
        ({3e-4: 0.52, 1e-3: 0.502, 3e-3: 0.5, 1e-2: 0.73}, "0.001"),
        ({3e-4: 0.505, 1e-3: 0.502, 3e-3: 0.5, 1e-2: 0.73}, "0.001"),
        ({3e-4: 0.55, 1e-3: 0.52, 3e-3: 0.5, 1e-2: 0.73}, "0.003"),
    ],
)
def test_a_rate_is_in_the_middle_of_those_that_are_level(losses, middle):
    study = runs.Runs(
        {"settings": {"method": "lora", "lr": r, "seed": s}}
        | {"scores": {"valid": v, "test": 0.78}}
        for r, v in losses.items()
        for s in runs.CHOOSING
    )
    name, start, told = advice.rate_row(study, "lora")
    assert (name, start) == ("LoRA's rate", middle)
    assert f"0.01: 0.730; test at {reviews.ADVISED:g}: 78.0" in told


def test_a_missing_tensor_is_refused_in_a_sentence():
    model = llama.models.llama(rng=0, vocab=20, dim=8, layers=1, heads=2, hidden=8)
    assert "embed.weight" in golden.refusal(model)


@pytest.mark.parametrize(
    "rows, group, told",
    [
        (letters(), "film", r"not \['film'\].*GROUP = None"),
        ([("a text", "0", "x"), (" ", "1", "y")], "author", "row 3: nothing in text"),
        ([("a text", "0", "x")], "author", "one label in all rows"),
        ([], "author", r"the columns \[\]"),
    ],
)
def test_a_csv_that_does_not_fit_is_refused(tmp_path, rows, group, told):
    with pytest.raises(ValueError, match=told):
        recipe.read(a_csv(tmp_path / "own.csv", rows), group)


def test_a_split_that_leaves_too_little_is_refused(tmp_path):
    one = [(text, label, "one author") for text, label, _ in letters()]
    rows, _ = recipe.read(a_csv(tmp_path / "own.csv", one), "author")
    with pytest.raises(
        ValueError, match="0 rows to train, 0 to choose by and 48 held out, from 1 gr"
    ):
        recipe.split(rows)


def test_the_notebook_trains_all_steps_on_a_csv_of_ones_own(tmp_path, monkeypatch):
    """Section 10 with OWN set: nothing shipped is compared, and none of it is loaded."""
    monkeypatch.setattr(recipe, "STEPS", 12)
    path = a_csv(tmp_path / "own.csv", letters(180))
    (tmp_path / "model").mkdir()
    names = {"REAL": True, "hf": None}
    names["bert_folder"] = reviews.small_folder(tmp_path / "model")
    cells = code_of_the_notebook()
    exec(cells[0], names)
    checked = []
    names["check"] = lambda name, *_, **__: checked.append(name)
    names["golden"] = golden
    monkeypatch.setattr(golden, "embeddings", lambda *_: 0)
    first = next(i for i, cell in enumerate(cells) if cell.startswith("OWN = None"))
    own = cells[first].replace("OWN = None", f"OWN = {str(path)!r}")
    for cell in (
        own.replace('GROUP = "film"', 'GROUP = "author"'),
        *cells[first + 1 :][:2],
    ):
        exec(cell, names)
    assert len(names["losses"]) == 12 and names["labels"] == ["bad", "good", "odd"]
    assert names["ours"].shape == (15, 3) == (len(names["held"]), 3)
    assert checked == [
        "mine: golden embeddings",
        "reloaded = saved, to the bit",
    ]


def code_of_the_notebook():
    path = Path(__file__).parents[2] / "notebooks" / "29_real_models.ipynb"
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]


def test_word_counts_are_naive_bayes():
    model = words.WordCounts(["a b a", "b c", "C"], [0, 1, 1], alpha=0.5)
    # class 0: a 2, b 1, c 0; class 1: a 0, b 1, c 2; each + 1/2, of 4 1/2
    theta = np.array([[2.5, 1.5, 0.5], [0.5, 1.5, 2.5]]) / 4.5
    want = np.log([2, 3]) + np.log(theta[:, 0]) + 2 * np.log(theta[:, 2])
    np.testing.assert_allclose(model.logits(["c a, C! d"])[0], want, rtol=1e-12)
    assert model.accuracy(["a", "c", "d"], [0, 1, 0]) == 2 / 3


def test_the_checksum_sees_one_weight():
    model = llama.models.llama(rng=0, vocab=20, dim=8, layers=1, heads=2, hidden=8)
    before = llama.checksum(model)
    assert llama.checksum(model) == before
    model.blocks[0].mlp.up.weight.data[0, 0] += 1e-3
    assert llama.checksum(model) != before
