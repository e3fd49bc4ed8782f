"""The linear probe: its minima, frozen features, a new head, and bad input."""

import numpy as np
import pytest

from tinyft import nn, ops, optim, tensor
from tinyft.models import resnet_tiny
from tinyft.training.metrics import accuracy, evaluate
from tinyft.transfer import LinearProbe, features, head_only, linear_probe, spread

SIZES = [(30, 4, 3), (7, 12, 3), (25, 6, 2), (40, 5, 6)]  # n, d, classes; n < d too
sizes = pytest.mark.parametrize("n, d, K", SIZES)


def problem(n, d, K, seed=0):
    rng = np.random.default_rng(seed)
    y = np.r_[np.arange(K), rng.integers(0, K, n - K)]
    Z = rng.normal(1.5, 1.0, (n, d)) + 1.3 * rng.normal(size=(K, d))[y]
    return Z, y


@pytest.fixture
def model():
    model = resnet_tiny(np.random.default_rng(0), widths=(2, 3, 4))
    model(tensor(np.random.default_rng(1).normal(size=(8, 1, 8, 8)).astype("f4")))
    return model


def objective(params, Z, y, penalty, loss):
    """(1) or (2), written as in the docstring; params (K, d + 1), the bias last."""
    W, b = params[:, :-1], params[:, -1]
    scores, onehot = Z @ W.T + b, np.eye(len(W))[y]
    if loss == "squared":
        fit = ((scores - onehot) ** 2).sum(1).mean() / 2
    else:
        fit = (np.log(np.exp(scores).sum(1)) - (scores * onehot).sum(1)).mean()
    return fit + penalty * (W * W).sum()


@sizes
@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_the_slope_of_the_objective_is_zero(n, d, K, loss):
    """Complex step, exact to rounding; the objective is strictly convex in W."""
    Z, y = problem(n, d, K)
    probe = linear_probe(Z, y, 0.03, loss)
    params = np.c_[probe.weight, probe.bias]
    slope = np.empty(params.shape)
    for i in np.ndindex(params.shape):
        moved = params.astype(complex)
        moved[i] += 1e-30j
        slope[i] = objective(moved, Z, y, 0.03, loss).imag / 1e-30
    # Newton stops when the objective no longer falls: value to 1e-16, slope to 1e-8
    assert np.abs(slope).max() < (1e-12 if loss == "squared" else 1e-7)


@sizes
def test_the_squared_probe_is_ridge_with_a_free_bias(n, d, K):
    """Against the normal equations with a column of ones that is not penalised."""
    Z, y = problem(n, d, K)
    A, free = np.c_[Z, np.ones(n)], np.diag(np.r_[np.ones(d), 0.0])
    want = np.linalg.solve(A.T @ A + 2 * n * 0.07 * free, A.T @ np.eye(K)[y]).T
    probe = linear_probe(Z, y, 0.07)
    assert np.allclose(np.c_[probe.weight, probe.bias], want, rtol=1e-9, atol=1e-11)


@sizes
def test_no_penalty_is_the_smallest_least_squares(n, d, K):
    Z, y = problem(n, d, K)
    probe, onehot = linear_probe(Z, y, 0), np.eye(K)[y]
    center = Z - Z.mean(0)
    want = (np.linalg.pinv(center) @ (onehot - onehot.mean(0))).T
    assert np.allclose(probe.weight, want, rtol=1e-9, atol=1e-11)
    if n <= d:
        assert np.allclose(probe(Z), onehot, atol=1e-9)  # fitted exactly


def test_the_logistic_bias_is_free_and_the_penalty_acts():
    """mean p = mean onehot; a larger penalty, a smaller W."""
    Z, y = problem(40, 5, 4)
    small, large = (linear_probe(Z, y, c, "logistic") for c in (1e-3, 1.0))
    for probe in (small, large):
        p = np.exp(probe(Z)) / np.exp(probe(Z)).sum(1, keepdims=True)
        assert np.allclose(p.mean(0), np.eye(4)[y].mean(0), atol=1e-7)
    assert np.linalg.norm(large.weight) < 0.5 * np.linalg.norm(small.weight)


def test_predict_accuracy_and_the_linear_layer_agree():
    Z, y = problem(30, 4, 3)
    probe = linear_probe(Z, y, 0.01)
    logits = Z @ probe.weight.T + probe.bias
    assert np.array_equal(probe.predict(Z), logits.argmax(1))
    assert probe.accuracy(Z, y) == np.mean(logits.argmax(1) == y)
    assert np.allclose(probe.linear("float64")(tensor(Z)).numpy(), logits, rtol=1e-12)
    assert probe.linear().weight.dtype == "float32"


def test_spread_is_the_mean_squared_distance_from_the_mean():
    assert spread(np.array([[0.0, 0.0], [6.0, 8.0]])) == 25.0


# --- features --------------------------------------------------------------------------


def test_features_are_the_layers_output_in_evaluation_mode(model):
    x = np.random.default_rng(2).normal(size=(7, 1, 8, 8)).astype("f4")
    state = {k: v.numpy().copy() for k, v in model.state_dict().items()}
    model.train()
    model.layer2.eval()  # a mixed state is given back as it was
    modes = [m.training for m in model.modules()]
    got = features(model, x, "layer3", batch_size=3)
    assert [m.training for m in model.modules()] == modes
    assert all(
        np.array_equal(v.numpy(), state[k]) for k, v in model.state_dict().items()
    )
    with model.evaluating():
        assert np.allclose(
            got.mean((2, 3)), model.features(tensor(x)).numpy(), atol=1e-6
        )


def test_the_batch_size_changes_nothing_but_rounding(model):
    x = np.random.default_rng(2).normal(size=(7, 1, 8, 8)).astype("f4")
    one, all_ = (features(model, x, "layer1", size) for size in (1, 100))
    assert one.shape == (7, 2, 8, 8) and np.allclose(one, all_, atol=1e-6)


def test_features_of_an_unknown_layer_or_of_nothing(model):
    x = np.zeros((0, 1, 8, 8), "f4")
    with pytest.raises(ValueError, match=r"no layer 'layr3'; nearest names: layer3"):
        features(model, x, "layr3")
    with pytest.raises(ValueError, match="no inputs came"):
        features(model, x, "layer3")
    model.aside = nn.Linear(2, 2)
    with pytest.raises(ValueError, match="did not call its layer 'aside'"):
        features(model, np.zeros((1, 1, 8, 8), "f4"), "aside")


# --- head_only, LP-FT --------------------------------------------------------------------


def test_head_only_trains_the_head_and_nothing_else(model):
    head = head_only(model, "fc", 5, rng=3)
    before = {k: v.numpy().copy() for k, v in model.state_dict().items()}
    trained = [name for name, p in model.named_parameters() if p.requires_grad]
    assert trained == ["fc.weight", "fc.bias"] and model.fc is head
    step = optim.AdamW(head.parameters(), lr=0.1)
    x = np.random.default_rng(2).normal(3, 2, size=(6, 1, 8, 8)).astype("f4")
    model.train()
    ops.cross_entropy(model(tensor(x)), np.arange(6) % 5).backward()
    step.step()
    moved = {k for k, v in model.state_dict().items() if (v.numpy() != before[k]).any()}
    assert moved == {"fc.weight", "fc.bias"}  # no running statistic either


def test_a_probe_becomes_the_head(model):
    x = np.random.default_rng(2).normal(size=(12, 1, 8, 8)).astype("f4")
    y = np.arange(12) % 3
    Z = features(model, x, "layer3").mean((2, 3))
    probe = linear_probe(Z, y, 0.01)
    head_only(model, "fc", probe)
    with model.evaluating():
        assert np.allclose(model(tensor(x)).numpy(), probe(Z), atol=1e-5)
    assert evaluate(model, [(x, y)], a=accuracy)["a"] == probe.accuracy(Z, y)


def test_head_only_refuses_what_does_not_fit(model):
    with pytest.raises(
        ValueError, match="'layer1' is not a Linear of ResNet; it has fc"
    ):
        head_only(model, "layer1", 3)
    with pytest.raises(ValueError, match="reads 7 features and the head it replaces 4"):
        head_only(model, "fc", LinearProbe(np.zeros((3, 7)), np.zeros(3)))
    assert all(p.requires_grad for p in model.parameters())  # nothing half done


# --- bad input ---------------------------------------------------------------------------
Z, Y = problem(12, 4, 3)
BROKEN = np.where(np.arange(12)[:, None] == 5, np.nan, Z)


@pytest.mark.parametrize(
    "given, said",
    [
        (
            (Z, np.ones(12, int), 1.0),
            r"labels are \[1\]; expected 0, 1, .* two classes",
        ),
        ((Z, np.zeros(12, int), 1.0), "nothing to tell apart"),
        (
            (Z, np.where(Y == 1, 3, Y), 1.0),
            "too few samples, class 1 of 0 ... 3 has none",
        ),
        ((Z, Y - 1, 1.0), "expected 0, 1"),
        ((Z, Y[:9], 1.0), "12 rows of features and 9 labels"),
        ((Z, Y + 0.5, 1.0), "whole numbers"),
        ((Z, np.eye(3)[Y], 1.0), "whole numbers, got shape"),
        ((BROKEN, Y, 1.0), "1 of 12 rows of features hold NaN"),
        ((Z * np.inf, Y, 1.0), "12 of 12 rows of features hold NaN or infinity"),
        ((Z[:, :, None], Y, 1.0), r"features \(n, d\) .*reshape"),
        ((Z[:0], Y[:0], 1.0), "n >= 1"),
        ((Z, Y, -1.0), "penalty=-1.0 should be a finite number >= 0"),
        ((Z, Y, float("nan")), "penalty=nan"),
        ((Z, Y, 0.0, "logistic"), "> 0: without one, separable classes"),
        ((Z, Y, 1.0, "hinge"), "should be one of"),
    ],
)
def test_bad_input_is_a_sentence(given, said):
    with pytest.raises(ValueError, match=said):
        linear_probe(*given)


def test_other_features_than_those_of_the_fit_are_refused():
    probe = linear_probe(Z, Y, 0.1)
    with pytest.raises(ValueError, match="fitted on 4 features per row, got 3"):
        probe.predict(Z[:, :3])
    with pytest.raises(ValueError, match="12 rows of features and 5 labels"):
        probe.accuracy(Z, Y[:5])


def test_constant_features_predict_the_most_frequent_class():
    """A rank of 0: only the bias is left."""
    y = np.array([0, 1, 1, 2, 1])
    for loss in ("squared", "logistic"):
        probe = linear_probe(np.ones((5, 3)), y, 0.1, loss)
        assert (probe.weight == 0).all() and (probe.predict(np.ones((2, 3))) == 1).all()
