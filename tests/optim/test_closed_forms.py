"""Trajectories of SGD, Adam and AdamW against their closed forms, in float64.

On f = 1/2 (x - a)' H (x - a) the gradient is H (x - a); gradients are set by hand, so
that nothing but the optimiser is under test. Tolerances: 1e-12 relative where the
closed form takes powers (observed 1e-15 to 1e-14), 1e-14 for single steps.
"""

import math

import numpy as np
import pytest

from tinyft import Tensor, tensor
from tinyft.optim import SGD, Adam, AdamW

RNG = np.random.default_rng(7)
BETAS = 0.9, 0.99


def leaf(values):
    return tensor(np.asarray(values, dtype=float), requires_grad=True)


def run(optimizer, x, gradient, steps):
    for _ in range(steps):
        x.grad = Tensor(gradient(x.data))
        optimizer.step()
    return x.data


def quadratic(n=5):
    Q, _ = np.linalg.qr(RNG.standard_normal((n, n)))
    eigenvalues = np.array([0.1, 0.5, 1.0, 2.0, 4.0])
    return Q, eigenvalues, Q @ np.diag(eigenvalues) @ Q.T


def test_gradient_descent_is_a_power_of_the_iteration_matrix():
    _, _, H = quadratic()
    a, x0 = RNG.standard_normal((2, 5))
    x = leaf(x0)
    run(SGD([x], lr=0.3), x, lambda x: H @ (x - a), 17)
    want = a + np.linalg.matrix_power(np.eye(5) - 0.3 * H, 17) @ (x0 - a)
    np.testing.assert_allclose(x.data, want, rtol=1e-12)


def test_heavy_ball_is_two_powers_in_each_mode():
    # z^2 - (1 + mu - lr h) z + mu = 0, x_t = c1 z1^t + c2 z2^t, x_1 = (1 - lr h) x_0
    Q, eigenvalues, H = quadratic()
    lr, mu, t, x0 = 0.2, 0.9, 25, RNG.standard_normal(5)
    want = []
    for h, start in zip(eigenvalues, Q.T @ x0):
        z1, z2 = np.roots([1.0, -(1 + mu - lr * h), mu]).astype(complex)
        c1, c2 = np.linalg.solve([[1, 1], [z1, z2]], [start, (1 - lr * h) * start])
        want.append((c1 * z1**t + c2 * z2**t).real)
    x = leaf(x0)
    run(SGD([x], lr=lr, momentum=mu), x, lambda x: H @ x, t)
    np.testing.assert_allclose(x.data, Q @ np.array(want), rtol=1e-10)


def test_adam_first_step_ignores_the_size_of_the_gradient():
    g = np.array([1e-7, -3.0, 1e4, 0.0])
    x = leaf(np.ones(4))
    run(Adam([x], lr=0.1, eps=1e-8), x, lambda x: g, 1)
    np.testing.assert_allclose(x.data, 1 - 0.1 * g / (abs(g) + 1e-8), rtol=1e-14)


def test_adam_with_a_constant_gradient_takes_equal_steps():
    g = RNG.standard_normal(6)
    x = leaf(np.zeros(6))
    run(Adam([x], lr=0.01), x, lambda x: g, 30)
    np.testing.assert_allclose(x.data, -30 * 0.01 * g / (abs(g) + 1e-8), rtol=1e-12)


def test_one_step_of_decoupled_and_coupled_decay():
    x0, g = RNG.standard_normal((2, 6))
    lr, w, eps = 0.1, 0.3, 1e-8
    x, y = leaf(x0), leaf(x0)
    run(AdamW([x], lr=lr, weight_decay=w, eps=eps), x, lambda x: g, 1)
    run(Adam([y], lr=lr, weight_decay=w, eps=eps), y, lambda y: g, 1)
    coupled = g + w * x0
    want_w = x0 * (1 - lr * w) - lr * g / (abs(g) + eps)
    want_2 = x0 - lr * coupled / (abs(coupled) + eps)
    np.testing.assert_allclose(x.data, want_w, rtol=1e-13)
    np.testing.assert_allclose(y.data, want_2, rtol=1e-13)


def descend(make, curvature, a):
    """The limit on curvature/2 (x - a)^2: the rate falls, so that the cycle closes.

    b2 = 0.99, for v must forget the large gradients of the beginning: 0.99^2000 = 2e-9.
    """
    x = leaf([0.1])
    optimizer = make([x])
    for lr in (0.1, 0.01, 1e-3, 1e-4, 1e-5):
        optimizer.param_groups[0]["lr"] = lr
        run(optimizer, x, lambda x: curvature * (x - a), 2000)
    return x.data[0]


def test_adam_with_l2_ends_at_ridge_and_adamw_does_not():
    curvature, a, w = 2.0, 1.5, 0.25
    ridge = descend(lambda p: Adam(p, betas=BETAS, weight_decay=w), curvature, a)
    free = descend(lambda p: AdamW(p, betas=BETAS, weight_decay=w), curvature, a)
    assert ridge == pytest.approx(curvature * a / (curvature + w), rel=1e-6)
    assert free == pytest.approx(a, rel=1e-6)  # w a < 1: the decay is not felt


def test_adamw_stops_at_the_edge_of_its_box():
    # w a > 1: |x| <= 1/w, here 4 instead of a = 10
    box = descend(lambda p: AdamW(p, betas=BETAS, weight_decay=0.25), 1.0, 10.0)
    assert box == pytest.approx(4.0, rel=1e-3)


def test_nesterov_is_a_step_from_the_point_ahead():
    # With y = x - lr mu v the update is v' = mu v + grad(y), x-form of Sutskever 2013
    lr, mu, h = 0.1, 0.8, 1.7
    ahead, v = 1.0, 0.0
    x = leaf([1.0])
    for _ in range(12):
        v = mu * v + h * ahead
        ahead = ahead - lr * (h * ahead + mu * v)
    run(SGD([x], lr=lr, momentum=mu, nesterov=True), x, lambda x: h * x, 12)
    assert x.data[0] == pytest.approx(ahead, rel=1e-13)


def test_a_root_of_the_heavy_ball_has_modulus_sqrt_mu():
    # (1 - sqrt mu)^2 < lr h < (1 + sqrt mu)^2: oscillation with envelope mu^(t/2)
    mu, lr, h = 0.81, 1.0, 1.0
    x = leaf([1.0])
    optimizer = SGD([x], lr=lr, momentum=mu)
    path = [run(optimizer, x, lambda x: h * x, 1)[0] for _ in range(400)]
    peak = max(abs(value) for value in path[380:])
    rate = math.exp(math.log(peak) / 390)
    assert rate == pytest.approx(math.sqrt(mu), rel=5e-3)
