"""The loop against the same steps by hand, and what it logs, stops and refuses."""

import math

import numpy as np
import pytest

from tinyft import Tensor, nn, ops, optim, training
from tinyft.training import loop

RNG = np.random.default_rng(0)
X = RNG.standard_normal((24, 3))
Y = X @ np.array([[1.0], [-2.0], [0.5]]) + 0.1 * RNG.standard_normal((24, 1))


def model(seed=0):
    return nn.Linear(3, 1, rng=np.random.default_rng(seed), dtype="f8")


def loss(model, x, y):
    return ops.mse_loss(model(x), y)


def batches(size=8):
    return [(X[i : i + size], Y[i : i + size]) for i in range(0, len(X), size)]


def fit(net, optimizer, some=None, **options):
    return training.fit(
        net,
        loss,
        batches() if some is None else some,
        optimizer,
        progress=False,
        **options,
    )


def test_three_epochs_equal_gradient_descent_by_hand():
    net = model()
    W, b = net.weight.data.copy(), net.bias.data.copy()
    for _ in range(3):
        for x, y in batches():
            error = 2 * (x @ W.T + b - y) / len(x)  # d mean((ŷ - y)²) / dŷ
            W, b = W - 0.05 * error.T @ x, b - 0.05 * error.sum(axis=0)
    history = fit(net, optim.SGD(net.parameters(), lr=0.05), epochs=3)
    np.testing.assert_allclose(net.weight.data, W, rtol=1e-12)
    np.testing.assert_allclose(net.bias.data, b, rtol=1e-12)
    assert history["step"] == [3, 6, 9] and history["lr"] == [0.05] * 3
    assert all(type(v) is float for v in history["loss"])
    assert all(p.grad is None for p in net.parameters())


def test_the_logged_loss_is_the_mean_since_the_last_log_point():
    net, losses = model(), []
    history = fit(
        net,
        optim.SGD(net.parameters(), lr=0.05),
        epochs=2,
        every=2,
        on_step=lambda step, loss: losses.append(float(loss)),
    )
    assert history["step"] == [2, 4, 6]
    want = [sum(losses[i : i + 2]) / 2 for i in (0, 2, 4)]
    assert history["loss"] == pytest.approx(want, rel=1e-13)


def test_accumulated_batches_equal_one_large_batch():
    one, many = model(), model()
    fit(one, optim.SGD(one.parameters(), lr=0.1), batches(24), epochs=2)
    fit(many, optim.SGD(many.parameters(), lr=0.1), epochs=2, accumulate=3)
    np.testing.assert_allclose(many.weight.data, one.weight.data, rtol=1e-12)


def test_a_last_smaller_group_is_a_mean_of_its_own():
    net, steps = model(), []
    fit(
        net,
        optim.SGD(net.parameters(), lr=0.1),
        epochs=2,
        accumulate=2,
        on_step=lambda step, loss: steps.append(step),
    )
    assert steps == [1, 2, 3, 4]  # 3 batches an epoch: groups of 2 and 1


def test_clipping_and_schedule_reach_the_step():
    net = model()
    optimizer = optim.SGD(net.parameters(), lr=1.0)
    schedule = optim.Schedule(optimizer, optim.schedule.linear_warmup, warmup=4)
    before, moves = [p.data.copy() for p in net.parameters()], []

    def measure(step, loss):
        now = [p.data.copy() for p in net.parameters()]
        square = sum(((a - b) ** 2).sum() for a, b in zip(now, before))
        moves.append(math.sqrt(square))
        before[:] = now

    fit(
        net,
        optimizer,
        steps=4,
        every=1,
        clip=1e-3,
        schedule=schedule,
        on_step=measure,
    )
    # a clipped step is lr * 1e-3 long (1e-6 in the denominator: a relative 1e-6)
    assert moves == pytest.approx([0.25e-3, 0.5e-3, 0.75e-3, 1e-3], rel=1e-5)


def test_steps_go_through_epochs_and_end_in_the_middle_of_one():
    net = model()
    history = fit(net, optim.SGD(net.parameters()), steps=7, every=3)
    assert history["step"] == [3, 6, 7]
    history = fit(net, optim.SGD(net.parameters()), steps=40)
    assert history["step"] == list(range(2, 41, 2))
    assert fit(net, optim.SGD(net.parameters()), epochs=5, steps=4)["step"][-1] == 4
    assert fit(net, optim.SGD(net.parameters()), epochs=1, steps=9)["step"][-1] == 3


def test_no_batch_is_drawn_ahead():
    drawn = []

    def stream():
        for batch in batches() * 4:
            drawn.append(1)
            yield batch

    net = model()
    fit(net, optim.SGD(net.parameters()), stream(), steps=5)
    assert len(drawn) == 5


def test_early_stopping_restores_the_best_weights():
    net, seen = model(), []
    values = iter([3.0, 1.0, 2.0, math.nan, 1.0, 0.0])

    def evaluate():
        seen.append(net.weight.data.copy())
        return {"valid": next(values)}

    history = fit(
        net,
        optim.SGD(net.parameters(), lr=0.1),
        epochs=6,
        evaluate=evaluate,
        early_stopping=training.EarlyStopping(3, monitor="valid"),
    )
    assert history["valid"][:3] == [3.0, 1.0, 2.0] and len(history["valid"]) == 5
    np.testing.assert_array_equal(net.weight.data, seen[1])


def test_modules_set_to_eval_inside_stay_so():
    net = nn.Sequential(nn.Linear(3, 1, dtype="f8"), nn.Dropout(0.5))
    net[1].eval()
    fit(net, optim.SGD(net.parameters()), epochs=1)
    assert net.training and not net[1].training
    net.eval()
    fit(net, optim.SGD(net.parameters()), epochs=1)
    assert net[1].training


@pytest.mark.parametrize("steps", [4, 40])
def test_numbers_are_read_at_log_points_only(monkeypatch, steps):
    """However many steps lie between: float() of the loop, item() of every Tensor."""
    reads, item = [], Tensor.item
    monkeypatch.setattr(Tensor, "item", lambda self: reads.append(1) or item(self))

    def count(value):
        reads.append(1)
        return float(value)

    monkeypatch.setattr(loop, "float", count, raising=False)
    net = model()
    fit(net, optim.SGD(net.parameters()), steps=steps, every=steps, clip=1.0)
    assert len(reads) == 1  # the mean loss, once


def test_refusals_are_sentences():
    net = model()
    optimizer = optim.SGD(net.parameters())
    for options, words in (
        ({}, "say how long to train"),
        ({"steps": 3.5}, r"steps=3.5 should be an integer >= 0"),
        ({"steps": 3, "accumulate": 0}, "accumulate=0 should be an integer >= 1"),
        ({"epochs": 3, "start": 2}, "start=2 continues a run that is counted in steps"),
        ({"epochs": 1, "some": iter([])}, "the batches have run out"),
        ({"epochs": 2, "some": iter(batches())}, "pass a list, or a function"),
        (
            {"epochs": 1, "early_stopping": training.EarlyStopping(monitor="f1")},
            r"watches 'f1', but a log point has only \['loss', 'lr', 'step'\]",
        ),
    ):
        with pytest.raises(ValueError, match=words):
            fit(net, optimizer, **options)


@pytest.mark.parametrize("some", [np.ones((5, 4)), (np.ones((5, 4)), np.zeros(5))])
def test_whole_arrays_are_no_batches(some):
    net = model()
    with pytest.raises(TypeError, match=r"iterable of tuples, such as .* \(5, 4\)"):
        fit(net, optim.SGD(net.parameters()), epochs=1, some=some)


def test_a_bar_is_drawn_on_a_terminal_only(capsys, monkeypatch):
    pytest.importorskip("rich", reason="the bar is rich's")
    net = model()
    training.fit(net, loss, batches(), optim.SGD(net.parameters()), epochs=1)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    training.fit(net, loss, batches(), optim.SGD(net.parameters()), epochs=1, every=1)
    out, err = capsys.readouterr()
    assert out == "" and "3/3" in err


def labels(sizes):
    """A batch for each (rows, rows that count)."""
    rng = np.random.default_rng(1)
    for rows, count in sizes:
        y = np.where(np.arange(rows) < count, rng.integers(0, 2, rows), -100)
        yield rng.standard_normal((rows, 3)), y


@pytest.mark.parametrize("sizes", [[(2, 2), (2, 1)], [(5, 1), (1, 1), (3, 0), (2, 2)]])
def test_accumulating_is_one_batch_whatever_counts(sizes):
    """Σ losses / Σ counts: a mean of means would weigh the smaller batch too much."""
    parts = list(labels(sizes))
    whole = [tuple(np.concatenate(arrays) for arrays in zip(*parts))]
    results = []
    for batches_, k in ((whole, 1), (parts, len(parts))):
        net = nn.Linear(3, 2, rng=0, dtype="f8")
        history = training.fit(
            net,
            lambda m, x, y: ops.cross_entropy(m(x), y),
            batches_,
            optim.SGD(net.parameters(), lr=1.0),
            steps=2,
            every=1,
            accumulate=k,
            progress=False,
        )
        results.append((net.weight.numpy(), history["loss"]))
    (want, losses), (got, logged) = results
    np.testing.assert_allclose(got, want, rtol=1e-12)  # sums in another order
    assert logged == pytest.approx(losses, rel=1e-12)


def test_accumulating_nothing_that_counts_is_a_sentence():
    net = nn.Linear(3, 2, rng=0)
    parts = [(np.ones((2, 3), "f4"), np.array([-100, -100]))] * 2
    with pytest.raises(ValueError, match="no target of step 1 counts"):
        training.fit(
            net,
            lambda m, x, y: ops.cross_entropy(m(x), y),
            parts,
            optim.SGD(net.parameters()),
            steps=1,
            accumulate=2,
            progress=False,
        )


def test_what_evaluate_calls_loss_does_not_replace_the_training_loss():
    net = model()
    history = fit(
        net,
        optim.SGD(net.parameters(), lr=0.1),
        epochs=2,
        evaluate=lambda: {"loss": 7.0, "lr": 8, "step": 9.0, "accuracy": 0.5},
    )
    assert history["eval_loss"] == [7.0, 7.0] and history["eval_lr"] == [8.0, 8.0]
    assert history["step"] == [3, 6] and history["lr"] == [0.1, 0.1]
    assert history["accuracy"] == [0.5, 0.5]
    plain = model()
    want = fit(plain, optim.SGD(plain.parameters(), lr=0.1), epochs=2)
    assert history["loss"] == want["loss"]


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("wrap", [list, lambda some: lambda: some])
def test_a_list_goes_on_behind_the_batches_that_are_used(accumulate, wrap):
    seen = []

    def watch(net, x, y):
        seen.append(float(x[0, 0]))
        return loss(net, x, y)

    def run(start, steps):
        net = model()
        training.fit(
            net, watch, wrap(batches()), optim.SGD(net.parameters()), start=start,
            steps=steps, accumulate=accumulate, progress=False,
        )  # fmt: skip
        got = seen.copy()
        seen.clear()
        return got

    whole = run(0, 9)
    for start in range(10):
        assert run(0, start) + run(start, 9) == whole


def test_a_resumed_run_whose_data_cannot_be_placed_says_so(tmp_path):
    net = model()
    optimizer = optim.SGD(net.parameters())
    kept = training.Checkpoint(tmp_path / "run", net, optimizer)

    def again():
        return iter(batches())

    fit(net, optimizer, again, steps=2, checkpoint=kept)
    with pytest.warns(UserWarning, match="does not hold the position in the data"):
        fit(net, optimizer, again, start=2, steps=3, checkpoint=kept)


def test_a_stopped_run_is_not_trained_on():
    early = training.EarlyStopping(1)
    early.update(1.0, model()), early.update(2.0, model())
    net = model()
    before = net.weight.data.copy()
    optimizer = optim.SGD(net.parameters(), lr=0.1)
    history = fit(
        net, optimizer, steps=5, start=2, early_stopping=early, evaluate=lambda: {}
    )
    assert history["step"] == [] and (net.weight.data == early.weights["weight"]).all()
    assert before.shape == net.weight.shape
