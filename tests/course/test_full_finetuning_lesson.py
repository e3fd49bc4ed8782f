"""Chapter 05's lesson: the parts of its study, and its counts, against plain forms."""

from collections import Counter

import numpy as np
import pytest

from tinyft import nn, optim, tensor, transfer
from tinyft.course import runs
from tinyft.course.lessons.transfer import ch05_advice as told
from tinyft.course.lessons.transfer import ch05_digits as digits
from tinyft.course.lessons.transfer import ch05_edge as page
from tinyft.course.lessons.transfer import ch05_full_finetuning as lesson


def test_the_parts_do_not_meet_and_are_shifted():
    held, (x, y) = digits.held_out("inverted"), digits.few_labels("inverted", 30, 0)
    assert [len(held[k][1]) for k in ("valid", "test")] == [120, 239]
    rows = {row.tobytes() for k in held for row in held[k][0]}
    assert not rows & {row.tobytes() for row in x}
    assert len(y) == 30 and x.shape == (30, 1, 8, 8)
    assert x[:, 0, :, 0].mean() > 0.9  # the margin is white


def test_labels_are_drawn_by_the_seed_and_nested():
    small, large = (digits.few_labels("renamed", n, 3) for n in (8, 16))
    assert np.array_equal(large[0][:8], small[0]) and np.array_equal(
        large[1][:8], small[1]
    )
    assert not np.array_equal(small[1], digits.few_labels("renamed", 8, 4)[1])


def test_halves_share_nothing():
    first, second = lesson.halves((np.arange(9), np.arange(9)))
    assert [*first[0], *second[0]] == list(range(9)) and len(first[1]) == 4


@pytest.fixture
def short(monkeypatch):
    """Ten steps instead of a hundred, and nothing remembered from other tests."""
    monkeypatch.setattr(lesson, "STEPS", 10)
    monkeypatch.setattr(lesson.follow, "__defaults__", (10,))
    lesson._three_ends.cache_clear()
    yield
    lesson._three_ends.cache_clear()


def test_every_way_has_every_seed_at_every_rate():
    runs = lesson.plan()
    assert len(runs) == len({tuple(sorted(one.items())) for one in runs})
    swept = [one for one in runs if one["way"] not in lesson.TEXT]
    rates = Counter((one["way"], one["labels"], one["lr"]) for one in swept)
    assert set(rates.values()) == {5}
    assert {one["way"] for one in runs} >= set(lesson.WAYS)


SHORT = lesson.END, lesson.HALVED, lesson.MORE, lesson.COSINE
ANEW = lesson.SCRATCH, lesson.UPDATED


@pytest.mark.parametrize("way", SHORT + ANEW)
def test_a_run_of_the_study(short, way):
    found = lesson.run(way=way, labels=8, lr=1e-3, seed=0)
    assert found["step"] in (0, 5, 10) and 0 < found["distance"] < 5
    if way != lesson.HALVED:
        assert found["step"] == 10


def test_the_stops_are_the_best_points_of_the_same_run(short):
    """A second run, looked at by hand: the least loss, the highest accuracy, the end."""
    kept = digits.held_out("inverted")["valid"]
    model, few = digits.base(), digits.few_labels("inverted", 8, 1)
    look = {"valid": lambda model: digits.scores(model, kept)}
    rows = lesson.follow(model, few, 3e-3, 1, look)
    losses, rights = np.transpose(rows["valid"])
    ways = lesson.END, lesson.LOSS, lesson.RIGHT
    end, loss, right = (lesson.run(way, 8, 3e-3, 1) for way in ways)
    assert loss["step"] == 5 * losses.argmin() and end["step"] == 10
    assert right["step"] == 5 * rights.argmax()
    assert right["valid"] == pytest.approx(1 - rights.max(), abs=1e-12)
    assert end["test"] == digits.scores(model, digits.held_out("inverted")["test"])[1]


def test_folds_judge_each_example_once_and_while_it_is_left_out(monkeypatch):
    """A model that knows what it was trained on is wrong on every fold."""
    monkeypatch.setattr(digits, "base", dict)

    def follow(model, few, *rest):
        model["seen"] = set(few[0])

    def scores(model, part):
        counts.append(len(part[1]))
        return 0.0, np.mean([x in model["seen"] for x in part[0]])

    counts = []
    monkeypatch.setattr(lesson, "follow", follow)
    monkeypatch.setattr(digits, "scores", scores)
    assert lesson.fold_error((np.arange(10), np.arange(10)), 1e-3, 0) == 1.0
    assert counts == [3, 3, 2, 2]


@pytest.mark.parametrize("way", [lesson.PLAIN, lesson.ADAMW])
def test_it_ends_at_the_loss_that_was_asked_for(way, monkeypatch):
    monkeypatch.setattr(lesson, "ENOUGH", 2.0)
    found = lesson.run(way=way, labels=16, lr=3e-3, seed=0)
    assert found["train"] < 2.0 and 0 < found["step"] < 100


def test_all_labels_in_epochs(monkeypatch):
    """90 examples in batches of 32 are three steps an epoch, the last of 26."""
    monkeypatch.setattr(lesson, "ALL", 90)
    monkeypatch.setattr(lesson, "EPOCHS", (1, 2))
    lesson._many.cache_clear()
    found = lesson.run("batches of 32, 2 epochs", 90, 1e-3, 0)
    fresh = lesson.run("from scratch, batches of 32, 1 epochs", 90, 1e-3, 0)
    assert found["step"] == 6 and fresh["step"] == 3
    assert 0 < fresh["distance"] < 5
    lesson._many.cache_clear()


def test_scratch_is_a_network_of_the_seed_and_of_the_bases_shape():
    """Random weights of about the base's number, and not the base's; its norms learn."""
    base, (model, _) = digits.base(), lesson._fresh(lesson.SCRATCH, 3)
    shapes = [[p.shape for p in net.parameters()] for net in (base, model)]
    assert shapes[0] == shapes[1]
    again, other = (digits.untrained(seed).fc.weight.numpy() for seed in (3, 4))
    assert np.array_equal(model.fc.weight.numpy(), again)
    assert abs(again - other).max() > 0.01
    assert abs(again - base.fc.weight.numpy()).max() > 0.01


@pytest.mark.parametrize(
    ("way", "moves"), [(lesson.END, False), (lesson.UPDATED, True)]
)
def test_statistics_move_only_where_it_says_so(way, moves):
    model, _ = lesson._fresh(way)
    before = model.bn1.running_mean.numpy().copy()
    lesson.follow(model, digits.few_labels("inverted", 8, 0), 1e-3, 0, {}, steps=1)
    assert (abs(model.bn1.running_mean.numpy() - before).max() > 1e-3) == moves


def test_the_probe_is_chosen_on_valid(monkeypatch):
    """Fifteen stand-ins: the seventh is best on valid, the ninth on test."""

    class Fixed:
        def __init__(self, right):
            self.right = right

        def predict(self, F):
            part = {120: "valid", 239: "test"}[len(F)]
            y = digits.held_out("inverted")[part][1]
            return np.where(np.arange(len(y)) < self.right[part], y, (y + 1) % 10)

    rights = [{"valid": 10, "test": 20} for _ in range(15)]
    rights[6], rights[8] = {"valid": 60, "test": 100}, {"valid": 59, "test": 200}
    probes = iter(map(Fixed, rights))
    monkeypatch.setattr(transfer, "linear_probe", lambda *given: next(probes))
    x, y = digits.few_labels("inverted", 40, 0)
    assert set(y) == set(range(10))
    found = digits.probe((x, y))
    assert found == pytest.approx({"valid": 0.5, "test": 100 / 239}, abs=1e-12)


def test_the_probe_never_names_a_class_that_has_no_label():
    x, y = digits.few_labels("inverted", 60, 0)
    few = y < 2
    found = digits.probe((x[few], y[few]))
    labels = digits.held_out("inverted")["test"][1]
    assert 0.1 < found["test"] <= (labels < 2).mean() + 1e-12


def test_outputs_are_scaled_by_what_valid_prefers():
    """Outputs (4, 0) for two classes: right always: as large as can be; half: small."""
    model = nn.Linear(2, 2, bias=False)
    model.weight.data = tensor(np.eye(2, dtype="f4")).data
    x = np.tile(np.array([[4.0, 0.0]], "f4"), (4, 1))
    right, half = np.zeros(4, int), np.array([0, 1, 0, 1])
    sure = digits.scaled(model, {"valid": (x, right), "test": (x, half)})
    assert sure == (1.0, pytest.approx(np.log1p(np.exp(-4.0)) + 2.0, rel=1e-6))
    calm = digits.scaled(model, {"valid": (x, half), "test": (x, right)})
    assert calm == (0.1, pytest.approx(np.log1p(np.exp(-0.4)), rel=1e-6))


def test_what_the_start_bought_is_a_row_for_each_count():
    names, rows = told.bought(runs.load("05_full_finetuning"))
    assert [row[0] for row in rows] == [8, 16, 64, 1438]
    assert all(len(row) == len(names) for row in rows)


def test_no_step_moves_nothing():
    model = digits.base()
    start = transfer.snapshot(model)
    lesson.follow(model, digits.few_labels("inverted", 8, 0), 1e-3, 0, {}, steps=0)
    assert transfer.distance(model, start) == 0


def test_each_draw_chooses_for_itself():
    """Two rates, two judges, by hand; of equally good rates the smaller."""
    wrong = {3e-4: [0.4, 0.3, 0.2, 0.2, 0.5], 1e-3: [0.3, 0.3, 0.4, 0.1, 0.6]}
    wrong |= {3e-3: [0.9] * 5, 1e-2: [0.9] * 5}
    study = runs.Runs(
        {
            "settings": {"way": way, "labels": 8, "lr": lr, "seed": seed},
            "scores": {"valid": value + shift, "test": lr * 100 + seed},
        }
        for way, shift in ((lesson.END, 0.0), (lesson.FOLDS, 0.1))
        for lr, values in wrong.items()
        for seed, value in enumerate(values)
    )
    chosen = told.choose(study, lesson.END, 8)
    assert chosen == [1e-3, 3e-4, 3e-4, 1e-3, 3e-4]
    got = told.accuracy(study, 8, chosen)
    assert got == pytest.approx([0.1, 1.03, 2.03, 3.1, 4.03], abs=1e-12)


def test_a_difference_says_whether_the_seeds_settle_it():
    assert told.points([0.1, 0.1, 0.1]) == "+10.0 ± 0.0"
    assert told.points([0.1, -0.1]).endswith("(not settled)")


def test_the_walk_of_plain_descent_by_hand():
    """θ = (1, −1), x = (2, 3), y = 1: the error −2, the gradient (−4, −6)."""
    start, x, y = np.array([1.0, -1.0]), np.array([[2.0, 3.0]]), np.array([1.0])
    path = page.walk(start, x, y, optim.SGD, 0.1, 1)
    assert path == pytest.approx(np.array([[1.0, -1.0], [1.4, -0.4]]), abs=1e-12)


def test_the_edge_of_full_is_two_over_the_top_eigenvalue():
    X = np.random.default_rng(1).normal(size=(20, 5))
    top = np.linalg.eigvalsh(X.T @ X / 20)[-1]
    assert page.edge_of_full(X) == pytest.approx(2 / top, rel=1e-12)


@pytest.mark.parametrize("r", [1, 3])
def test_the_edge_is_two_over_the_top_eigenvalue(r):
    rng = np.random.default_rng(0)
    X, A = rng.normal(size=(20, 5)), rng.normal(size=(r, 5))
    top = np.linalg.eigvalsh(A @ X.T @ X @ A.T / 20)[-1]
    assert page.edge(X, A, 6.0) == pytest.approx(2 / ((6 / r) ** 2 * top), rel=1e-12)
    rooted = page.edge(X, A, 6.0, rslora=True)
    assert rooted == pytest.approx(2 / (36 / r * top), rel=1e-12)


def test_work_of_two_layers_by_hand():
    assert page.work([3, 5, 2]) == 2 * 15 + 3 * 10
    # W: 15 + 2·10; B three times: 3·2·(5 + 2); A: two times 2·3, three times 2·5
    assert page.work([3, 5, 2], r=2) == 35 + 42 + 12 + 30
