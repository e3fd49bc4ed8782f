"""What cannot be trained is a sentence before anything has changed."""

import math

import numpy as np
import pytest

from tinyft import models, nn, no_grad, ops, optim, peft, tensor, training

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((6, 3)), np.array([0, 1, 1, 0, 1, 0])
BATCHES = [(X[:4], Y[:4]), (X[4:], Y[4:])]


def build():
    model = nn.Linear(3, 2, rng=0, dtype="f8")
    return model, optim.SGD(model.parameters(), lr=0.1)


def loss(model, x, y):
    return ops.cross_entropy(model(x), y)


def refused(kind, words, *arguments, **options):
    """The call raises `kind`, and neither model nor optimizer has moved."""
    model, optimizer = build()
    values = {"model": model, "optimizer": optimizer, "loss": loss, "batches": BATCHES}
    given = [values.get(a, a) if isinstance(a, str) else a for a in arguments]
    options = {k: v(model, optimizer) if k[0] == "_" else v for k, v in options.items()}
    options = {k.strip("_"): v for k, v in options.items()}
    options = {"steps": 2, "progress": False, **options}
    with pytest.raises(kind, match=words):
        training.fit(*given, **options)
    np.testing.assert_array_equal(model.weight.numpy(), build()[0].weight.numpy())
    assert optimizer.param_groups[0]["lr"] == 0.1


class TorchLike:
    __module__ = "torch.utils.data"

    def __iter__(self):
        return iter(BATCHES)


ORDERS = [
    (
        ("loss", "model", "batches", "optimizer"),
        TypeError,
        "loss_fn should be|model should",
    ),
    (
        ("model", "batches", "loss", "optimizer"),
        TypeError,
        "loss_fn should be a function",
    ),
    (
        ("model", "loss", "optimizer", "batches"),
        TypeError,
        "batches should be an iterable",
    ),
    (
        ("model", "optimizer", "loss", "batches"),
        TypeError,
        "loss_fn should be a function",
    ),
    (
        ("model", ops.cross_entropy, "batches", "optimizer"),
        TypeError,
        "wrap the operation",
    ),
    (
        ("model", "loss", X, "optimizer"),
        TypeError,
        r"whole arrays: the first has .*\(6, 3\)",
    ),
    (("model", "loss", (X, Y), "optimizer"), TypeError, "holds whole arrays"),
    (("model", "loss", [], "optimizer"), ValueError, "the data set is empty"),
    (
        ("model", "loss", lambda: [], "optimizer"),
        ValueError,
        "epoch 1 has no batch: the da",
    ),
    (("model", "loss", iter([]), "optimizer"), ValueError, "the batches have run out"),
    (("model", "loss", [X], "optimizer"), TypeError, "holds whole arrays"),
    (
        ("model", "loss", lambda: [X], "optimizer"),
        TypeError,
        r"so yield \(x,\) for an x",
    ),
    (
        ("model", "loss", lambda: [{"x": X}], "optimizer"),
        TypeError,
        "a tuple of arrays",
    ),
    (("model", "loss", TorchLike(), "optimizer"), TypeError, "TorchLike of PyTorch"),
    (("model", "loss", "data", "optimizer"), TypeError, "got 'data'"),
    (("model", "loss", "batches", None), TypeError, "the optimizer is missing"),
    (("model", "loss", "batches", 0.1), TypeError, "one of tinyft.optim, .* got 0.1"),
]


@pytest.mark.parametrize("arguments, kind, words", ORDERS)
def test_arguments_of_another_kind_or_order(arguments, kind, words):
    refused(kind, words, *arguments)


OPTIONS = [
    ({"schedule": "cosine"}, TypeError, "optim.Schedule, for example .* got 'cosine'"),
    (
        {"checkpoint": "run.safetensors"},
        TypeError,
        r"a training.Checkpoint\(path, model",
    ),
    (
        {"evaluate": {"loss": 1.0}},
        TypeError,
        "evaluate should be a function .* got dict",
    ),
    (
        {"evaluate": lambda: 0.5},
        TypeError,
        r"should return \{name: number\}, got a float",
    ),
    ({"clip": "1.0"}, ValueError, "clip='1.0' should be a norm"),
    ({"clip": math.nan}, ValueError, "clip=nan should be a norm"),
    ({"steps": True}, ValueError, "steps=True should be an integer"),
    (
        {"early_stopping": training.EarlyStopping()},
        ValueError,
        "watches 'loss', but a log point has only .* of the training itself",
    ),
    (
        {"_schedule": lambda m, o: optim.Schedule(build()[1], optim.schedule.constant)},
        ValueError,
        "the schedule sets the rates of another optimizer",
    ),
]


@pytest.mark.parametrize("options, kind, words", OPTIONS)
def test_options_of_another_kind_or_run(options, kind, words):
    arguments = ("model", "loss", "batches", "optimizer")
    if options.get("evaluate") and callable(options["evaluate"]):  # known after a step
        model, optimizer = build()
        with pytest.raises(kind, match=words):
            training.fit(model, loss, BATCHES, optimizer, steps=1, **options)
        return
    refused(kind, words, *arguments, **options)


LOSSES = [
    (lambda m, x, y: 1.0, TypeError, r"got a float; return .* without float\(\)"),
    (lambda m, x, y: float(loss(m, x, y)), TypeError, "got a float"),
    (
        lambda m, x, y: (loss(m, x, y), m(x)),
        TypeError,
        "got a tuple of 2; return the loss",
    ),
    (lambda m, x, y: None, TypeError, "got a NoneType"),
    (lambda m, x, y: m(x).sum(axis=1), ValueError, r"shape \(4,\); return one number"),
    (lambda m, x, y: tensor(1.0), ValueError, "depends on no parameter that trains"),
]


@pytest.mark.parametrize("loss_fn, kind, words", LOSSES)
def test_a_loss_that_is_not_one(loss_fn, kind, words):
    refused(kind, words, "model", loss_fn, "batches", "optimizer")


def test_a_loss_may_come_from_code_without_a_module():
    """A function made by exec has no __module__, in a console or a page's test."""
    names = {}
    exec("loss = lambda model, x: model(x).sum()", names)
    assert names["loss"].__module__ is None
    model = nn.Linear(2, 1)
    sgd, batches = optim.SGD(model.parameters(), 0.1), [(np.ones((3, 2), "f4"),)]
    assert training.fit(model, names["loss"], batches, sgd, epochs=1)["step"] == [1]


def test_a_loss_under_no_grad():
    def quiet(model, x, y):
        with no_grad():
            return loss(model, x, y)

    refused(ValueError, "works under no_grad", "model", quiet, "batches", "optimizer")


def test_an_optimizer_of_another_model_or_of_what_is_frozen():
    model, _ = build()
    with pytest.raises(
        ValueError, match="2 parameters and none of them is this model's"
    ):
        training.fit(model, loss, BATCHES, build()[1], steps=1)
    net = models.mlp(3, 4, 2, rng=0)
    before = optim.SGD(net.parameters(), lr=0.1)
    peft.attach(net, peft.LoRA(r=1), ".*", rng=0)
    with pytest.raises(ValueError, match=r"make the optimizer after attaching"):
        training.fit(net, loss, BATCHES, before, steps=1)


def test_a_checkpoint_of_another_run(tmp_path):
    model, optimizer = build()
    schedule = optim.Schedule(optimizer, optim.schedule.cosine, total=9)
    other = training.Checkpoint(tmp_path / "a", *build())
    options = {"steps": 1, "progress": False}
    with pytest.raises(ValueError, match="the checkpoint holds another model"):
        training.fit(model, loss, BATCHES, optimizer, checkpoint=other, **options)
    short = training.Checkpoint(tmp_path / "a", model, optimizer)
    with pytest.raises(ValueError, match=r"leaves out the schedule.*pass it schedule="):
        training.fit(
            model,
            loss,
            BATCHES,
            optimizer,
            schedule=schedule,
            checkpoint=short,
            **options,
        )
    for given, kind, words in (
        ((model, tmp_path / "a"), TypeError, "first argument is the file's path"),
        (
            (tmp_path / "a", optimizer, model),
            TypeError,
            "model should be a Module, got SGD",
        ),
        ((tmp_path / "a",), TypeError, "model should be a Module, got NoneType"),
        (
            (tmp_path / "a", model, build()[1]),
            ValueError,
            "none of them is this model's",
        ),
        ((tmp_path / "a", model, optimizer, "cosine"), TypeError, "got 'cosine'"),
    ):
        with pytest.raises(kind, match=words):
            training.Checkpoint(*given)
        if len(given) > 1 and given[1] is not optimizer:
            with pytest.raises(kind, match=words):
                training.save_checkpoint(*given)
    assert not list(tmp_path.iterdir())


def test_evaluate_says_what_it_was_given():
    model, _ = build()
    accuracy = training.accuracy
    for given, metrics, kind, words in (
        ((X, Y), {"accuracy": accuracy}, TypeError, r"holds whole arrays.*\(6, 3\)"),
        (BATCHES, {}, TypeError, "give functions .* there is none"),
        (BATCHES, {"accuracy": 1}, TypeError, "accuracy is 1"),
        ([X], {"accuracy": accuracy}, TypeError, "holds whole arrays"),
        (TorchLike(), {"accuracy": accuracy}, TypeError, "of PyTorch"),
        (BATCHES, {"all": lambda y, t: y.numpy()}, TypeError, r"one number .*\(4, 2\)"),
        ([], {"accuracy": accuracy}, ValueError, "no target came"),
    ):
        with pytest.raises(kind, match=words):
            training.evaluate(model, given, **metrics)
    with pytest.raises(TypeError, match="model should be a Module, got list"):
        training.evaluate(BATCHES, model, accuracy=accuracy)
    same = training.evaluate(model, lambda: iter(BATCHES), accuracy=accuracy)
    assert same == training.evaluate(model, BATCHES, accuracy=accuracy)


# --- a loss that is not finite -------------------------------------------------------


def spoiled(at):
    """Losses of finite size, but for batch `at` (from 1)."""
    return [(np.full((2, 3), np.nan) if i == at else X[:2], Y[:2]) for i in range(1, 6)]


@pytest.mark.parametrize("accumulate", [1, 2])
def test_nan_stops_before_the_step_with_its_place(accumulate):
    model, optimizer = build()
    seen, weights = [], []

    def keep(step, value):
        seen.append(float(value))
        weights.append(model.weight.numpy().copy())

    with pytest.raises(FloatingPointError) as caught:
        training.fit(
            model,
            loss,
            spoiled(4),
            optimizer,
            steps=5,
            accumulate=accumulate,
            on_step=keep,
            progress=False,
        )
    text, at = str(caught.value), 4 if accumulate == 1 else 2
    assert f"the loss is nan at step {at} (batch 4 of epoch 1)" in text
    assert "detect_anomaly" in text and "the last finite loss was" in text
    assert len(seen) == at - 1
    np.testing.assert_array_equal(model.weight.numpy(), weights[-1])
    assert all(p.grad is None for p in model.parameters())


def test_infinity_in_the_first_step():
    model, optimizer = build()

    def far(model, x, y):
        return loss(model, x, y) * math.inf

    with pytest.raises(
        FloatingPointError, match=r"inf at step 1 .* no finite loss before"
    ):
        training.fit(model, far, BATCHES, optimizer, steps=3, progress=False)


def test_a_checkpoint_of_nan_weights_is_not_written(tmp_path):
    """The loss of the last step was finite; what the step made of the weights is not."""
    model, optimizer = build()
    kept = training.Checkpoint(tmp_path / "run", model, optimizer)

    def overflow(step, value):
        if step == 2:
            model.weight.data[0, 0] = math.inf

    with pytest.raises(
        FloatingPointError, match=r"after step 2 weight holds NaN or Inf"
    ):
        training.fit(
            model, loss, BATCHES, optimizer, steps=4, every=1, checkpoint=kept,
            on_step=overflow, progress=False,
        )  # fmt: skip
    fresh, other = build()
    assert training.load_checkpoint(tmp_path / "run", fresh, other)["step"] == 1
    assert np.isfinite(fresh.weight.numpy()).all()
