"""What chapter 01 says of the optimisers, on the library itself, in float64.

Companion of test_closed_forms.py: best constants, edges of stability, Nesterov's modes,
the noise floor, terminal velocity, Adam's largest step, AdamW's wall, groups without a
gradient. Bounds: 1e-12 relative where powers are taken (seen: 1e-15), else as said.
"""

import math

import numpy as np
import pytest

from tinyft import Tensor, models, tensor
from tinyft.optim import SGD, Adam, AdamW, Schedule, schedule

CURVATURES = np.array([0.1, 0.5, 1.0, 2.0, 4.0])
LOW, TOP = 0.1, 4.0
KAPPA = TOP / LOW


def walk(make, start, gradient, steps):
    """x_0 ... x_steps under the optimizer that make([x]) gives."""
    x = tensor(np.array(start, dtype=float), requires_grad=True)
    optimizer, path = make([x]), [x.data.copy()]
    for _ in range(steps):
        x.grad = Tensor(np.asarray(gradient(x.data)))
        optimizer.step()
        path.append(x.data.copy())
    return np.array(path)


def bowl(x):
    return CURVATURES * x


def powers(roots, x0, x1, t):
    c = np.linalg.solve([[1, 1], roots], [x0, x1])
    return (np.asarray(roots, complex) ** np.asarray(t)[:, None] @ c).real


def test_two_best_steps_of_gradient_descent_shrink_both_ends_equally():
    path = walk(lambda p: SGD(p, 2 / (TOP + LOW)), np.ones(5), bowl, 2)
    rho = (KAPPA - 1) / (KAPPA + 1)
    np.testing.assert_allclose(path[1][[0, -1]], [rho, -rho], rtol=1e-14)
    np.testing.assert_allclose(path[2][[0, -1]], rho**2, rtol=1e-13)
    assert abs(path[1]).max() <= rho * (1 + 1e-14)


def test_the_heavy_ball_at_its_best_constants_has_double_roots():
    # ηh = (1 ∓ √μ)² gives z = ±√μ twice: x_t = (x_0 + t (x_1/z − x_0)) z^t
    root = (KAPPA**0.5 - 1) / (KAPPA**0.5 + 1)
    lr, t = (2 / (TOP**0.5 + LOW**0.5)) ** 2, np.arange(41)
    path = walk(lambda p: SGD(p, lr, root**2), np.ones(5), bowl, 40)
    for mode, z, h in ((0, root, LOW), (-1, -root, TOP)):
        want = (1 + t * ((1 - lr * h) / z - 1)) * z**t
        np.testing.assert_allclose(path[:, mode], want, rtol=0, atol=1e-12)


def test_nesterov_is_two_powers_in_each_mode():
    lr, mu, t = 0.2, 0.81, np.arange(41)
    path = walk(lambda p: SGD(p, lr, mu, nesterov=True), np.ones(5), bowl, 40)
    for mode, a in enumerate(lr * CURVATURES):
        z = np.roots([1, -(1 + mu) * (1 - a), mu * (1 - a)]).astype(complex)
        want = powers(z, 1.0, 1 - (1 + mu) * a, t)
        np.testing.assert_allclose(path[:, mode], want, rtol=0, atol=1e-12)


@pytest.mark.parametrize("nesterov", [False, True])
def test_the_edge_of_stability_is_where_the_formula_says(nesterov):
    mu = 0.9
    edge = 2 * (1 + mu) / (1 + 2 * mu) if nesterov else 2 * (1 + mu)
    for factor, grows in ((0.99, False), (1.01, True)):
        path = walk(lambda p: SGD(p, 1.0, mu, 0.0, nesterov), [1.0],
                    lambda x, h=factor * edge: h * x, 400)  # fmt: skip
        assert (abs(path[400, 0]) > abs(path[200, 0])) == grows


@pytest.mark.parametrize("mu", [0.0, 0.9])
def test_noise_leaves_the_stationary_variance(mu):
    lr, h, copies, rng = 0.1, 0.5, 20_000, np.random.default_rng(5)
    path = walk(lambda p: SGD(p, lr, mu), np.zeros(copies),
                lambda x: h * x + rng.standard_normal(copies), 200)  # fmt: skip
    want = lr / h * (1 + mu) / ((1 - mu) * (2 * (1 + mu) - lr * h))
    error = math.sqrt(2 / copies)  # of a variance, relative; four of them allowed
    assert path[-1].var() == pytest.approx(want, rel=4 * error)


def test_a_constant_force_reaches_terminal_velocity():
    # x_t = −ηg Σ_i (1 − μ^i)/(1 − μ): in the end each step is ηg/(1 − μ)
    lr, mu, t = 0.01, 0.9, np.arange(61)
    path = walk(lambda p: SGD(p, lr, mu), [0.0], lambda x: [2.0], 60)
    want = -lr * 2.0 * (t / (1 - mu) - mu * (1 - mu**t) / (1 - mu) ** 2)
    np.testing.assert_allclose(path[:, 0], want, rtol=1e-12)


def test_dampening_equal_to_momentum_is_an_average():
    """Under a constant gradient the velocity is that gradient from the first step on."""
    path = walk(lambda p: SGD(p, 0.5, 0.9, dampening=0.9), [0.0], lambda x: [2.0], 20)
    np.testing.assert_allclose(path[:, 0], -np.arange(21.0), rtol=1e-13)


def test_weight_decay_of_sgd_is_curvature():
    decayed = walk(lambda p: SGD(p, 0.2, 0.5, weight_decay=0.3), np.ones(5), bowl, 30)
    curved = walk(
        lambda p: SGD(p, 0.2, 0.5), np.ones(5), lambda x: bowl(x) + 0.3 * x, 30
    )
    np.testing.assert_allclose(decayed, curved, rtol=1e-12, atol=1e-15)


def test_the_largest_step_of_adam_follows_a_long_silence():
    # Kingma and Ba, section 2.1: |Δ| up to η (1 − β1)/√(1 − β2), here 3.16 η
    gradients = iter([0.0] * 3000 + [7.0])
    path = walk(lambda p: Adam(p, 0.1, eps=1e-12), [0.0],
                lambda x: [next(gradients)], 3001)  # fmt: skip
    want = -0.1 * (1 - 0.9) / math.sqrt((1 - 0.999) / (1 - 0.999**3001))
    assert path[3000, 0] == 0.0
    assert path[3001, 0] == pytest.approx(want, rel=1e-9)  # ε/√v = 1e-12/0.2


def test_adamw_walks_to_the_wall_of_its_box():
    g, x0, w = np.array([2.0, -0.7, 1e-3]), np.array([1.0, 6.0, -5.0]), 0.25
    path = walk(lambda p: AdamW(p, 0.05, weight_decay=w), x0, lambda x: g, 60)
    wall = -g / (abs(g) + 1e-8) / w
    want = wall + (x0 - wall) * (1 - 0.05 * w) ** np.arange(61)[:, None]
    np.testing.assert_allclose(path, want, rtol=1e-12)


def test_groups_decay_or_do_not_under_a_schedule():
    model = models.mlp(5, 4, 3, rng=np.random.default_rng(0), dtype=np.float64)
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim == 1]
    groups = [{"params": matrices, "weight_decay": 0.5}, {"params": vectors}]
    optimizer = AdamW(groups, lr=0.1, weight_decay=0.0)
    rates = Schedule(optimizer, schedule.warmup_cosine, warmup=3, total=10)
    before = [p.data.copy() for p in matrices + vectors]
    for _ in range(10):
        for p in model.parameters():
            p.grad = Tensor(np.zeros(p.shape))
        optimizer.step()
        rates.step()
    cosine = [math.cos(math.pi * k / 14) ** 2 for k in range(7)]  # half-angle form
    used = [1 / 3, 2 / 3, 1.0, *cosine]
    shrink = math.prod(1 - 0.05 * s for s in used)
    for p, old in zip(matrices, before):
        np.testing.assert_allclose(p.data, old * shrink, rtol=1e-13)
    for p, old in zip(vectors, before[len(matrices) :]):
        np.testing.assert_array_equal(p.data, old)
