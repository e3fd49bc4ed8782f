"""Chapter 26: its two sequences, what chooses, and the three-letter words."""

import numpy as np
import pytest

from tinyft import tensor
from tinyft.course import runs
from tinyft.course.lessons.life import ch26_advice as advice
from tinyft.course.lessons.life import ch26_forgetting as lesson
from tinyft.course.lessons.life import ch26_grids as grids
from tinyft.course.lessons.life import ch26_guards as guards
from tinyft.course.lessons.life import ch26_results as results
from tinyft.course.lessons.life import ch26_toys as toys
from tinyft.course.lessons.life import ch26_words as words


def test_no_test_picture_is_trained_in_any_domain():
    parts = {k: {x.tobytes() for x in xy[0]} for k, xy in lesson.splits().items()}
    for one in ("train", "valid"):
        assert len(parts[one] & parts["test"]) <= 1  # pictures that occur twice
    for task in lesson.tasks():
        assert [len(task[p][1]) for p in ("train", "valid", "test")] == [1078, 360, 359]


def test_two_new_digits_per_task():
    seen = [set(task["train"][1].tolist()) for task in lesson.tasks("digits")]
    assert seen == [{0, 1}, {2, 3}, {4, 5}, {6, 7}, {8, 9}]


@pytest.mark.parametrize("method", ["nothing", "EWC, batch", "LwF", "OSF", "GPM"])
def test_a_short_sequence_fills_the_table(method):
    strength = 0.5 if method in ("OSF", "GPM") else 1.0
    tables = lesson.in_sequence("digits", method, strength, 3e-3, 0, steps=3)
    for R in tables.values():
        assert np.isfinite(R[np.tril_indices(5)]).all()
        assert np.isnan(R[np.triu_indices(5, 1)]).all()


def test_gpm_holds_what_it_should_and_no_bias_moves():
    model, rng = lesson.network(0), np.random.default_rng(0)
    guard = guards.make("GPM", 0.9)
    x, y = lesson.tasks()[0]["train"]
    assert guard.begin(model, 0, "domains", rng) == (None, None)
    guard.end(model, x, y, rng)
    _, after = guard.begin(model, 1, "domains", rng)
    biases = [p.numpy().copy() for n, p in model.named_parameters() if "bias" in n]
    V = guard.spaces["0.weight"][1]
    before = model.get_submodule("0").weight.numpy() @ tensor(V).numpy()
    lesson.learn(model, 1 - x, y, 3, 1e-2, rng, after=after)
    now = model.get_submodule("0").weight.numpy() @ tensor(V).numpy()
    np.testing.assert_allclose(now, before, atol=1e-5)
    moved = [p.numpy() for n, p in model.named_parameters() if "bias" in n]
    assert all(np.array_equal(a, b) for a, b in zip(biases, moved))


def test_the_first_two_seeds_choose_and_no_chosen_rate_is_at_an_edge():
    study = runs.load("26_forgetting")
    found = grids.chosen(study, "domains", grids.GPM)
    chosen = found[0]["settings"]
    assert len(found) == 5
    for other in study.where(kind="domains", method=grids.GPM, seed=0):
        pair = {k: other["settings"][k] for k in ("strength", "lr")}
        same = study.where(kind="domains", method=grids.GPM, **pair)
        assert np.mean(found.values("valid")[:2]) <= np.mean(same.values("valid")[:2])
    for method in grids.GRIDS["domains"]:
        of_method = study.where(kind="domains", method=method)
        rates = sorted({run["settings"]["lr"] for run in of_method})
        best = grids.chosen(study, "domains", method)[0]["settings"]["lr"]
        assert rates[0] < best < rates[-1], method
    assert chosen["strength"] in grids.GRIDS["domains"][grids.GPM]


def test_the_tables_have_a_row_per_method_and_fisher():
    study = runs.load("26_forgetting")
    assert len(results.race_rows(study, "domains")) == 8
    assert [row[0] for row in results.fisher_rows(study)] == list(grids.FISHERS)
    assert len(results.copied_rows(study)) == len(grids.FISHERS)
    assert all(len(row) == 4 for row in advice.rows(study))
    assert all(len(row) == 5 for row in advice.leans(study))
    for kind in grids.GRIDS:
        assert len(results.equal_rows(study, kind)) == 6
    assert all(len(row) == 7 for row in results.borrowed_rows(study))


def test_random_directions_are_as_many_as_gpm_holds():
    x, y = lesson.tasks()[0]["train"]
    found = {}
    for method in ("GPM", "GPM, random"):
        model, rng = lesson.network(0), np.random.default_rng(0)
        guard = guards.make(method, 0.9)
        guard.end(model, x, y, rng)
        _, after = guard.begin(model, 1, "domains", rng)
        found[method] = tensor(after.__self__.spaces["0.weight"][1]).numpy()
        assert rng.random() == np.random.default_rng(0).random()  # the same batches
    V = found["GPM, random"]
    assert V.shape == found["GPM"].shape
    np.testing.assert_allclose(V.T @ V, np.eye(V.shape[1]), atol=1e-5)


def test_the_ends_of_figure_4_share_a_new_loss():
    X1, y1, X2, y2 = toys.two_tasks()
    w1 = np.linalg.lstsq(X1, y1, rcond=None)[0]
    ends = toys.ends((X1, y1), (X2, y2), w1)
    for name in ("L2-SP", "EWC", "LwF", "rehearsal, all kept"):
        loss = toys.half_square(X2, y2, ends[name][1])
        assert loss == pytest.approx(toys.half_square(X2, y2, ends["GPM"][1]), 1e-9)


def test_only_the_projected_step_stays_under_adam():
    assert toys.leak("Adam", "the step", steps=5) < 1e-12
    assert toys.leak("Adam", "the gradient", steps=5) > 1e-3
    assert toys.leak("SGD, momentum", "the gradient", steps=5) < 1e-12


def test_students_and_teacher_are_distributions():
    p, is_word = words.teacher()
    assert p.sum() == pytest.approx(1, abs=1e-12) and is_word[0, 13, 3]  # "and"
    params = words.student(0)
    q = np.exp(words.log_q(params).numpy())
    assert q.sum() == pytest.approx(1, abs=1e-12)
    ids = np.array([[0, 13, 3], [19, 7, 4]])
    logs = words.student_logits(params, ids).numpy()
    logs = logs - np.log(np.exp(logs).sum(-1, keepdims=True))
    rows, places = np.arange(2)[:, None], np.arange(3)
    total = logs[rows, places, ids].sum(1)
    np.testing.assert_allclose(np.exp(total), q[tuple(ids.T)], rtol=1e-12)
    of_teacher = words.teacher_logits(ids)
    of_teacher = of_teacher - np.log(np.exp(of_teacher).sum(-1, keepdims=True))
    got = np.exp(of_teacher[rows, places, ids].sum(1))
    np.testing.assert_allclose(got, p[tuple(ids.T)], rtol=1e-12)
