"""Chapter 00: its two engines, its referee, and the rules that all three agree on."""

import gc
import math

import numpy as np
import pytest

from tinyft import grad, ops, tensor
from tinyft.course import referee
from tinyft.course.lessons.foundations import ch00_closures as closures
from tinyft.course.memory import live_memory

TOL = 1e-12  # sums of at most 60 products in float64, and the margin of a few divisions


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def by_tape(f, *arrays):
    xs = [tensor(a, requires_grad=True) for a in arrays]
    f(*xs).backward()
    return [x.grad.numpy() for x in xs]


def agree(f, *arrays, closed=None):
    """Closures, the tape and a closed form against the complex step of f(m, *arrays)."""
    want = referee.flat(referee.gradients(lambda *zs: f(np, *zs), *arrays))
    found = [
        closures.gradients(lambda *xs: f(closures, *xs), *arrays),
        by_tape(lambda *xs: f(ops, *xs), *arrays),
        *([closed] if closed else []),
    ]
    for got in found:
        assert np.max(np.abs(referee.flat(got) - want)) <= TOL * np.max(np.abs(want))


# --- the referee ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "quotient, h, order",  # leading error: h/2 (order 1) or h²/6 (order 2) for exp
    [
        (referee.forward, 1e-4, 1),
        (referee.central, 1e-2, 2),
        (referee.complex_step, 1e-2, 2),
    ],
)
def test_errors_of_the_quotients(quotient, h, order):
    sign = -1 if quotient is referee.complex_step else 1
    error = (quotient(np.exp, 0.7, h) - math.exp(0.7)) / math.exp(0.7)
    # the next term of the series is h/3 or h²/20 of the first
    assert error == pytest.approx(sign * (h / 2 if order == 1 else h * h / 6), rel=h)


def test_complex_step_is_exact_to_rounding():
    x = np.linspace(-2, 2, 41)
    np.testing.assert_allclose(referee.complex_step(np.sin, x), np.cos(x), rtol=4e-16)


def test_gradients_of_several_arrays():
    A, x = normal(3, 4), normal(4)
    gA, gx = referee.gradients(lambda A, x: np.sum((A @ x) ** 2), A, x)
    np.testing.assert_allclose(gA, 2 * np.outer(A @ x, x), rtol=1e-13)
    np.testing.assert_allclose(gx, 2 * A.T @ (A @ x), rtol=1e-13)
    (scalar,) = referee.gradients(lambda z: z * z, np.array(3.0))
    assert scalar.shape == () and scalar == 6.0


def test_erf_also_for_complex_numbers():
    x = np.linspace(-4.9, 4.9, 99)
    want = [math.erf(v) for v in x]
    np.testing.assert_allclose(referee.erf(x), want, rtol=3e-15)  # 90 terms
    density = 2 / math.sqrt(math.pi) * np.exp(-x * x)
    np.testing.assert_allclose(
        referee.complex_step(referee.erf, x), density, atol=1e-13
    )


# --- the closure engine ---------------------------------------------------------------


def ladder(a):
    b = a + a
    return b + b


def test_fan_out_and_order():
    assert closures.gradients(lambda x: x * x, np.array(3.0)) == [6.0]
    assert closures.gradients(ladder, np.array(1.0)) == [4.0]
    a = closures.Value(1.0)
    closures.unordered_backward(ladder(a))
    assert a.grad == 8.0  # what makes the order necessary


def test_long_chains():
    def chain(x):
        for _ in range(10_000):
            x = x * 1.0001
        return x

    (g,) = closures.gradients(chain, np.array(1.0))
    assert g == pytest.approx(1.0001**10_000, rel=1e-11)  # 10,000 roundings
    with pytest.raises(RecursionError):
        closures.unordered_backward(chain(closures.Value(1.0)))


@pytest.mark.parametrize(
    "f",
    [
        lambda m, x, w: (m.exp(x) * w).sum(),
        lambda m, x, w: (m.log(x * x + 1.0) / (w * w + 0.5)).sum(),
        lambda m, x, w: (m.tanh(x) - 2.0 * w).sum(axis=1, keepdims=True).sum(),
        lambda m, x, w: (w - x).sum(axis=0) * m.sqrt(w * w + 1.0).sum(),
        lambda m, x, w: -((1.0 + x) * (w / 3.0)).sum(axis=0),
    ],
)
def test_every_operation(f):
    x, w = normal(3, 4), normal(1, 4)
    agree(lambda m, x, w: f(m, x, w).sum(), x, w)


# --- the rules ------------------------------------------------------------------------


def test_square_matrices():
    X, W, G = normal(3, 3), normal(3, 3, seed=1), normal(3, 3, seed=2)
    agree(lambda m, X, W: (G * (X @ W)).sum(), X, W, closed=[G @ W.T, X.T @ G])
    assert np.max(np.abs(G @ W - G @ W.T)) > 0.1  # a square W hides no transpose


def test_broadcasting():
    a, b, G = normal(2, 3, 5), normal(3, 1), normal(2, 3, 5, seed=1)
    closed = [G * b, (G * a).sum(axis=(0, 2))[:, None]]
    agree(lambda m, a, b: (G * (a * b)).sum(), a, b, closed=closed)
    c, d, G = normal(4, 1), normal(3, 1, 5), normal(3, 4, 5)
    agree(lambda m, c, d: (G * (c * d + c)).sum(), c, d)


def test_softmax_and_cross_entropy():
    Z, T = normal(6, 5), 0.8 * np.eye(5)[[0, 4, 2, 2, 1, 3]] + 0.04
    P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)

    def loss(m, Z):
        return -(T * (Z - m.log(m.exp(Z).sum(axis=1, keepdims=True)))).sum() / 6

    agree(loss, Z, closed=[(P - T) / 6])


@pytest.mark.parametrize("axis", [0, 1])  # BatchNorm, LayerNorm
def test_norms(axis):
    x, G, w = normal(7, 5), normal(7, 5, seed=1), np.linspace(0.5, 2, 5)

    def norm(m, x, w):
        d = x - x.sum(axis=axis, keepdims=True) / x.shape[axis]
        var = (d * d).sum(axis=axis, keepdims=True) / x.shape[axis]
        return (G * (w * d / m.sqrt(var + 0.01))).sum()

    sigma = np.sqrt(x.var(axis=axis, keepdims=True) + 0.01)
    xh, h = (x - x.mean(axis=axis, keepdims=True)) / sigma, w * G
    inner = h.mean(axis=axis, keepdims=True) + xh * (h * xh).mean(
        axis=axis, keepdims=True
    )
    gx = (h - inner) / sigma
    agree(norm, x, w, closed=[gx, (G * xh).sum(axis=0)])
    assert np.max(np.abs(gx.sum(axis=axis))) < 1e-13  # a shift is invisible
    rest = 0.01 / sigma**3 * (h * xh).sum(axis=axis, keepdims=True)
    np.testing.assert_allclose(
        (gx * xh).sum(axis=axis), rest.sum(axis=axis), atol=1e-13
    )


def test_logistic_hessian():
    X, y, theta = normal(9, 3), np.arange(9) % 2.0, normal(3)
    t = tensor(theta, requires_grad=True)
    z = tensor(X) @ t
    g = grad((ops.softplus(z) - tensor(y) * z).mean(), t, create_graph=True)
    H = [grad(g, t, [tensor(e)], retain_graph=True).numpy() for e in np.eye(3)]
    p = 1 / (1 + np.exp(-(X @ theta)))
    np.testing.assert_allclose(g.numpy(), X.T @ (p - y) / 9, rtol=TOL)
    np.testing.assert_allclose(H, X.T @ np.diag(p * (1 - p)) @ X / 9, rtol=TOL)


# --- memory ---------------------------------------------------------------------------


def network(m, x, Ws):
    for W in Ws:
        x = x + m.tanh(x @ W)
    return (x * x).sum()


def test_closures_keep_every_array_and_the_tape_none():
    L, B, H = 3, 64, 128
    start, weights = normal(B, H), [0.05 * normal(H, H, seed=k) for k in range(L)]
    Wc, Wt = [closures.Value(W) for W in weights], [tensor(W, True) for W in weights]

    def closure_step(walk=closures.backward):
        walk(network(closures, closures.Value(start), Wc))
        for W in Wc:
            W.grad = 0.0

    def tape_step(walk=lambda loss: loss.backward()):
        walk(network(ops, tensor(start), Wt))
        for W in Wt:
            W.grad = None

    closure_step(), tape_step()
    one = 8 * B * H / 2**20  # MiB of an array; the Python objects are about 2 % more
    live, peak = live_memory(closure_step, 5)
    assert (
        live[-1] == pytest.approx(5 * (6 * L + 3) * one, rel=0.03) and peak >= live[-1]
    )
    assert live_memory(lambda: closure_step(only_read), 5)[0][-1] == pytest.approx(
        5 * (3 * L + 1) * one, rel=0.03
    )
    cut = live_memory(lambda: closure_step(closures.cutting_backward), 5)[0][-1]
    for left in (cut, live_memory(tape_step, 5)[0][-1]):
        assert left < one / 2
    assert live_memory(lambda: tape_step(only_read), 5)[0][-1] < one / 2


def only_read(loss):
    """A pass that is never walked back."""


def test_live_memory_leaves_the_collector_as_it_was():
    held = []
    live, peak = live_memory(lambda: held.append(np.ones(2**17)), 3)
    assert gc.isenabled() and live == pytest.approx([1, 2, 3], abs=0.01) and peak >= 3
    gc.disable()
    try:
        live_memory(held.clear, 1, collector=True)
        assert not gc.isenabled()
    finally:
        gc.enable()
    with pytest.raises(ZeroDivisionError):
        live_memory(lambda: 1 / 0)
    assert gc.isenabled()
