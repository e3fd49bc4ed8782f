"""Metrics on numbers small enough to do by hand."""

import math

import numpy as np
import pytest

from tinyft import Tensor, nn, ops, training


def test_accuracy_leaves_ignored_targets_out():
    logits = np.array([[1.0, 2.0], [3.0, 0.0], [0.0, 1.0], [5.0, 1.0]])
    assert training.accuracy(logits, np.array([1, 0, 0, 0])) == 0.75
    some = Tensor(np.array([1, -100, 0, -100]))
    assert training.accuracy(Tensor(logits), some) == 0.5
    assert training.accuracy(logits[None], np.array([[1, 1, 1, 1]])) == 0.5
    with pytest.raises(ValueError, match="every target is -100"):
        training.accuracy(logits, np.full(4, -100))


def test_perplexity_of_a_uniform_guess_is_the_number_of_choices():
    assert training.perplexity(math.log(50)) == pytest.approx(50, rel=1e-14)
    assert training.perplexity(1000.0) == math.inf


def test_confusion_matrix_has_targets_in_rows():
    got = training.confusion_matrix([0, 1, 1, 2], [0, 0, 1, 0], 3)
    np.testing.assert_array_equal(got, [[1, 1, 1], [0, 1, 0], [0, 0, 0]])
    with pytest.raises(ValueError, match="of one length expected"):
        training.confusion_matrix([0, 1], [0], 2)
    with pytest.raises(ValueError, match="a label is 2"):
        training.confusion_matrix([0, 1], [0, 2], 2)


def test_mean_and_standard_error():
    mean, error = training.mean_and_error([1.0, 2.0, 3.0, 6.0])
    assert mean == 3.0
    assert error == pytest.approx(math.sqrt(14 / 3 / 4), rel=1e-14)
    assert math.isnan(training.mean_and_error([2.0])[1])
    with pytest.raises(ValueError, match="no values"):
        training.mean_and_error([])


def test_evaluate_weighs_batches_by_their_targets():
    rng = np.random.default_rng(0)
    net = nn.Linear(4, 3, rng=rng, dtype="f8")
    x, y = rng.standard_normal((10, 4)), rng.integers(0, 3, 10)
    y[2] = -100
    parts = [(x[:7], y[:7]), (x[7:], y[7:])]
    got = training.evaluate(
        net, parts, loss=ops.cross_entropy, accuracy=training.accuracy
    )
    keep = y != -100
    logits = x @ net.weight.data.T + net.bias.data
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    want = -log_p[keep, y[keep]].mean()
    assert got["loss"] == pytest.approx(want, rel=1e-12)
    right = logits.argmax(axis=1)[keep] == y[keep]
    assert got["accuracy"] == pytest.approx(right.mean(), rel=1e-14)
    with pytest.raises(ValueError, match="no target came"):
        training.evaluate(net, [], loss=ops.cross_entropy)


def test_evaluation_restores_the_mode_of_each_module():
    net = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5), nn.Dropout(0.5))
    net[1].eval()
    with net.evaluating():
        assert not any(m.training for m in net.modules())
    assert [m.training for m in net.modules()] == [True, True, False, True]


def test_evaluation_changes_no_buffer():
    net = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 2))
    before = net[0].running_mean.data.copy()
    training.evaluate(
        net, [(np.full((4, 2), 5.0, "f4"), np.zeros(4, int))], loss=ops.cross_entropy
    )
    np.testing.assert_array_equal(net[0].running_mean.data, before)


def test_early_stopping_modes_and_refusals():
    net = nn.Linear(1, 1)
    up = training.EarlyStopping(2, mode="max", min_delta=0.5)
    assert [up.update(v, net) for v in (1.0, 1.4, 1.6, 1.7, 2.0)] == [
        False,
        False,
        False,
        False,
        True,
    ]
    assert up.best == 1.6
    copy = training.EarlyStopping(2, mode="max")
    copy.load_state_dict(up.state_dict())
    assert (copy.best, copy.bad, sorted(copy.weights)) == (1.6, 2, ["bias", "weight"])
    with pytest.raises(ValueError, match="patience >= 1"):
        training.EarlyStopping(0)


def test_accuracy_of_targets_of_another_shape_is_refused():
    """(4, 1) against (4,) would broadcast to an accuracy of up to 4."""
    with pytest.raises(ValueError, match=r"targets \(4, 1\); expected targets \(4,\)"):
        training.accuracy(np.zeros((4, 2)), np.zeros((4, 1), int))


def test_accuracy_of_logits_without_a_largest_entry_is_refused():
    good, labels = np.array([[0.0, 2.0], [3.0, 1.0]], "f4"), np.array([1, 0])
    for bad in ([np.nan, 1.0], [1.0, np.nan], [-np.inf, -np.inf]):
        logits = good.copy()
        logits[1] = bad
        with pytest.raises(FloatingPointError, match="1 of 2 rows of logits"):
            training.accuracy(Tensor(logits), labels)
        assert training.accuracy(Tensor(logits), np.array([1, -100])) == 1.0
    logits[1] = [np.inf, 0.0]  # certain is no mistake
    assert training.accuracy(Tensor(logits), labels) == 1.0
    assert np.isnan(training.perplexity(float("nan")))
