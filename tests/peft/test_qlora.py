"""QLoRA from end to end, and what chapter 17's lesson computes for its tables.

Expected values are written out by NumPy; bounds are rounding in float32 (1e-6) unless a
line says otherwise.
"""

import numpy as np
import pytest

from tinyft import data, nn, peft, tensor
from tinyft.course import runs
from tinyft.course.lessons.quantise import ch17_advice as advice
from tinyft.course.lessons.quantise import ch17_cost as cost
from tinyft.course.lessons.quantise import ch17_qlora as lesson
from tinyft.quantise import CODES


def by_hand(W, levels, block=64):
    """W rounded by (17.1), one block after the other."""
    levels, flat = np.array(levels, "f4"), W.astype("f4").reshape(-1).copy()
    for start in range(0, len(flat), block):
        part = flat[start : start + block]
        m = np.abs(part).max()
        part[:] = m * levels[np.abs(part[:, None] / m - levels).argmin(axis=1)]
    return flat.reshape(W.shape)


def layer_with_change(size, double=False):
    """(model, its adapter's ΔW): one packed layer, ΔW of this standard deviation."""
    rng, model = np.random.default_rng(0), nn.Sequential(nn.Linear(32, 24, rng=0))
    nn.quantise_linears(model, double=double)
    delta = peft.attach(model, peft.LoRA(3, 6), "0", rng=0).deltas["0"]
    A, B = rng.normal(size=(3, 32)), rng.normal(size=(24, 3))
    B *= size / (2 * B @ A).std()
    delta.A.data, delta.B.data = (
        tensor(A.astype("f4")).data,
        tensor(B.astype("f4")).data,
    )
    return model, 2 * B @ A


def test_a_merge_into_4_bits_keeps_a_large_change_and_loses_a_small_one():
    spread = nn.Linear(32, 24, rng=0).weight.numpy().std()
    shares = [0.01, 0.1, 1.0, 10.0]
    found = [peft.merging_error(layer_with_change(s * spread)[0])["0"] for s in shares]
    lost, _, moved = np.transpose(found)
    assert (np.diff(lost) < 0).all() and (np.diff(moved) > 0).all()
    assert abs(found[-1].kept - 1) < 0.05 and lost[-1] < 0.15  # about the error of NF4


@pytest.mark.parametrize("size", [0.01, 0.2])
def test_the_merged_model_is_the_sum_rounded_by_hand(size):
    model, change = layer_with_change(size)
    want = by_hand(model[0].parameter("weight").numpy() + change, CODES["nf4"].levels)
    nn.dequantise_linears(model)
    peft.bake(model)
    nn.quantise_linears(model, double=False)
    np.testing.assert_allclose(model[0].weight.numpy(), want, atol=1e-6)


def test_the_lesson_rounds_as_written_out():
    W = np.random.default_rng(1).normal(size=(6, 64)).astype("f4")
    for name in ("nf4", "even"):
        want = by_hand(W, CODES[name].levels)
        np.testing.assert_allclose(lesson.rounded(W, name), want, atol=1e-6)


def test_a_rounding_of_loftq_rises_with_new_scales_only():
    draws = np.random.default_rng(2).normal(size=(5, 64, 64))
    assert [lesson.rises(W, fixed=True) for W in draws] == [False] * 5
    assert any(lesson.rises(W, fixed=False) for W in draws)


def test_the_task_has_no_verse_that_the_base_has_read():
    tokens = lesson.load_pretrained(lesson.BASE)[1]
    seen = set(data.load_text("bible", "train").split("\n"))
    lines = tokens.decode(lesson.task()["test"].tolist()).splitlines()
    verses = [line.partition(". ")[2].removesuffix(" Amen!") for line in lines]
    assert len(verses) > 500 and not seen & set(verses)


@pytest.mark.parametrize(("code", "rounds"), [("none", 0), ("nf4", 0), ("nf2", 1)])
def test_an_arm_has_the_matrices_in_4_bits_and_lora_on_each(code, rounds):
    block = 0 if code == "none" else 64
    model, adapter = lesson.prepared(code, block, rounds)
    assert len(list(model.named_packed())) == (0 if code == "none" else 18)
    assert len(adapter.deltas) == 18
    started = any(bool((d.B.numpy() != 0).any()) for d in adapter.deltas.values())
    assert started == bool(rounds)


def test_memory_and_the_table_of_cost():
    model = lesson.load_pretrained(lesson.BASE)[0]
    _, formula, floats = cost.resident(model)
    assert floats == 4 * (12 * 128 * 128 + 6 * 128 * 512)
    small, large = 128 * 128, 128 * 512  # 256 and 1024 blocks: 1 and 4 groups
    want = 12 * (small // 2 + 256 + 8) + 6 * (large // 2 + 1024 + 20)
    assert formula == want
    peak = {"beside the base, at the peak (MB)": 1.0}
    rest = model.nbytes() - floats
    memory = {"dense": floats, "packed": formula}
    rows = cost.cost_table(
        rest, memory, {"dense": 0.1, "packed": 0.12}, {"dense": peak, "packed": peak}
    )[1]
    found = {row[0]: row[1:] for row in rows}
    assert found["the whole base"][0] == f"{model.nbytes() / 1e6:.2f} MB"
    assert found["processor time of a step"] == ["100 ms", "120 ms", "1.20"]


def test_the_study_has_five_seeds_per_arm_and_says_what_they_settle():
    study = runs.load("17_qlora")
    found = advice.arms(study)
    assert len(found) == 11
    assert all(len(one.values("test")) == 5 for _, one in found.values())
    assert "(worse)" in advice.pair(
        study, "4 levels (2 bits), blocks of 64", advice.NAMES["none"]
    )
    rows = advice.study_rows(study)
    assert rows[0][3:] == ["—", "—"] and all(len(row) == 5 for row in rows)
