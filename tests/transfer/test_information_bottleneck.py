"""The penalty's value, gradient and minimiser. 1e-12 relative: small solves in float64."""

import numpy as np
import pytest

from tinyft import gradcheck, nn, ops, optim, tensor, transfer
from tinyft.transfer import information_bottleneck as bottleneck

EXACT = 1e-12


def test_gaussian_kl_against_its_integral():
    z = np.linspace(-30, 30, 60001)
    for m1, s1, m0, s0 in [(0.3, 0.8, -0.5, 1.4), (2.0, 1.5, 1.0, 0.7)]:
        log = [
            -((z - m) ** 2) / (2 * s * s) - np.log(s) for m, s in ((m1, s1), (m0, s0))
        ]
        p = np.exp(log[0]) / np.sqrt(2 * np.pi)
        want = np.sum(p * (log[0] - log[1])) * (z[1] - z[0])
        args = [tensor(np.array([v]), requires_grad=True) for v in (m1, s1, m0, s0)]
        got = transfer.gaussian_kl(*args)
        assert got.numpy() == pytest.approx([want], abs=1e-9)
        same = transfer.gaussian_kl(*args[:2], *args[:2])
        assert same.numpy() == pytest.approx([0.0], abs=1e-15)
        assert gradcheck(lambda *a: transfer.gaussian_kl(*a).sum(), args)


def encoder(d=4, inputs=3):
    return nn.Linear(inputs, d, bias=False, rng=0, dtype="float64")


def draw(rng, n=9, d=4, inputs=3):
    x, moved = rng.normal(size=(n, inputs)), rng.normal(size=(d, inputs))
    return x, moved, rng.uniform(0, 0.9, d), rng.uniform(0.4, 2.0, d)


def test_penalty_is_the_weighted_mean_kl():
    x, moved, s, tau = draw(np.random.default_rng(0))
    model = encoder()
    omega = transfer.WeightedKL(model, 0.7, s, tau)
    X = tensor(x)
    assert omega.penalty(model(X), X).item() == 0.0
    start = model.weight.numpy().copy()
    model.weight.data = moved
    kl = transfer.gaussian_kl(
        tensor(x @ moved.T), tensor(tau), tensor(x @ start.T), tensor(tau)
    )
    want = 0.7 * np.sum((1 - s) * kl.numpy().mean(0))
    assert omega.penalty(model(X), X).item() == pytest.approx(want, rel=EXACT)
    away = np.mean((x @ (moved - start).T) ** 2, axis=0)
    assert omega.moved(model(X), X) == pytest.approx(away, rel=EXACT)


def test_gradient_reaches_the_model_and_not_its_copy():
    x, moved, s, tau = draw(np.random.default_rng(1))
    model = encoder()
    omega = transfer.WeightedKL(model, 0.7, s, tau)
    start = model.weight.numpy().copy()
    model.weight.data = moved
    omega.penalty(model(tensor(x)), tensor(x)).backward()
    want = (0.7 * (1 - s) / tau**2)[:, None] * ((moved - start) @ x.T @ x / len(x))
    assert np.allclose(model.weight.grad.numpy(), want, rtol=EXACT)
    assert not any(p.requires_grad or p.grad for p in omega.start.parameters())
    assert (omega.start.weight.numpy() == start).all()


def test_dropout_and_dtype():
    model = nn.Sequential(nn.Linear(3, 4, rng=0), nn.Dropout(0.5))
    model.train()
    omega = transfer.WeightedKL(model, 1.0, np.zeros(4))
    x = tensor(np.ones((5, 3), "f4"))
    with model.evaluating():
        value = omega.penalty(model(x), x)
    assert value.item() == 0.0  # the copy does not drop
    assert str(value.dtype) == "float32"
    assert model.training


@pytest.mark.parametrize(
    ("strength", "scores", "sd", "words"),
    [
        (-1.0, [0.1, 0.2], 1.0, "strength=-1.0 should be >= 0"),
        (float("nan"), [0.1, 0.2], 1.0, "strength=nan should be >= 0"),
        (1.0, [0.1, 1.2], 1.0, "scores must lie in .0, 1., got 0.1 to 1.2"),
        (1.0, [-0.1, 0.2], 1.0, "scores must lie in"),
        (1.0, [0.1, 0.2], 0.0, "sd=0.0 should be > 0"),
    ],
)
def test_bad_numbers(strength, scores, sd, words):
    with pytest.raises(ValueError, match=words):
        transfer.WeightedKL(encoder(2), strength, np.array(scores), sd)


def problem(seed=2, n=20, d=4, inputs=3):
    rng = np.random.default_rng(seed)
    X, W0, a = (
        rng.normal(size=(n, inputs)),
        rng.normal(size=(d, inputs)),
        rng.normal(size=d),
    )
    y = X @ rng.normal(size=inputs) + 0.3 * rng.normal(size=n)
    return X, y, W0, a, 0.4, rng.uniform(0, 0.8, d), rng.uniform(0.5, 1.5, d)


def objective(W, X, y, W0, a, lam, s, tau):
    fit = np.sum((X @ W.T @ a - y) ** 2) / (2 * len(X))
    away = np.mean((X @ (W - W0).T) ** 2, axis=0)
    return fit + lam * np.sum((1 - s) * away / (2 * tau**2))


def test_closed_form_makes_the_gradient_zero():
    """The complex-step gradient of the objective, exact to rounding."""
    given = problem()
    W = bottleneck.closed_form(*given)
    for i in np.ndindex(W.shape):
        moved = W.astype(complex)
        moved[i] += 1e-30j
        assert abs(objective(moved, *given).imag / 1e-30) < 1e-12


def test_closed_form_is_where_the_penalty_leads_a_training_run():
    X, y, W0, a, lam, s, tau = problem()
    model = encoder()
    model.weight.data = W0.copy()
    omega = transfer.WeightedKL(model, lam, s, tau)
    step, x = optim.SGD(model.parameters(), lr=0.05, momentum=0.9), tensor(X)
    for _ in range(3000):
        z = model(x)
        loss = ops.mse_loss(z @ tensor(a), tensor(y)) * 0.5 + omega.penalty(z, x)
        step.zero_grad()
        loss.backward()
        step.step()
    assert np.allclose(
        model.weight.numpy(),
        bottleneck.closed_form(X, y, W0, a, lam, s, tau),
        atol=1e-9,
    )


def test_closed_form_refuses_a_free_feature_and_too_few_rows():
    X, y, W0, a, lam, s, tau = problem()
    for change in (
        {"s": np.array([0, 0, 0, 1.0])},
        {"lam": 0.0},
        {"X": X[:2], "y": y[:2]},
    ):
        given = {
            "X": X,
            "y": y,
            "W0": W0,
            "a": a,
            "lam": lam,
            "s": s,
            "tau": tau,
        } | change
        with pytest.raises(ValueError, match="must be above 0 and n >= in"):
            bottleneck.closed_form(*given.values())
