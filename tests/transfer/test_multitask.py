"""Chapter 25: several tasks on one trunk. Float64; 1e-12 is rounding of short sums."""

import itertools
import math

import numpy as np
import pytest

from tinyft import models, nn, ops, optim, tensor, transfer
from tinyft.transfer import (
    PCGrad,
    SharedTrunk,
    UncertaintyWeights,
    best_variance,
    break_even,
    cosines,
    joint_ridge,
    pcgrad,
    pooled_risk,
    separate_risk,
    task_gradients,
    weighted_sum,
)


def two_heads(seed=0, dtype="float64"):
    rng = np.random.default_rng(seed)
    trunk = nn.Sequential(nn.Linear(4, 5, rng=rng, dtype=dtype), nn.Tanh())
    heads = {
        name: nn.Linear(5, size, rng=rng, dtype=dtype)
        for name, size in (("class", 3), ("ink", 1))
    }
    return SharedTrunk(trunk, heads)


def losses_of(model, seed=1, dtype="float64"):
    rng = np.random.default_rng(seed)
    out = model(tensor(rng.normal(size=(7, 4)).astype(dtype)))
    target = tensor(rng.normal(size=(7, 1)).astype(dtype))
    return {
        "class": ops.cross_entropy(out["class"], tensor(rng.integers(0, 3, 7))),
        "ink": ops.mse_loss(out["ink"], target),
    }


def grads(model):
    return {
        k: None if p.grad is None else p.grad.numpy()
        for k, p in model.named_parameters()
    }


# --- trunk and sum -------------------------------------------------------------------


def test_a_head_gets_its_own_gradient_and_the_trunk_the_sum():
    model = two_heads()
    weighted_sum(losses_of(model), {"class": 0.5, "ink": 3.0}).backward()
    both = grads(model)
    total = {}
    for task, a in (("class", 0.5), ("ink", 3.0)):
        model.zero_grad()
        losses_of(model)[task].backward()
        for name, g in grads(model).items():
            if g is not None:
                total[name] = total.get(name, 0) + a * g
    for name, g in both.items():
        assert np.allclose(g, total[name], rtol=1e-12, atol=1e-15), name


def test_one_head_alone_and_names():
    model, x = two_heads(), tensor(np.ones((2, 4)))
    assert np.array_equal(model(x, "ink").numpy(), model(x)["ink"].numpy())
    assert "heads.class.weight" in model.state_dict()
    with pytest.raises(
        ValueError, match="'side' has no head; the tasks are class, ink"
    ):
        model(x, "side")
    with pytest.raises(ValueError, match=r"1 head; .* nn\.Sequential"):
        SharedTrunk(nn.Linear(2, 2), {"a": nn.Linear(2, 2)})


def test_the_plain_sum_is_the_default():
    model = two_heads()
    parts = losses_of(model)
    want = sum(loss.item() for loss in parts.values())
    assert weighted_sum(parts).item() == pytest.approx(want, rel=1e-15)


# --- gradients ------------------------------------------------------------------------


def test_task_gradients_are_of_the_shared_parameters():
    model = two_heads()
    G = task_gradients(losses_of(model), model.parameters())
    assert G.shape == (2, 4 * 5 + 5)
    for row, task in zip(G, ("class", "ink")):
        model.zero_grad()
        losses_of(model)[task].backward()
        trunk = [p.grad.numpy().ravel() for p in model.trunk.parameters()]
        assert np.allclose(row, np.concatenate(trunk), rtol=1e-12, atol=1e-15)
    model.zero_grad()
    task_gradients(losses_of(model), model.parameters())
    assert all(g is None for g in grads(model).values())


def test_cosines_of_known_vectors():
    got = cosines(np.array([[1.0, 0.0], [1.0, 1.0], [-2.0, 0.0]]))
    r = math.sqrt(0.5)
    assert np.allclose(got, [[1, r, -1], [r, 1, -r], [-1, -r, 1]], atol=1e-15)


@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_tiny_and_huge_gradients_have_a_direction(size):
    """Their squares leave float32's range."""
    G = np.array([[1, 2, 0], [-1, 1, 1]], np.float32)
    want = 1 / math.sqrt(15)
    assert cosines(G * np.float32(size))[0, 1] == pytest.approx(want, rel=1e-5)
    scaled = pcgrad(
        G * np.array([[1.0], [-size]], np.float32), np.random.default_rng(0)
    )
    assert scaled[0] @ G[1] == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(("row", "kind"), [(0.0, "zero"), (np.nan, "not finite")])
def test_no_direction_is_a_sentence(row, kind):
    with pytest.raises(ValueError, match=f"gradient 1 is {kind}"):
        cosines([np.ones(3), np.full(3, row)])


def test_half_precision_is_computed_in_single():
    G = np.array([[300.0, 1.0], [-300.0, 2.0]], np.float16)  # 300² > 65504
    assert cosines(G).dtype == np.float32
    assert np.isfinite(pcgrad(G, np.random.default_rng(0))).all()


# --- PCGrad ---------------------------------------------------------------------------


def by_the_paper(G, orders):
    out = G.copy()
    for i, order in enumerate(orders):
        for j in order:
            if j != i and out[i] @ G[j] < 0:
                out[i] = out[i] - (out[i] @ G[j]) / (G[j] @ G[j]) * G[j]
    return out


def conflicting(T=3, P=6, seed=0):
    G = np.random.default_rng(seed).normal(size=(T, P))
    return G - 0.9 * G.mean(axis=0)


@pytest.mark.parametrize("T", [2, 3, 5])
def test_it_is_the_algorithm_of_the_paper(T):
    for seed in range(20):
        G = conflicting(T, seed=seed)
        rng = np.random.default_rng(seed)
        orders = [rng.permutation(T) for _ in range(T)]
        got = pcgrad(G, np.random.default_rng(seed))
        assert np.allclose(got, by_the_paper(G, orders), rtol=1e-12, atol=1e-13)


def test_two_tasks_in_closed_form():
    for seed in range(20):
        g1, g2 = np.random.default_rng(seed).normal(size=(2, 5))
        g2 = g2 if g1 @ g2 < 0 else -g2
        c = g1 @ g2 / np.linalg.norm(g1) / np.linalg.norm(g2)
        total = pcgrad([g1, g2], np.random.default_rng(0)).sum(axis=0)
        for g in (g1, g2):
            assert total @ g == pytest.approx(g @ g * (1 - c**2), rel=1e-10)


def test_agreeing_and_opposite_tasks():
    g, rng = np.array([1.0, 2.0]), np.random.default_rng(0)
    assert np.array_equal(pcgrad([g, np.array([2.0, 0.0])], rng)[0], g)
    assert np.allclose(pcgrad([g, -3 * g], rng), 0, atol=1e-15)


def test_the_others_stay_original():
    """In the plane: g_2 is projected on g_1, then g_3 on the g_2 of before."""
    G = np.array([[1.0, 0.0], [-1.0, 1.0], [0.5, -2.0]])
    for order in itertools.product(itertools.permutations(range(3)), repeat=3):
        want = by_the_paper(G, order)
        drawn = iter(order)
        rng = type("", (), {"permutation": lambda self, n: next(drawn)})()  # noqa: B023
        assert np.allclose(pcgrad(G, rng), want, atol=1e-14)


def test_the_order_is_drawn_again_at_every_step():
    G, rng = conflicting(4, seed=3), np.random.default_rng(0)
    found = {tuple(np.round(pcgrad(G, rng).sum(axis=0), 9)) for _ in range(50)}
    assert len(found) > 4
    before = G.copy()
    pcgrad(G, rng)
    assert np.array_equal(G, before)


def test_a_zero_gradient_projects_nothing():
    g, rng = np.array([1.0, -2.0]), np.random.default_rng(0)
    assert np.array_equal(pcgrad([g, 0 * g], rng), [g, 0 * g])


def test_backward_projects_the_trunk_and_leaves_heads():
    model = two_heads(5)
    parts = losses_of(model, 9)
    parts["ink"] = -1.0 * parts["ink"]  # any sign will do: the heads must not matter
    G = task_gradients(losses_of(model, 9), model.parameters()) * [[1.0], [-1.0]]
    want = pcgrad(G, np.random.default_rng(0)).sum(axis=0)
    PCGrad(model.parameters(), 0).backward(parts)
    got = grads(model)
    trunk = np.concatenate([p.grad.numpy().ravel() for p in model.trunk.parameters()])
    assert np.allclose(trunk, want, rtol=1e-12, atol=1e-15)
    model.zero_grad()
    losses_of(model, 9)["class"].backward()
    head = model.heads["class"].weight.grad.numpy()
    assert np.allclose(got["heads.class.weight"], head, rtol=1e-12)


def test_gradients_accumulate_and_keep_their_dtype():
    model = two_heads(dtype="float32")
    for _ in range(2):
        PCGrad(model.parameters(), 0).backward(losses_of(model, dtype="float32"))
    twice = {k: g.copy() for k, g in grads(model).items()}
    model.zero_grad()
    PCGrad(model.parameters(), 0).backward(losses_of(model, dtype="float32"))
    for name, g in grads(model).items():
        assert g.dtype == np.float32
        assert np.allclose(2 * g, twice[name], rtol=1e-5, atol=1e-7)


def test_one_joint_backward_is_refused():
    model = two_heads()
    joint = weighted_sum(losses_of(model))
    with pytest.raises(ValueError, match="after one joint backward"):
        PCGrad(model.parameters(), 0).backward(joint)
    with pytest.raises(ValueError, match=r"1 task \(sum\); two or more"):
        PCGrad(model.parameters(), 0).backward({"sum": joint})


# --- uncertainty weights --------------------------------------------------------------


KINDS = {"class": "classification", "ink": "regression"}


def test_terms_and_their_gradients():
    weights = UncertaintyWeights(KINDS).to("float64")
    s = np.array([0.3, -1.2])
    weights.log_variance.data = s.copy()
    a, b = (tensor(np.array(v), requires_grad=True) for v in (1.7, 0.4))
    total = weights({"ink": b, "class": a})
    total.backward()
    want = 1.7 * math.exp(-0.3) + 0.15 + 0.5 * 0.4 * math.exp(1.2) - 0.6
    assert total.item() == pytest.approx(want, rel=1e-14)
    assert [a.grad.item(), b.grad.item()] == pytest.approx(
        [math.exp(-0.3), 0.5 * math.exp(1.2)], rel=1e-14
    )
    slopes = [0.5 - 1.7 * math.exp(-0.3), 0.5 - 0.2 * math.exp(1.2)]
    assert np.allclose(weights.log_variance.grad.numpy(), slopes, rtol=1e-13)


def test_training_finds_the_closed_form():
    fixed = {"class": tensor(np.array(0.7)), "ink": tensor(np.array(3e-3))}
    weights = UncertaintyWeights(KINDS).to("float64")
    step = optim.SGD(weights.parameters(), lr=0.9)  # Newton's: the curvature is ½ there
    for _ in range(200):
        weights(fixed).backward()
        step.step()
        step.zero_grad()
    got = weights.variances()
    assert got["class"] == pytest.approx(1.4, rel=1e-9)
    assert got["ink"] == pytest.approx(3e-3, rel=1e-9)
    assert weights(fixed).item() < 0  # right: log σ² of a small σ²
    again = UncertaintyWeights(KINDS).to("float64")
    again.start_at(fixed)
    assert again.variances() == pytest.approx(got, rel=1e-9)


def test_it_is_the_likelihood_of_a_gaussian():
    r, variance = np.random.default_rng(0).normal(size=40), 0.6
    log_density = -0.5 * r**2 / variance - 0.5 * np.log(2 * np.pi * variance)
    weights = UncertaintyWeights({"a": "regression", "b": "regression"}).to("float64")
    weights.log_variance.data = np.log(np.array([variance, 1.0]))
    term = weights.terms({t: tensor(np.mean(r**2)) for t in "ab"})["a"].item()
    want = -log_density.mean() - 0.5 * np.log(2 * np.pi)
    assert term == pytest.approx(want, rel=1e-12)


def test_at_the_minimum_the_unit_does_not_matter():
    """∇ of ½ log L: a loss in other units pulls as hard as before."""
    pulls = []
    for unit in (1.0, 1e4):
        weights = UncertaintyWeights(KINDS).to("float64")
        x = tensor(np.array(2.0), requires_grad=True)
        parts = {"class": x * x, "ink": unit * (x - 1.0) ** 2}
        weights.start_at(parts)
        weights(parts).backward()
        pulls.append(x.grad.item())
    assert pulls == pytest.approx([4 / 8 + 2 / 2] * 2, rel=1e-12)  # Σ L'/(2L)


@pytest.mark.parametrize("loss", [0.0, -1.0, math.inf, math.nan])
def test_no_best_variance(loss):
    with pytest.raises(ValueError, match="finite and > 0"):
        best_variance(loss, "regression")


# --- two linear tasks -----------------------------------------------------------------


@pytest.mark.parametrize(("n", "d", "distance"), [(9, 3, 1.5), (20, 5, 4.0)])
def test_risks_against_draws(n, d, distance):
    """3,000 draws, four standard errors: by chance once in 16,000."""
    rng, noise = np.random.default_rng(n), 0.7
    w = rng.normal(size=(2, d))
    w[1] = w[0] + math.sqrt(distance) * np.eye(d)[0]
    X = rng.normal(size=(3000, 2, n, d))
    y = np.einsum("rtnd,td->rtn", X, w) + math.sqrt(noise) * rng.normal(
        size=X.shape[:3]
    )
    own = solve(X[:, 0], y[:, 0])
    both = solve(X.reshape(3000, 2 * n, d), y.reshape(3000, 2 * n))
    for got, want in (
        (own, separate_risk(n, d, noise)),
        (both, pooled_risk(n, d, noise, distance)),
    ):
        risk = ((got - w[0]) ** 2).sum(axis=1)
        assert abs(risk.mean() - want) < 4 * risk.std() / math.sqrt(3000)


def solve(X, y):
    left = np.einsum("rnd,rne->rde", X, X)
    return np.linalg.solve(left, np.einsum("rnd,rn->rd", X, y)[..., None])[..., 0]


def test_break_even_is_where_they_meet():
    at = break_even(12, 4, 0.5)
    assert pooled_risk(12, 4, 0.5, at) == pytest.approx(separate_risk(12, 4, 0.5))
    assert pooled_risk(10**6, 3, 1.0, 1.0) == pytest.approx(0.25, abs=1e-5)


def tasks(seed=0, T=3, d=4):
    rng = np.random.default_rng(seed)
    X = [rng.normal(size=(n, d)) for n in range(6, 6 + T)]
    return X, [x @ rng.normal(size=d) + rng.normal(size=len(x)) for x in X]


def test_joint_ridge_is_one_stacked_ridge():
    X, y = tasks()
    T, d, a, b = len(X), 4, 0.3, 1.7
    rows = [
        np.hstack([x] + [x if s == t else 0 * x for s in range(T)])
        for t, x in enumerate(X)
    ]
    A, target = np.vstack(rows), np.concatenate(y)
    P = np.diag(np.repeat([a] + [b] * T, d))
    theta = np.linalg.solve(A.T @ A + P, A.T @ target)
    w, V = joint_ridge(X, y, a, b)
    assert np.allclose(w, theta[:d], rtol=1e-10)
    assert np.allclose(V.ravel(), theta[d:], rtol=1e-10)
    assert np.allclose(a * w, b * V.sum(axis=0), rtol=1e-10)


def test_joint_ridge_has_both_ends():
    X, y = tasks(1)
    A, target = np.vstack(X), np.concatenate(y)
    pooled = np.linalg.solve(A.T @ A + 0.3 * np.eye(4), A.T @ target)
    assert np.allclose(joint_ridge(X, y, 0.3, 1e9)[0], pooled, rtol=1e-6)
    w, V = joint_ridge(X, y, 1e9, 0.3)
    own = [np.linalg.solve(x.T @ x + 0.3 * np.eye(4), x.T @ t) for x, t in zip(X, y)]
    assert np.allclose(w + V, own, rtol=1e-6)


# --- bad input ------------------------------------------------------------------------


def scalar(value=1.0):
    return tensor(np.array(value), requires_grad=True)


BAD = {
    "a negative weight": (
        lambda: weighted_sum({"a": scalar(), "b": scalar()}, {"a": 1, "b": -0.5}),
        "weight of 'b' is -0.5.*fail at that task",
    ),
    "weights of nothing": (
        lambda: weighted_sum({"a": scalar(), "b": scalar()}, {"a": 0, "b": 0}),
        "nothing would train",
    ),
    "another task's weight": (
        lambda: weighted_sum({"a": scalar(), "b": scalar()}, {"a": 1, "c": 1}),
        r"missing \['b'\], unknown \['c'\]",
    ),
    "one task": (lambda: weighted_sum({"a": scalar()}), r"1 task \(a\)"),
    "a list": (lambda: weighted_sum([scalar(), scalar()]), "got list"),
    "a loss that is no scalar": (
        lambda: weighted_sum({"a": scalar(), "b": tensor([1.0, 2.0])}),
        r"'b' should be a scalar Tensor, got shape \(2,\); take the mean",
    ),
    "a number": (lambda: weighted_sum({"a": scalar(), "b": 2.0}), "got 2.0"),
    "different shapes": (
        lambda: pcgrad([np.ones(3), np.ones(4)], None),
        r"2 of shapes \(3,\), \(4,\)",
    ),
    "one gradient": (lambda: pcgrad([np.ones(3)], None), "1 of shapes"),
    "kinds": (
        lambda: UncertaintyWeights({"a": "regression", "b": "ranking"}),
        "kind of 'b' is 'ranking'",
    ),
    "one kind": (lambda: UncertaintyWeights({"a": "regression"}), "1 task; two"),
    "few rows": (lambda: separate_risk(4, 3, 1.0), "n=4, d=3"),
    "no noise": (lambda: pooled_risk(9, 3, 0.0, 1.0), "noise=0"),
    "no square": (lambda: pooled_risk(9, 3, 1.0, -1.0), "distance=-1"),
    "own": (lambda: joint_ridge(*tasks(), 1.0, 0.0), "own=0"),
    "targets": (
        lambda: joint_ridge(tasks()[0], [np.ones(6)] * 3, 1.0, 1.0),
        r"task 1 has inputs \(7, 4\) and targets \(6,\)",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_a_sentence(what):
    call, message = BAD[what]
    with pytest.raises(ValueError, match=message):
        call()


def test_tasks_without_a_common_parameter():
    a, b = models.mlp(2, 3, rng=0), models.mlp(2, 3, rng=1)
    x = tensor(np.ones((1, 2), np.float32))
    parts = {"a": a(x).sum(), "b": b(x).sum()}
    with pytest.raises(ValueError, match="'a' uses none of the parameters"):
        task_gradients(parts, [*a.parameters(), *b.parameters()])


def test_a_frozen_trunk_is_a_sentence():
    model = two_heads()
    transfer.freeze(model, "trunk")
    with pytest.raises(ValueError, match="not frozen"):
        PCGrad(model.parameters(), 0).backward(losses_of(model))
