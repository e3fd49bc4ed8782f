"""Neural operations against PyTorch, in float64 (1e-12: a few hundred roundings).

Every case runs forward and backward from the same random upstream gradient.
"""

import itertools

import numpy as np
import pytest

from tinyft import grad, ops, tensor

torch = pytest.importorskip(
    "torch", reason="parity needs PyTorch: pip install tinyft[peers]"
)
F = torch.nn.functional


def draw(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def same(ours, theirs, *arrays, rtol=1e-12, dtype="float64"):
    """ours(Tensors) and theirs(torch tensors) agree in value and in every gradient."""
    xs = [tensor(a.astype(dtype), requires_grad=True) for a in arrays]
    ts = [torch.tensor(a.astype(dtype), requires_grad=True) for a in arrays]
    y, t = ours(*xs), theirs(*ts)
    assert y.shape == tuple(t.shape) and str(y.dtype) == str(t.dtype).removeprefix(
        "torch."
    )
    gy = np.cos(1 + np.arange(y.size)).reshape(y.shape).astype(dtype)
    want = torch.autograd.grad(t, ts, torch.tensor(gy), allow_unused=True)
    for a, b in zip([y, *grad([y], xs, [tensor(gy)])], [t, *want]):
        b = b.detach().numpy()
        np.testing.assert_allclose(
            a.numpy(), b, rtol=rtol, atol=rtol * max(1, abs(b).max())
        )


@pytest.mark.parametrize("lead", [(), (2,), (2, 5)])
@pytest.mark.parametrize("bias", [False, True])
def test_linear(lead, bias):
    arrays = [draw(*lead, 3), draw(4, 3), draw(4)][: 2 + bias]
    same(ops.linear, F.linear, *arrays)


ACTIVATIONS = {
    "relu": (ops.relu, F.relu),
    "relu6": (lambda x: ops.relu6(4 * x), lambda x: F.relu6(4 * x)),
    "leaky_relu": (lambda x: ops.leaky_relu(x, 0.2), lambda x: F.leaky_relu(x, 0.2)),
    "elu": (lambda x: ops.elu(x, 0.7), lambda x: F.elu(x, 0.7)),
    "silu": (ops.silu, F.silu),
    "softplus": (ops.softplus, lambda x: F.softplus(x, threshold=1e9)),
    "logsigmoid": (ops.logsigmoid, F.logsigmoid),
    "gelu": (ops.gelu, F.gelu),
    "gelu tanh": (
        lambda x: ops.gelu(x, "tanh"),
        lambda x: F.gelu(x, approximate="tanh"),
    ),
    "softmax 0": (lambda x: ops.softmax(x, 0), lambda x: F.softmax(x, 0)),
    "softmax -1": (ops.softmax, lambda x: F.softmax(x, -1)),
    "log_softmax 1": (lambda x: ops.log_softmax(x, 1), lambda x: F.log_softmax(x, 1)),
    "log_softmax -1": (ops.log_softmax, lambda x: F.log_softmax(x, -1)),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("scale", [1, 30])
def test_activation(name, scale):
    same(*ACTIVATIONS[name], draw(3, 4, 5) * scale)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_in_float32(name):
    same(*ACTIVATIONS[name], draw(3, 4, 5), rtol=1e-6, dtype="float32")  # 8 eps


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("eps", [1e-5, 0.1])
def test_norms(n, eps):
    x, w, b = draw(3, 4, 6), 1 + draw(6), draw(6, seed=1)
    same(lambda *a: ops.layer_norm(*a, eps=eps),
         lambda x, *a: F.layer_norm(x, (6,), *a, eps=eps),
         *(x, w, b)[:n])  # fmt: skip
    if n < 3:
        same(lambda *a: ops.rms_norm(*a, eps=eps),
             lambda x, *a: F.rms_norm(x, (6,), *a, eps=eps),
             *(x, w)[:n])  # fmt: skip
    for shape, groups in itertools.product(
        [(2, 6), (2, 6, 5), (2, 6, 3, 4)], [1, 2, 3, 6]
    ):
        if shape == (2, 6) and groups == 6:
            continue  # groups of one value: torch refuses
        same(lambda x, *a, g=groups: ops.group_norm(x, g, *a, eps=eps),
             lambda x, *a, g=groups: F.group_norm(x, g, *a, eps=eps),
             draw(*shape), *(w, b)[: n - 1], rtol=1e-11)  # fmt: skip


@pytest.mark.parametrize("kind", [None, "boolean", "additive", "causal"])
@pytest.mark.parametrize("Hkv", [4, 2, 1])
@pytest.mark.parametrize("T", [5, 70])
def test_attention(kind, Hkv, T):
    q, k, v = draw(2, 4, T, 8), draw(2, Hkv, T, 8, seed=1), draw(2, Hkv, T, 8, seed=2)
    mask = {"boolean": np.random.default_rng(0).random((2, 1, T, T)) < 0.7,
            "additive": draw(4, T, T)}.get(kind)  # fmt: skip
    theirs = None if mask is None else torch.tensor(mask)
    causal = kind == "causal"
    same(
        lambda q, k, v: ops.attention(q, k, v, mask, causal),
        lambda q, k, v: F.scaled_dot_product_attention(
            q, k, v, theirs, is_causal=causal, enable_gqa=True),
        q, k, v,
    )  # fmt: skip


def test_attention_in_float32_on_model_layout():
    """(B, T, H, d) memory seen as (B, H, T, d), as a model hands it over."""
    q, k, v = (draw(2, 130, 4, 16, seed=i) for i in range(3))

    def heads(fn, swap):
        return lambda *xs: fn(*(swap(x) for x in xs))

    same(
        heads(lambda *a: ops.attention(*a, causal=True),
              lambda x: x.transpose(0, 2, 1, 3)),
        heads(lambda *a: F.scaled_dot_product_attention(*a, is_causal=True),
              lambda x: x.transpose(1, 2)),
        q, k, v, rtol=1e-5, dtype="float32",
    )  # fmt: skip


@pytest.mark.parametrize("shape", [(6, 4), (2, 4, 3), (2, 4, 3, 2), (4,)])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["classes", "ignored", "probabilities"])
def test_cross_entropy(shape, reduction, smoothing, weighted, kind):
    rows = shape[:1] + shape[2:] if len(shape) > 1 else ()
    y = np.random.default_rng(1).integers(0, 4, rows)
    if kind == "ignored":
        if rows == ():
            return  # nothing would be left
        y.reshape(-1)[::2] = 1
    if kind == "probabilities":
        y = np.abs(draw(*shape, seed=2))
    w = np.array([0.5, 1.0, 2.0, 3.0]) if weighted else None
    options = {"ignore_index": 1 if kind == "ignored" else -100, "reduction": reduction,
               "label_smoothing": smoothing}  # fmt: skip
    same(
        lambda x: ops.cross_entropy(x, y, w, **options),
        lambda x: F.cross_entropy(
            x, torch.tensor(y), None if w is None else torch.tensor(w), **options),
        draw(*shape) * 3,
    )  # fmt: skip


@pytest.mark.parametrize("shape", [(6, 4), (2, 4, 3)])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("weighted", [False, True])
def test_nll_loss(shape, reduction, weighted):
    y = np.random.default_rng(1).integers(0, 4, shape[:1] + shape[2:])
    w = np.array([0.5, 1.0, 2.0, 3.0]) if weighted else None
    options = {"ignore_index": 1, "reduction": reduction}
    same(
        lambda x: ops.nll_loss(x, y, w, **options),
        lambda x: F.nll_loss(
            x, torch.tensor(y), None if w is None else torch.tensor(w), **options
        ),
        draw(*shape),
    )


PAIRS = {
    "mse": (ops.mse_loss, F.mse_loss),
    "l1": (ops.l1_loss, F.l1_loss),
    "huber": (lambda x, y, **k: ops.huber_loss(x, y, 0.6, **k),
              lambda x, y, **k: F.huber_loss(x, y, delta=0.6, **k)),
    "smooth_l1": (lambda x, y, **k: ops.smooth_l1_loss(x, y, 0.6, **k),
                  lambda x, y, **k: F.smooth_l1_loss(x, y, beta=0.6, **k)),
    "kl": (lambda x, y, **k: ops.kl_div(x, y, log_target=True, **k),
           lambda x, y, **k: F.kl_div(x, y, log_target=True, **k)),
}  # fmt: skip


# torch warns that its "mean" is not the KL divergence; here the two must be equal
about_mean = pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")


@about_mean
@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_pair_losses(name, reduction):
    ours, theirs = PAIRS[name]
    arrays = draw(3, 4), draw(3, 4, seed=1)
    same(lambda x, y: ours(x, y, reduction=reduction),
         lambda x, y: theirs(x, y, reduction=reduction), *arrays)  # fmt: skip


@about_mean
@pytest.mark.parametrize("reduction", ["none", "mean", "sum", "batchmean"])
def test_kl_div_of_probabilities(reduction):
    p = np.abs(draw(3, 4))
    p[0, 0] = 0  # 0 log 0 = 0
    same(
        lambda x: ops.kl_div(x, p, reduction),
        lambda x: F.kl_div(x, torch.tensor(p), reduction=reduction),
        draw(3, 4, seed=1),
    )


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("weight", [None, draw(3, 1) ** 2])
@pytest.mark.parametrize("pos_weight", [None, draw(4) ** 2])
def test_bce_with_logits(reduction, weight, pos_weight):
    y = np.random.default_rng(1).random((3, 4))
    w, p = (None if a is None else torch.tensor(a) for a in (weight, pos_weight))
    same(
        lambda x: ops.bce_with_logits(x, y, weight, pos_weight, reduction),
        lambda x: F.binary_cross_entropy_with_logits(
            x, torch.tensor(y), w, reduction=reduction, pos_weight=p
        ),
        draw(3, 4) * 5,
    )
