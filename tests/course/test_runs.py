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


def test_the_other_seeds_follow_at_the_best_rate(tmp_path):
    """Method a is best at 2, b at 3; the grid has two seeds, the end has five."""

    def one_run(method, lr, seed):
        return {"valid": abs(lr - {"a": 2, "b": 3}[method]) + seed / 100}

    plan = [
        {"method": m, "lr": lr, "seed": s}
        for m in "ab"
        for lr in (1, 2, 3, 4)
        for s in (0, 1)
    ]
    grids = runs.record("99_toy", plan, one_run, tmp_path, report=lambda line: None)
    assert grids.where(method="b").best_rate() == 3
    more = runs.finals(grids, plan)
    want = [(m, lr, s) for s in (2, 3, 4) for m, lr in (("a", 2), ("b", 3))]
    assert [(one["method"], one["lr"], one["seed"]) for one in more] == want
    all_of_them = runs.record(
        "99_toy", plan + more, one_run, tmp_path, lambda line: None
    )
    assert len(all_of_them.where(method="a", lr=2).values("valid")) == 5
    found = all_of_them.where(method="a")
    assert found.best_rate() == 2 and len(found.at_best_rate()) == 5


def test_a_plan_with_every_seed_needs_no_more(tmp_path):
    """Method a has all five seeds, its best rate may be an edge; b has two seeds."""
    seeds = {"a": range(5), "b": range(2)}
    plan = [
        {"method": m, "lr": lr, "seed": s}
        for m in "ab"
        for lr in (1, 2, 3)
        for s in seeds[m]
    ]

    def one_run(method, lr, seed):
        return {"valid": abs(lr - {"a": 1, "b": 2}[method])}

    grids = runs.record("99_toy", plan, one_run, tmp_path, report=lambda line: None)
    more = runs.finals(grids, plan)
    assert [(one["method"], one["seed"]) for one in more] == [
        ("b", 2),
        ("b", 3),
        ("b", 4),
    ]


def test_one_rate_leaves_nothing_to_choose(tmp_path):
    plan = [{"way": w, "lr": 1, "seed": s} for w in "ab" for s in (0, 1)]
    how = {"folder": tmp_path, "report": lambda line: None}
    grids = runs.record("99_toy", plan, lambda way, lr, seed: {"valid": seed}, **how)
    assert runs.finals(grids, plan) == []


@pytest.mark.parametrize("lesson", runs.lessons_of("*"), ids=lambda one: one.__name__)
def test_a_committed_study_is_complete(lesson):
    """What a notebook draws is in the file: every setting of the plan, and five seeds."""
    found, plan = runs.load(lesson.__name__.rpartition(".ch")[2]), lesson.plan()
    for settings in plan + runs.second_pass(lesson, found, plan):
        assert len(found.where(**settings)) == 1


def test_the_study_of_chapter_08_has_every_rate_and_seed():
    """Its grids are whole, with ten seeds at each rate, and no best one at an edge."""
    from tinyft.course.lessons.transfer import ch08_discriminative_lr as lesson

    found = runs.load("08_discriminative_lr")
    for settings in lesson.plan():
        assert len(found.where(**settings)) == 1
    for method in lesson.METHODS:
        assert len(lesson.chosen(found, method)) == len(lesson.DRAWS) == 10


def test_a_plan_with_every_seed_has_no_second_pass():
    """`tinyft study 08` is its plan: cheap runs, ten seeds at every rate."""
    from tinyft.course.lessons.transfer import ch08_discriminative_lr as lesson

    found = runs.load("08_discriminative_lr")
    assert runs.finals(found, lesson.plan()) == []
