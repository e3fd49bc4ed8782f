"""Losses: cross-entropy in all its options, the others at their edges, errors."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

from tinyft import grad, gradcheck, no_grad, ops, tensor

sys.path.insert(0, str(Path(__file__).parent))
import twins


def draw(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def labels(*shape, C=4, ignored=True):
    y = np.random.default_rng(3).integers(0, C, shape)
    if ignored:
        y.reshape(-1)[::3] = -100
    return y


# (900, 300) spans three cache blocks
@pytest.mark.parametrize("shape", [(6, 4), (2, 4, 3), (2, 4, 3, 2), (900, 300)])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_cross_entropy_equals_its_composed_form(shape, smoothing, weighted, reduction):
    y = labels(shape[0], *shape[2:], C=shape[1])
    weight = (
        tensor(np.random.default_rng(4).uniform(0.5, 2, shape[1])) if weighted else None
    )
    options = {"label_smoothing": smoothing, "weight": weight, "reduction": reduction}
    twins.compare(
        ops.cross_entropy,
        ops.composed.cross_entropy,
        draw(*shape),
        targets=y,
        **options,
    )


def test_cross_entropy_closed_form():
    """The gradient of the mean is (p - onehot)/n, over the targets that count."""
    x, y = draw(5, 3), np.array([0, 2, -100, 1, 1])
    X = tensor(x, requires_grad=True)
    p = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    counts = y >= 0
    want = (p - np.eye(3)[np.where(counts, y, 0)]) * counts[:, None] / 4
    np.testing.assert_allclose(
        grad([ops.cross_entropy(X, y)], X).numpy(), want, atol=1e-15
    )


def test_uniform_logits_cost_log_c_nats():
    assert ops.cross_entropy(
        tensor(np.zeros((3, 7))), labels(3, C=7, ignored=False)
    ).item() == (pytest.approx(math.log(7), rel=1e-15))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("shape", [(5, 3), (2, 3, 4)])
def test_probabilities_as_targets(shape, reduction, smoothing):
    q = np.exp(draw(*shape, seed=1))
    q /= q.sum(axis=1, keepdims=True)
    w = np.array([0.5, 1.0, 2.0])
    t = (1 - smoothing) * q + smoothing / 3

    def twin(x):
        x = ops.moveaxis(x, 1, -1)
        terms = -(tensor(np.moveaxis(t, 1, -1) * w) * ops.composed.log_softmax(x)).sum(
            axis=-1
        )
        return terms if reduction == "none" else getattr(terms, reduction)()

    twins.compare(
        lambda x: ops.cross_entropy(x, q, tensor(w), -100, smoothing, reduction),
        twin,
        draw(*shape),
    )


def test_one_hot_probabilities_are_class_indices():
    x, y = tensor(draw(5, 3)), labels(5, C=3, ignored=False)
    same = ops.cross_entropy(x, np.eye(3)[y]).item()
    assert same == pytest.approx(ops.cross_entropy(x, y).item(), rel=1e-14)


def test_one_sample_without_batch_axis():
    x = tensor(draw(4), requires_grad=True)
    loss = ops.cross_entropy(x, np.array(2))
    assert loss.shape == ()
    want = -np.log(np.exp(x.numpy())[2] / np.exp(x.numpy()).sum())
    assert loss.item() == pytest.approx(want, rel=1e-14)
    assert grad([loss], x).shape == (4,)
    gradcheck(lambda x: ops.cross_entropy(x, np.array(2), label_smoothing=0.1), x)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_logits_stay_finite(dtype):
    x = tensor(np.array([[1e4, -1e4, 0], [-1e4, 1e4, 0]], dtype), requires_grad=True)
    losses = ops.cross_entropy(x, np.array([0, 0]), reduction="none")
    assert losses.tolist() == [0, 2e4] and losses.dtype == dtype
    g = grad([losses.sum()], x)
    assert g.tolist() == [[0, 0, 0], [-1, 1, 0]] and g.dtype == dtype


def test_a_forbidden_class_under_an_ignored_target_does_no_harm():
    x = tensor([[-math.inf, 0.0, 1.0], [1.0, 0.0, 0.0]], requires_grad=True)
    with np.errstate(invalid="raise"):
        loss = ops.cross_entropy(x, np.array([-100, 0]))
    assert math.isfinite(loss.item())
    assert np.isfinite(grad([loss], x).numpy()).all()


@pytest.mark.parametrize("factor", [1.0, 2.5])
def test_backward_twice_gives_the_same(factor):
    x, y = tensor(draw(5, 3), requires_grad=True), labels(5, C=3)
    loss = ops.cross_entropy(x, y) * factor
    first = grad([loss], x, retain_graph=True).numpy()
    want = first.copy()
    first *= 0  # a gradient belongs to its receiver
    np.testing.assert_array_equal(grad([loss], x, retain_graph=True).numpy(), want)


def test_gradients_of_a_leaf_can_be_changed_without_harm():
    x, y = tensor(draw(5, 3), requires_grad=True), labels(5, C=3)
    loss = ops.cross_entropy(x, y)
    loss.backward(retain_graph=True)
    want = x.grad.numpy().copy()
    x.grad.data *= 0
    x.zero_grad()
    loss.backward()
    np.testing.assert_array_equal(x.grad.numpy(), want)


def test_without_a_gradient_nothing_is_kept():
    x = tensor(draw(5, 3), requires_grad=True)
    with no_grad():
        assert ops.cross_entropy(x, labels(5, C=3))._node is None
    assert ops.cross_entropy(x.detach(), labels(5, C=3))._node is None


@pytest.mark.parametrize("ignore", [-100, 2])
def test_ignored_rows_have_no_gradient(ignore):
    x, y = tensor(draw(4, 3), requires_grad=True), np.array([0, ignore, 1, ignore])
    g = grad([ops.cross_entropy(x, y, ignore_index=ignore)], x).numpy()
    assert (g[[1, 3]] == 0).all() and (g[[0, 2]] != 0).all()


def test_all_ignored():
    x, y = tensor(draw(2, 3), requires_grad=True), np.array([-100, -100])
    with pytest.raises(ValueError, match="all 2 targets equal ignore_index=-100"):
        ops.cross_entropy(x, y)
    loss = ops.cross_entropy(x, y, reduction="sum")
    assert loss.item() == 0 and (grad([loss], x).numpy() == 0).all()


@pytest.mark.parametrize("bad", [3, -1])
def test_a_target_out_of_range(bad):
    with pytest.raises(
        IndexError, match=f"target {bad} at row 1 is not a class; .* 3 classes"
    ):
        ops.cross_entropy(tensor(draw(2, 3)), np.array([0, bad]))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: ops.cross_entropy(x, np.zeros((5, 2), int)), r"targets \(5, 2\)"),
        (
            lambda x: ops.cross_entropy(x, np.zeros((3, 5))),
            r"logits have shape \(5, 3\)",
        ),
        (
            lambda x: ops.cross_entropy(x, np.zeros(5, int), np.ones(2)),
            "weight has shape",
        ),
        (
            lambda x: ops.cross_entropy(x, np.zeros(5, int), reduction="avg"),
            "'none', 'mean'",
        ),
        (
            lambda x: ops.cross_entropy(x, np.zeros(5, int), label_smoothing=2),
            r"in \[0, 1\]",
        ),
        (lambda x: ops.cross_entropy(x, x), "no gradient goes to its targets"),
        (lambda x: ops.nll_loss(x, np.zeros((5, 3))), "class indices"),
        (lambda x: ops.mse_loss(x, np.zeros(3)), r"\(5, 3\) and the target \(3,\)"),
        (lambda x: ops.mse_loss(x, x, "avg"), "mse_loss: reduction"),
        (lambda x: ops.huber_loss(x, x, 0.0), "delta is positive"),
        (lambda x: ops.kl_div(x, x, "avg"), "'batchmean'"),
        (lambda x: ops.bce_with_logits(x, x[0]), "bce_with_logits: the input"),
    ],
)
def test_errors(call, words):
    with pytest.raises(ValueError, match=words):
        call(tensor(draw(5, 3), requires_grad=True))


def test_class_indices_as_floats_are_told_to_be_integers():
    with pytest.raises(ValueError, match=r"floats are class probabilities; .*int64"):
        ops.cross_entropy(np.zeros((5, 3)), np.zeros(5))


def test_sequences_are_told_to_reshape():
    """(B, T, V) logits with (B, T) targets: the commonest mistake gets a hint."""
    with pytest.raises(ValueError, match=r"for \(B, T, V\) reshape"):
        ops.cross_entropy(tensor(draw(2, 5, 7)), np.zeros((2, 5), int))


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("weighted", [False, True])
def test_nll_after_log_softmax_is_cross_entropy(reduction, weighted):
    y = labels(2, 3)
    weight = np.array([0.5, 1.0, 2.0, 3.0]) if weighted else None
    options = {"targets": y, "weight": weight, "reduction": reduction}
    twins.compare(
        lambda x, **o: ops.nll_loss(ops.log_softmax(x, 1), **o),
        ops.cross_entropy,
        draw(2, 4, 3),
        **options,
    )


def test_mse_of_a_linear_model_to_second_order():
    x = tensor(draw(4, 3), requires_grad=True)
    y = tensor(draw(4, 3, seed=1), requires_grad=True)
    for fn in (ops.mse_loss, ops.huber_loss, ops.bce_with_logits):
        gradcheck(lambda x, y, fn=fn: fn(ops.tanh(x), ops.sigmoid(y)), x, y, order=2)


def test_integer_targets_do_not_raise_the_precision():
    x = tensor(draw(3).astype("float32"), requires_grad=True)
    y = np.array([0, 1, 1])
    for fn in (ops.mse_loss, ops.l1_loss, ops.huber_loss, ops.bce_with_logits):
        loss = fn(x, y)
        assert loss.dtype == grad([loss], x).dtype == np.float32


def test_bce_is_stable_and_weighs_positives():
    x, y = [1e4, -1e4, 1e4, -1e4], [1.0, 0.0, 0.0, 1.0]
    X = tensor(x, requires_grad=True, dtype="float32")
    losses = ops.bce_with_logits(X, y, reduction="none")
    assert losses.tolist() == [0, 0, 1e4, 1e4]
    assert grad([losses.sum()], X).tolist() == [0, 0, 1, -1]
    both = ops.bce_with_logits(
        [0.3, 0.3], [1.0, 0.0], [1.0, 5.0], np.array(3.0), "none"
    )
    log_s = [
        -3 * math.log(1 / (1 + math.exp(-0.3))),
        -5 * math.log(1 / (1 + math.exp(0.3))),
    ]
    np.testing.assert_allclose(both.numpy(), log_s, rtol=1e-6)


def test_kl_of_a_distribution_with_itself_is_zero_and_zero_log_zero_is_zero():
    p = np.array([[0.5, 0.5, 0.0], [0.2, 0.3, 0.5]])
    log_p = np.log(np.maximum(p, 1e-30))
    assert ops.kl_div(tensor(log_p), p, "sum").item() == pytest.approx(0, abs=1e-15)
    q = np.full((2, 3), 1 / 3)
    want = (p[p > 0] * np.log(p[p > 0] * 3)).sum() / 2
    got = ops.kl_div(tensor(np.log(q)), p, "batchmean").item()
    assert got == pytest.approx(want, rel=1e-14)


@pytest.mark.parametrize("beta", [0.0, 0.5, 2.0])
def test_smooth_l1(beta):
    d = np.array([-3.0, -0.2, 0.4, 5.0])
    y = ops.smooth_l1_loss(tensor(d), np.zeros(4), beta, "none").numpy()
    inside = np.abs(d) < beta
    want = np.where(inside, d * d / 2 / (beta or 1), np.abs(d) - beta / 2)
    np.testing.assert_allclose(y, want, rtol=1e-14)


def test_empty_batches_sum_to_zero():
    x = tensor(np.zeros((0, 3)))
    assert ops.cross_entropy(x, np.zeros(0, int), reduction="sum").item() == 0
    assert ops.mse_loss(x, np.zeros((0, 3)), "sum").item() == 0


# --- labels of another kind -------------------------------------------------------------

LOGITS = [[2.0, 0.0], [0.0, 3.0]]


@pytest.mark.parametrize("dtype", [bool, "uint8", "int8", "int32", "uint64"])
@pytest.mark.parametrize("fn", [ops.cross_entropy, ops.nll_loss])
def test_labels_of_any_integer_type_and_booleans_are_classes(fn, dtype):
    """Of LOGITS at (1, 0): (log(1 + e²) + log(1 + e³)) / 2 = 2.588."""
    x = ops.log_softmax(LOGITS) if fn is ops.nll_loss else LOGITS
    got = fn(x, np.array([1, 0], dtype)).item()
    assert got == pytest.approx(np.log1p(np.exp([2, 3])).mean(), rel=1e-6)


@pytest.mark.parametrize(
    "name", ["mse_loss", "l1_loss", "huber_loss", "bce_with_logits"]
)
def test_boolean_and_integer_targets_are_numbers(name):
    x, fn = tensor([0.5, -1.5, 2.0], requires_grad=True), getattr(ops, name)
    want = fn(x, [1.0, 0.0, 1.0])
    for y in (np.array([True, False, True]), np.array([1, 0, 1])):
        got = fn(x, y)
        assert got.item() == want.item() and got.dtype == np.float32
        assert grad([got], x).tolist() == grad([fn(x, [1.0, 0.0, 1.0])], x).tolist()


def test_targets_of_bce_outside_0_and_1_are_refused():
    x = tensor([0.5, -1.0])
    with pytest.raises(
        ValueError, match=r"between -1\.0 and 1\.0; for labels -1 and 1"
    ):
        ops.bce_with_logits(x, np.array([1.0, -1.0]))
    with pytest.raises(ValueError, match=r"between 1\.0 and 2\.0"):
        ops.bce_with_logits(x, np.array([1, 2]))
    assert ops.bce_with_logits(x, np.array([1.0005, -1e-9])).item() > 0  # rounding
    assert np.isnan(ops.bce_with_logits(x, [np.nan, 1.0]).item())


def test_losses_of_integers_are_float32():
    for fn in (ops.mse_loss, ops.l1_loss, ops.huber_loss):
        assert fn([1, 2], [3, 5]).dtype == np.float32


def test_an_empty_batch_has_no_mean():
    """PyTorch's NaN is a sentence here; sums are 0, and so are the gradients."""
    x = tensor(np.zeros((0, 3)), requires_grad=True)
    hard, soft = np.zeros(0, int), np.zeros((0, 3))
    for fn, y in [(ops.cross_entropy, hard), (ops.cross_entropy, soft),
                  (ops.nll_loss, hard)]:  # fmt: skip
        with pytest.raises(
            ValueError, match=r"^cross_entropy: the batch has no targets"
        ):
            fn(x, y)
        loss = fn(x, y, reduction="sum")
        assert loss.item() == 0 and grad([loss], x).shape == (0, 3)
    with np.errstate(invalid="ignore"):
        for fn in (ops.mse_loss, ops.l1_loss, ops.huber_loss, ops.bce_with_logits):
            assert np.isnan(fn(x, soft).item())
        assert np.isnan(ops.kl_div(x, soft, "batchmean").item())
