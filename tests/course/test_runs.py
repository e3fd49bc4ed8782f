"""Committed studies: what is stored, what is run again, and how it is read."""

import json

import pytest

from tinyft.course import runs

PLAN = [
    {"method": m, "lr": lr, "seed": s} for s in (1, 0) for m in "ab" for lr in (1, 2)
]


def one_run(method, lr, seed):
    return {"loss": 10 * lr + seed + (0.5 if method == "b" else 0)}


def test_every_run_is_stored_and_read_by_its_settings(tmp_path):
    runs.record("99_toy", PLAN, one_run, tmp_path, report=lambda line: None)
    found = runs.load("99_toy", tmp_path)
    assert len(found) == 8
    assert found.where(method="a", lr=2).values("loss") == [20, 21]  # by seed
    assert found.where(method="b").by("lr", "loss") == {
        1: [10.5, 11.5],
        2: [20.5, 21.5],
    }
    with pytest.raises(LookupError, match=r"no run of this study has \{'method'"):
        found.where(method="c")
    about = json.loads((tmp_path / "99_toy.json").read_text("utf-8"))
    assert about["command"].endswith("tinyft study 99") and about["processor"]


def test_a_run_of_the_file_is_not_repeated(tmp_path):
    calls = []

    def counted(**settings):
        calls.append(settings)
        return one_run(**settings)

    for plan in (PLAN[:3], PLAN[:5], PLAN[2:5]):
        made = runs.record("99_toy", plan, counted, tmp_path, report=lambda line: None)
        assert [run["settings"] for run in made] == plan
    assert calls == PLAN[:5]


def test_an_interrupted_study_keeps_what_it_has(tmp_path):
    def breaks(method, lr, seed):
        if method == "b":
            raise KeyboardInterrupt
        return one_run(method, lr, seed)

    with pytest.raises(KeyboardInterrupt):
        runs.record("99_toy", PLAN, breaks, tmp_path, report=lambda line: None)
    assert len(runs.load("99_toy", tmp_path)) == 2


def test_unknown_chapters_are_sentences(tmp_path):
    with pytest.raises(
        LookupError, match="no committed study; `tinyft study 99` makes"
    ):
        runs.load("99_toy", tmp_path)
    with pytest.raises(LookupError, match="chapter '99' has no study"):
        runs.study("99")
