"""L2-SP against its closed form, its gradient against autograd, and its errors.

Tolerances: 1e-12 relative for direct formulas in float64 (condition numbers below 1e3,
so rounding is near 1e-13), 1e-10 where gradient descent has converged.
"""

import numpy as np
import pytest

import tinyft
from tinyft import nn, ops, optim, peft, tensor
from tinyft.models import mlp, resnet_tiny
from tinyft.transfer import L2SP, freeze
from tinyft.transfer.l2sp import LOSSES, closed_form

EXACT, CONVERGED = 1e-12, 1e-10


def problem(n=11, d=4, K=3, seed=0):
    rng = np.random.default_rng(seed)
    X, Theta0 = rng.normal(size=(n, d)), rng.normal(size=(d, K)) + 1.0
    return X, X @ rng.normal(size=(d, K)) + rng.normal(size=(n, K)), Theta0


def close(got, want, tol=EXACT):
    return np.max(np.abs(got - want)) <= tol * np.max(np.abs(want))


def linear(Theta):
    """Xθ as a model: the weight of nn.Linear is θᵀ."""
    layer = nn.Linear(*Theta.shape, bias=False, dtype="float64")
    layer.weight.data = Theta.T.copy()
    return layer


VALUES = {
    "half_mean": lambda E: (E * E).sum() / (2 * E.shape[0]),
    "mean": lambda E: (E * E).mean(),
    "half_sum": lambda E: (E * E).sum() / 2,
    "sum": lambda E: (E * E).sum(),
}


# --- the closed form -----------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
def test_each_convention_makes_the_gradient_zero(loss):
    X, Y, Theta0 = problem()
    Theta = tensor(closed_form(X, Y, Theta0, 0.3, loss), requires_grad=True)
    away = Theta - tensor(Theta0)
    fit = VALUES[loss](tensor(X) @ Theta - tensor(Y))
    (fit + 0.3 * (away * away).sum()).backward()
    scale = np.max(np.abs(X.T @ Y))
    assert np.max(np.abs(Theta.grad.data)) <= EXACT * scale


def test_mean_is_the_mse_loss_of_ops():
    X, Y, Theta0 = problem()
    Theta = tensor(closed_form(X, Y, Theta0, 0.3, "mean"), requires_grad=True)
    away = Theta - tensor(Theta0)
    (ops.mse_loss(tensor(X) @ Theta, tensor(Y)) + 0.3 * (away * away).sum()).backward()
    assert np.max(np.abs(Theta.grad.data)) <= EXACT * np.max(np.abs(X.T @ Y))


@pytest.mark.parametrize("loss", LOSSES)
def test_training_with_the_penalty_ends_there(loss):
    X, Y, Theta0 = problem()
    model = linear(Theta0)
    sp, x, y = L2SP(model, 0.3), tensor(X), tensor(Y)
    factor = LOSSES[loss](*Y.shape)  # curvature of the loss: XᵀX · 2 / factor
    top = 2 * np.linalg.norm(X, 2) ** 2 / factor + 2 * 0.3
    step = optim.SGD(model.parameters(), lr=1 / top)
    for _ in range(1500):
        (VALUES[loss](model(x) - y) + sp.penalty()).backward()
        step.step()
        step.zero_grad()
    want = closed_form(X, Y, Theta0, 0.3, loss)
    assert close(model.weight.data.T, want, CONVERGED)


def test_one_output_may_be_a_vector():
    X, Y, Theta0 = problem()
    got = closed_form(X, Y[:, 0], Theta0[:, 0], 0.3)
    assert got.shape == (4,)
    assert close(got, closed_form(X, Y, Theta0, 0.3)[:, 0])
    mean = closed_form(X, Y[:, 0], Theta0[:, 0], 0.3, "mean")
    assert close(mean, closed_form(X, Y[:, :1], Theta0[:, :1], 0.3, "mean")[:, 0])


def test_residual_form_and_matrix_weighted_average():
    X, Y, Theta0 = problem()
    c = 2 * len(X) * 0.3
    A = X.T @ X + c * np.eye(4)
    want = closed_form(X, Y, Theta0, 0.3)
    assert close(Theta0 + np.linalg.solve(A, X.T @ (Y - X @ Theta0)), want)
    W, ols = np.linalg.solve(A, X.T @ X), np.linalg.lstsq(X, Y, rcond=None)[0]
    assert close(W @ ols + (np.eye(4) - W) @ Theta0, want)


def test_limits_of_lambda():
    X, Y, Theta0 = problem()
    ols = np.linalg.lstsq(X, Y, rcond=None)[0]
    assert close(closed_form(X, Y, Theta0, 0.0), ols)
    far = Theta0 + X.T @ (Y - X @ Theta0) / (2 * len(X) * 1e6)
    assert close(closed_form(X, Y, Theta0, 1e6) - Theta0, far - Theta0, 1e-5)  # O(1/λ)


def test_few_rows_tend_to_the_nearest_interpolant():
    X, Y, Theta0 = problem(n=3, d=5)
    nearest = Theta0 + np.linalg.pinv(X) @ (Y - X @ Theta0)
    assert close(closed_form(X, Y, Theta0, 1e-9), nearest, 1e-6)  # O(λ), κ·ε/λ


def test_a_strength_for_each_coordinate_is_a_new_head_and_ewc():
    X, Y, Theta0 = problem()
    n, y, theta0 = len(X), Y[:, 0], Theta0[:, 0]
    alpha_beta = np.array([0.4, 0.4, 0.9, 0.9])  # Li et al.: α, α, β, β, with ½
    start = np.where(np.arange(4) < 2, theta0, 0.0)
    D = n * np.diag(alpha_beta)
    want = np.linalg.solve(X.T @ X + D, X.T @ y + D @ start)
    assert close(closed_form(X, y, start, alpha_beta / 2), want)


@pytest.mark.parametrize("strength", [-0.1, np.array([0.1, 0.2, -0.1, 0.3])])
def test_negative_strength_is_refused(strength):
    with pytest.raises(ValueError, match="should be >= 0"):
        closed_form(*problem(), strength)


def test_no_strength_and_few_rows_is_refused():
    with pytest.raises(ValueError, match=r"> 0 if n < d \(here 3, 5\).*pinv"):
        closed_form(*problem(n=3, d=5), 0.0)


def test_an_unknown_loss_lists_the_known():
    with pytest.raises(ValueError, match="'mse' is none of half_mean, mean"):
        closed_form(*problem(), 0.1, loss="mse")


# --- the penalty ---------------------------------------------------------------------


def moved(seed=0, **options):
    """A two-layer model whose parameters have left the start, and its L2SP."""
    rng = np.random.default_rng(seed)
    model = mlp(5, 4, 3, rng=rng).double()
    options = {"head": r"2", "head_strength": 0.2} | options
    sp = L2SP(model, 0.7, **options)
    for p in model.parameters():
        p.data = p.data + rng.normal(size=p.shape)
    return model, sp


def by_hand(model, sp, F):
    shared = {n: p for n, p in model.named_parameters() if not n.startswith("2.")}
    new = {n: p for n, p in model.named_parameters() if n.startswith("2.")}
    total = sum((F[n] * (p.data - sp.start[n]) ** 2).sum() for n, p in shared.items())
    return 0.7 * total + 0.2 * sum((p.data**2).sum() for p in new.values())


@pytest.fixture(params=["plain", "weighted"])
def case(request):
    model = moved()[0]
    rng = np.random.default_rng(5)
    F = {n: rng.uniform(0, 2, p.shape) for n, p in model.named_parameters()}
    if request.param == "weighted":
        return *moved(importance=F), F
    return *moved(), dict.fromkeys(F, 1.0)


def test_names_of_the_shared_part_and_the_head(case):
    _, sp, _ = case
    assert list(sp.shared) == ["0.weight", "0.bias"]
    assert list(sp.head) == ["2.weight", "2.bias"]


def test_value_is_the_formula(case):
    model, sp, F = case
    got = sp.penalty()
    assert got.shape == () and got.dtype == np.float64
    assert close(got.data, by_hand(model, sp, F))


def test_gradients_both_ways_are_the_formula(case):
    model, sp, F = case
    sp.penalty().backward()
    tape = {n: p.grad.data.copy() for n, p in model.named_parameters()}
    model.zero_grad()
    sp.add_gradient()
    for name, p in model.named_parameters():
        head = name.startswith("2.")
        want = (
            2 * 0.2 * p.data if head else 2 * 0.7 * F[name] * (p.data - sp.start[name])
        )
        assert close(tape[name], want) and close(p.grad.data, want)


def test_gradcheck_first_and_second_order(case):
    _, sp, _ = case

    def f(*xs):
        return tinyft.transfer.l2sp.SquaredDistance.apply(
            *xs, *sp.anchors, weights=sp.weights
        )

    xs = [tensor(p.data, requires_grad=True) for p in sp.parameters]
    tinyft.gradcheck(f, *xs)
    gs = tinyft.grad(f(*xs), xs, create_graph=True)
    (h,) = tinyft.grad((gs[1] * gs[1]).sum(), [xs[1]])  # gs[1] = 2wF(x − a)
    w = sp.weights[1]
    assert close(h.data, 2 * (2 * w) ** 2 * (xs[1].data - sp.anchors[1]))


def test_add_gradient_adds_to_what_is_there():
    model, sp = moved()
    x = tensor(np.random.default_rng(2).normal(size=(6, 5)))
    ((model(x) ** 2).mean() + sp.penalty()).backward()
    want = [p.grad.data.copy() for p in model.parameters()]
    model.zero_grad()
    (model(x) ** 2).mean().backward()
    sp.add_gradient()
    for p, g in zip(model.parameters(), want):
        assert close(p.grad.data, g)


def test_at_the_start_value_and_pull_are_zero():
    model = mlp(5, 4, 3, rng=np.random.default_rng(0))
    sp = L2SP(model, 3.0)
    value = sp.penalty()
    value.backward()
    assert float(value) == 0.0 and sp.distance() == 0.0
    assert all(not p.grad.data.any() for p in model.parameters())


def test_distance_is_the_norm_of_the_shared_change():
    _, sp = moved()
    change = [(p.data - sp.start[n]).ravel() for n, p in sp.shared.items()]
    assert close(sp.distance(), np.linalg.norm(np.concatenate(change)))


def test_the_start_is_a_copy_and_dtypes_stay():
    model = mlp(5, 4, 3, rng=np.random.default_rng(0))
    sp = L2SP(model, 0.5)
    before = {n: a.copy() for n, a in sp.start.items()}
    step = optim.SGD(model.parameters(), lr=0.1)
    (model(tensor(np.ones((2, 5), "f4"))).sum() + sp.penalty()).backward()
    assert all(p.grad.dtype == np.float32 for p in model.parameters())
    step.step()
    assert all(np.array_equal(sp.start[n], before[n]) for n in before)
    assert sp.penalty().dtype == np.float32 and sp.distance() > 0


def test_frozen_parameters_get_no_gradient():
    model, sp = moved()
    freeze(model, r"0\.weight")
    sp.penalty().backward()
    assert model[0].weight.grad is None and model[0].bias.grad is not None
    model.zero_grad()
    sp.add_gradient()
    assert model[0].weight.grad is None and model[0].bias.grad is not None


def test_a_head_tied_to_a_second_name_is_found():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    assert list(L2SP(model, 1.0, head=r"1\.weight").head) == ["0.weight"]


@pytest.mark.parametrize("name", ["strength", "head_strength"])
@pytest.mark.parametrize("value", [-1e-3, float("inf"), float("nan")])
def test_strengths_out_of_range_are_refused(name, value):
    options = {"strength": 0.1, "head_strength": 0.1, "head": "2"} | {name: value}
    with pytest.raises(ValueError, match=rf"finite and >= 0, got .*{name}={value}"):
        L2SP(mlp(5, 4, 3), **options)


def test_a_head_that_names_nothing_lists_near_misses():
    model = resnet_tiny(np.random.default_rng(0), widths=(2, 2, 2))
    with pytest.raises(ValueError, match=r"L2SP\(head\).*'fcc' matches no .*fc"):
        L2SP(model, 0.1, head="fcc")


def test_a_head_that_names_everything_is_refused():
    with pytest.raises(ValueError, match="names all"):
        L2SP(mlp(5, 4, 3), 0.1, head=".*")


def test_a_head_strength_without_a_head_is_refused():
    with pytest.raises(ValueError, match="name it"):
        L2SP(mlp(5, 4, 3), 0.1, head_strength=0.1)


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda F: F.pop("0.bias"), r"missing \['0.bias'\]"),
        (lambda F: F.update(layer9=F["0.bias"]), r"unknown \['layer9'\]"),
        (lambda F: F.update({"0.bias": -F["0.bias"]}), "least entry -1"),
        (
            lambda F: F.update({"0.bias": np.ones(3)}),
            r"of shape \(4,\); got shape \(3,\)",
        ),
    ],
)
def test_a_bad_importance_says_what_is_wrong(change, said):
    model = mlp(5, 4, 3)
    F = {n: np.ones(p.shape) for n, p in model.named_parameters()}
    change(F)
    with pytest.raises(ValueError, match=said):
        L2SP(model, 0.1, head="2", importance=F)


def test_an_importance_may_keep_the_old_heads_entries():
    model = mlp(5, 4, 3)
    F = {n: tensor(np.ones(p.shape)) for n, p in model.named_parameters()}
    F["2.weight"] = np.ones((7, 4))  # of the source's seven classes
    assert L2SP(model, 0.1, head="2", importance=F).penalty().item() == 0.0


def test_a_penalty_on_what_an_adapter_froze_is_a_sentence():
    model = mlp(5, 4, 3)
    peft.attach(model, peft.LoRA(r=1), "0", rng=0)
    with pytest.raises(ValueError, match="frozen, so this penalty would stay 0"):
        L2SP(model, 0.1)
    model[0].bias.requires_grad_(True)
    held = L2SP(model, 0.1)
    assert sorted(held.shared) == ["0.bias", "0.weight", "2.bias", "2.weight"]
