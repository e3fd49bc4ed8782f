"""The array operations against PyTorch: values, gradients, edge values, ties."""

import math
import warnings

import numpy as np
import pytest

from tinyft import ops, tensor

torch = pytest.importorskip(
    "torch", reason='needs PyTorch: pip install "tinyft[peers]"'
)

RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 3, 4))
Y = RNG.standard_normal((3, 1))
P = RNG.uniform(0.2, 3.0, (2, 3, 4))
U = RNG.uniform(-0.95, 0.95, (2, 3, 4))
EDGES = np.array([0.0, -0.0, 1.0, -1.0, 1e-30, -700.0, 700.0, np.inf, -np.inf])
TIED = np.array([[1.0, 3.0, 3.0], [3.0, 0.0, 3.0], [-1.0, -1.0, -1.0]])
IDS = np.array([[0, 2, 1, 1], [2, 2, 0, 1]])
MASK = RNG.random((2, 3, 4)) < 0.5

CASES = {
    # name: (tinyft, torch, inputs ...)
    "add": (ops.add, torch.add, X, Y),
    "sub": (ops.sub, torch.sub, Y, X),
    "mul": (ops.mul, torch.mul, X, Y),
    "div": (ops.div, torch.div, Y, P),
    "pow": (ops.pow, torch.pow, P, Y),
    "pow at 0": (ops.pow, torch.pow, np.zeros(4), np.array([0.0, 1.0, 2.0, 3.0])),
    "pow negative base": (lambda x: x**3, lambda x: x**3, X),
    "pow scalar base": (lambda x: 3.0**x, lambda x: 3.0**x, X),
    "maximum ties": (ops.maximum, torch.maximum, TIED, TIED[::-1].copy()),
    "minimum ties": (ops.minimum, torch.minimum, TIED, TIED.T.copy()),
    "maximum edges": (ops.maximum, torch.maximum, EDGES, EDGES[::-1].copy()),
    "where": (lambda x, y: ops.where(MASK, x, y),
              lambda x, y: torch.where(torch.tensor(MASK), x, y), X, Y),
    "masked_fill": (lambda x: ops.masked_fill(x, MASK, -math.inf).exp(),
                    lambda x: x.masked_fill(torch.tensor(MASK), -math.inf).exp(), X),
    "clip": (lambda x: ops.clip(x, -1, 1), lambda x: x.clamp(-1, 1), EDGES),
    "clip low": (lambda x: ops.clip(x, 0.0), lambda x: x.clamp(min=0.0), EDGES),
    "clip tensors": (ops.clip, torch.clamp, X, Y - 0.5, Y + 0.5),
    "clip crossed": (ops.clip, torch.clamp, X, Y + 0.5, Y - 0.5),
    "clip at bounds": (ops.clip, torch.clamp, TIED, np.zeros(3), np.full(3, 3.0)),
    "abs": (ops.abs, torch.abs, EDGES),
    "square": (ops.square, torch.square, X),
    "reciprocal": (ops.reciprocal, torch.reciprocal, P),
    "lerp": (lambda x, y: ops.lerp(x, y, 0.3), lambda x, y: torch.lerp(x, y, 0.3), X,
        P),
    "exp": (ops.exp, torch.exp, X), "expm1": (ops.expm1, torch.expm1, X),
    "log": (ops.log, torch.log, P), "log1p": (ops.log1p, torch.log1p, P),
    "log2": (ops.log2, torch.log2, P), "log10": (ops.log10, torch.log10, P),
    "sqrt": (ops.sqrt, torch.sqrt, P), "rsqrt": (ops.rsqrt, torch.rsqrt, P),
    "sin": (ops.sin, torch.sin, X), "cos": (ops.cos, torch.cos, X),
    "tan": (ops.tan, torch.tan, X), "arcsin": (ops.arcsin, torch.arcsin, U),
    "arccos": (ops.arccos, torch.arccos, U), "arctan": (ops.arctan, torch.arctan, X),
    "sinh": (ops.sinh, torch.sinh, X), "cosh": (ops.cosh, torch.cosh, X),
    "tanh": (ops.tanh, torch.tanh, EDGES), "erf": (ops.erf, torch.erf, EDGES[:-2]),
    "sigmoid": (ops.sigmoid, torch.sigmoid, EDGES),
    "sum": (lambda x: ops.sum(x, (0, -1)), lambda x: x.sum((0, -1)), X),
    "mean": (lambda x: ops.mean(x, 1, True), lambda x: x.mean(1, True), X),
    "amax ties": (lambda x: ops.amax(x, 1), lambda x: x.amax(1), TIED),
    "amin ties": (lambda x: ops.amin(x, (0, 1)), lambda x: x.amin((0, 1)), TIED),
    "max ties": (ops.max, torch.max, TIED),
    "prod zeros": (lambda x: ops.prod(x, 1), lambda x: x.prod(1), TIED * TIED.T),
    "var": (lambda x: ops.var(x, (0, 2), 1), lambda x: x.var((0, 2), correction=1), X),
    "std": (lambda x: ops.std(x, -1), lambda x: x.std(-1, correction=0), X),
    "std constant": (lambda x: ops.std(x, 1), lambda x: x.std(1, correction=0), TIED),
    "norm": (lambda x: ops.norm(x, 1), lambda x: torch.linalg.vector_norm(x, dim=1), X),
    "norm zero": (ops.norm, lambda x: torch.linalg.vector_norm(x), np.zeros(3)),
    "logsumexp": (lambda x: ops.logsumexp(x, (0, 2)), lambda x: x.logsumexp((0, 2)),
        50 * X),
    "cumsum": (lambda x: ops.cumsum(x, 1), lambda x: x.cumsum(1), X),
    "tril": (lambda x: ops.tril(x, 1), lambda x: x.tril(1), X),
    "triu": (lambda x: ops.triu(x, -1), lambda x: x.triu(-1), X),
    "roll": (lambda x: ops.roll(x, (1, -2), (0, 2)), lambda x: x.roll((1, -2), (0, 2)),
        X),
    "tile": (lambda x: ops.tile(x, (2, 1, 3)), lambda x: x.tile((2, 1, 3)), X),
    "repeat": (lambda x: ops.repeat(x, 3, 1), lambda x: x.repeat_interleave(3, 1), X),
    "flatten": (lambda x: ops.flatten(x, 1), lambda x: x.flatten(1), X),
    "pad": (lambda x: ops.pad(x, ((0, 0), (1, 0), (2, 3)), 1.5),
            lambda x: torch.nn.functional.pad(x, (2, 3, 1, 0), value=1.5), X),
    "split": (lambda x: ops.split(x, [1, 3], -1)[1], lambda x: x.split([1, 3], -1)[1],
        X),
    "stack": (lambda x, p: ops.stack([x, p, x], 1), lambda x,
        p: torch.stack([x, p, x], 1), X, P),
    "gather": (lambda x: ops.gather(x, IDS, 0),
        lambda x: x.gather(0, torch.tensor(IDS)), X[:, 0].repeat(2, 0)),
    "take": (lambda x: ops.take_along_axis(x, IDS[..., None], 1),
             lambda x: x.take_along_dim(torch.tensor(IDS[..., None]), 1), X),
    "embedding": (lambda w: ops.embedding(IDS, w),
                  lambda w: torch.nn.functional.embedding(torch.tensor(IDS), w), X[0]),
    "index": (lambda x: x[:, [0, 2, 0], 1:], lambda x: x[:, [0, 2, 0], 1:], X),
    "matmul": (ops.matmul, torch.matmul, X, RNG.standard_normal((4, 5))),
    "matmul batch": (ops.matmul, torch.matmul, X, RNG.standard_normal((5, 1, 4, 3))),
    "matmul vector": (ops.matmul, torch.matmul, X, RNG.standard_normal(4)),
    "einsum": (lambda x, p: ops.einsum("bij,bkj->bik", x, p),
               lambda x, p: torch.einsum("bij,bkj->bik", x, p), X, P),
    "einsum three": (lambda x, p, y: ops.einsum("bij,bkj,il->kl", x, p, y),
                     lambda x, p, y: torch.einsum("bij,bkj,il->kl", x, p, y), X, P, Y),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_value_and_gradient(name, dtype):
    ours, theirs, *inputs = CASES[name]
    inputs = [np.asarray(a, dtype) for a in inputs]
    xs = [tensor(a, requires_grad=True) for a in inputs]
    ts = [torch.tensor(a, requires_grad=True) for a in inputs]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # edge values overflow on both sides
        y, t = ours(*xs), theirs(*ts)
        gy = np.cos(np.arange(y.size)).reshape(y.shape).astype(dtype)
        y.backward(gy)
        t.backward(torch.tensor(gy))
    # rounding in another order: about 10 operations of 1e-16, or of 6e-8
    bound = (
        {"rtol": 1e-12, "atol": 1e-13}
        if dtype == "float64"
        else {"rtol": 1e-5, "atol": 1e-5}
    )
    assert y.dtype == dtype and tuple(t.shape) == y.shape
    np.testing.assert_allclose(y.numpy(), t.detach().numpy(), **bound)
    for x, u in zip(xs, ts):
        np.testing.assert_allclose(x.grad.numpy(), u.grad.numpy(), **bound)


INDICES = [0, -1, slice(None, None, 2), (..., 1), (None, 1), [1, 0, 1],
(slice(None), [2, 0]),
           ([0, 1], slice(None), [3, 0]), (0, ..., None),
           np.array([[0, 1], [1, 1]])]  # fmt: skip


@pytest.mark.parametrize("key", INDICES, ids=str)
def test_indexing(key):
    x, t = tensor(X, requires_grad=True), torch.tensor(X, requires_grad=True)
    y, u = x[key], t[key]
    assert y.shape == tuple(u.shape)
    np.testing.assert_array_equal(y.numpy(), u.detach().numpy())
    (y * y).sum().backward()
    (u * u).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), t.grad.numpy(), rtol=1e-15)


@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 1), (0, -1), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("name", ["sum", "mean", "amax", "amin", "logsumexp"])
def test_reductions(name, axis, keepdims):
    x, t = tensor(X, requires_grad=True), torch.tensor(X, requires_grad=True)
    y = getattr(ops, name)(x, axis=axis, keepdims=keepdims)
    u = getattr(torch, name)(
        t, dim=(0, 1, 2) if axis is None else axis, keepdim=keepdims
    )
    (y * y).sum().backward()
    (u * u).sum().backward()
    assert y.shape == tuple(u.shape)
    np.testing.assert_allclose(y.numpy(), u.detach().numpy(), rtol=1e-13)
    np.testing.assert_allclose(x.grad.numpy(), t.grad.numpy(), rtol=1e-12)


def test_second_derivatives_of_a_small_network():
    rng = np.random.default_rng(1)
    arrays = [rng.standard_normal(s) for s in [(5, 3), (3, 4), (4,), (4, 1)]]

    def penalty(xp, grad, x, w, b, v):
        y = (xp.tanh(x @ w + b) @ v).sum()
        return (grad(y, x) ** 2).sum() + y

    xs = [tensor(a, requires_grad=True) for a in arrays]
    ts = [torch.tensor(a, requires_grad=True) for a in arrays]
    from tinyft import grad

    penalty(ops, lambda y, x: grad(y, x, create_graph=True), *xs).backward()
    penalty(
        torch, lambda y, x: torch.autograd.grad(y, x, create_graph=True)[0], *ts
    ).backward()
    for x, t in zip(xs, ts):
        np.testing.assert_allclose(
            x.grad.numpy(), t.grad.numpy(), rtol=1e-11, atol=1e-12
        )
