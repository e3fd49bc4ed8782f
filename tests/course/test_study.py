"""study: methods on one base, the same batches for a seed, rates from other seeds."""

import numpy as np
import pytest

from tinyft import ops, peft
from tinyft.course import study
from tinyft.course.toys import frozen

W = np.random.default_rng(0).normal(size=(4, 6)).astype("f4")
TARGET = np.random.default_rng(1).normal(size=(4, 6)).astype("f4")


def batches(rng):
    while True:
        x = rng.normal(size=(8, 6)).astype("f4")
        yield x, x @ TARGET.T


def distance(model):
    return float(np.abs(model.body.weight.numpy() - TARGET).sum())


def a_study(**changes):
    options = {"steps": 5} | changes
    return study.Study(
        lambda: frozen(W),
        lambda model, x, y: ops.mse_loss(model(x), y),
        batches,
        scores=lambda model: {"distance": distance(model)},
        valid=distance,
        **options,
    )


def test_a_run_is_adam_by_hand():
    """From zero moments Adam's first step is lr·sign(g): known without an optimiser."""
    model, trained, stored = a_study(steps=1).tune(3, 0.01)
    x, y = next(batches(np.random.default_rng(3)))
    g = (x @ W.T - y).T @ x
    np.testing.assert_allclose(
        model.body.weight.numpy(), W - 0.01 * np.sign(g), atol=1e-6
    )
    assert (trained, stored) == (24, 96)


@pytest.mark.parametrize(
    "method, count, size",
    [
        (None, 24, 96),
        (peft.LoRA(2), 20, 80),
        (peft.PiSSA(2), 20, 160),
        (lambda model: [model.body.weight], 24, 96),
    ],
)
def test_counts_and_bytes(method, count, size):
    target = "body" if isinstance(method, peft.Delta) else None
    assert a_study().tune(0, 1e-3, method, target)[1:] == (count, size)


def test_a_seed_repeats_and_seeds_differ():
    def weight(seed):
        model, _, _ = a_study().tune(seed, 1e-2, peft.LoRA(2), "body")
        return model.body.weight.numpy()

    np.testing.assert_array_equal(weight(0), weight(0))
    assert np.abs(weight(0) - weight(1)).max() > 1e-3


def test_loraplus_ratio_reaches_b():
    """B starts at 0, so Adam's first step makes it ± its own rate."""
    model, _, _ = a_study(steps=1).tune(0, 1e-3, peft.LoRA(2), "body", 8.0)
    delta = peft.attached(model)["default"].deltas["body"]
    np.testing.assert_allclose(np.abs(delta.B.numpy()), 8e-3, rtol=1e-3)


def test_choose_is_on_other_seeds_and_the_validation_score():
    assert not set(study.SEEDS) & set(study.CHOOSING)
    one = a_study()
    found = one.choose((1e-4, 1e-1), None)
    assert list(found) == [1e-4, 1e-1]
    want = np.mean([distance(one.tune(seed, 1e-1)[0]) for seed in study.CHOOSING])
    assert found[1e-1] == want and found[1e-4] != want
    assert not one.runs


def test_means_are_paired():
    one = a_study()
    one.add("full", 1e-2)
    one.add("LoRA", 1e-2, peft.LoRA(2), "body")
    a, b = ([run.scores["distance"] for run in one.runs[k]] for k in ("full", "LoRA"))
    gap = np.subtract(b, a)
    mean, error = one.mean("LoRA", "distance", "full")
    np.testing.assert_allclose(mean, gap.mean(), rtol=1e-12)
    np.testing.assert_allclose(error, gap.std(ddof=1) / 3**0.5, rtol=1e-12)
    assert one.said("LoRA", "distance", "full") == f"{mean:+.3f} ± {error:.3f}"
    rows = one.rows(frozen(W), "distance", ("distance", "full"))
    assert rows[0] == ["frozen", "0 %", "0", f"{distance(frozen(W)):.3f}", ""]
    assert rows[1][:3] == ["full", "100.00%", "96"] and rows[1][4] == ""
    assert rows[2][1:3] == ["83.33%", "80"] and rows[2][4].startswith(f"{mean:+.3f}")
