"""Every layer against PyTorch's with the same state: values and all gradients.

float64 to 1e-12 (longer sums, as in LSTM and attention, to 1e-10), float32 to 1e-5: the
two libraries add in different orders.
"""

import math

import numpy as np
import pytest

from tinyft import nn, tensor

torch = pytest.importorskip("torch", reason="parity tests compare with PyTorch")

RNG = np.random.default_rng(0)
DTYPES = [("f8", 1e-12), ("f4", 1e-5)]
both_dtypes = pytest.mark.parametrize(
    "dtype, bound", DTYPES, ids=["float64", "float32"]
)


def draw(*shape):
    return RNG.standard_normal(shape)


def close(ours, theirs, bound, what=""):
    """|a - b| <= bound (1 + |b|), entry by entry."""
    a = ours if isinstance(ours, np.ndarray) else ours.numpy()
    b = theirs.detach().numpy()
    assert a.shape == b.shape and a.dtype == b.dtype, (what, a.dtype, b.dtype)
    np.testing.assert_allclose(a, b, rtol=bound, atol=bound, err_msg=what)


def share_state(ours, theirs, dtype):
    """Move PyTorch's layer off its special values and load its state into ours."""
    theirs.to(getattr(torch, {"f8": "float64", "f4": "float32"}[dtype]))
    with torch.no_grad():
        for p in theirs.parameters():
            p.add_(torch.tensor(draw(*p.shape)).to(p.dtype), alpha=0.3)
    ours.to(dtype)
    assert ours.load_state_dict(theirs.state_dict()) == ([], [])


def compare(ours, theirs, x, dtype, bound):
    """Values, then gradients of <u, y> in x and every parameter, then buffers."""
    share_state(ours, theirs, dtype)
    floats = np.asarray(x).dtype.kind == "f"
    x = np.asarray(x, dtype) if floats else x
    mine, other = tensor(x, requires_grad=floats), torch.tensor(x, requires_grad=floats)
    y, z = ours(mine), theirs(other)
    close(y, z, bound, "values")
    u = np.asarray(draw(*y.shape), dtype)
    y.backward(tensor(u))
    z.backward(torch.tensor(u))
    if floats:
        close(mine.grad, other.grad, bound * 10, "gradient of x")
    given = dict(theirs.named_parameters())
    for name, p in ours.named_parameters():
        close(p.grad, given[name].grad, bound * 10, f"gradient of {name}")
    for name, buffer in theirs.named_buffers():
        close(dict(ours.named_buffers())[name], buffer, bound, name)


LAYERS = {
    "linear": (lambda n: n.Linear(5, 7), draw(4, 3, 5)),
    "linear, no bias": (lambda n: n.Linear(5, 7, bias=False), draw(4, 5)),
    "conv": (lambda n: n.Conv2d(4, 6, 3, stride=2, padding=1), draw(2, 4, 9, 7)),
    "conv, groups": (
        lambda n: n.Conv2d(4, 6, (3, 1), padding=(0, 2), groups=2),
        draw(2, 4, 5, 5),
    ),
    "depthwise": (lambda n: n.Conv2d(4, 4, 3, groups=4, bias=False), draw(2, 4, 5, 5)),
    "layer norm": (lambda n: n.LayerNorm(6), draw(3, 4, 6)),
    "layer norm, no bias": (lambda n: n.LayerNorm(6, bias=False), draw(3, 6)),
    "rms norm": (lambda n: n.RMSNorm(6, eps=1e-6), draw(3, 4, 6)),
    "group norm": (lambda n: n.GroupNorm(2, 6), draw(3, 6, 4, 2)),
    "batch norm": (lambda n: n.BatchNorm2d(5), draw(3, 5, 4, 2)),
    "batch norm, cumulative": (
        lambda n: n.BatchNorm2d(5, momentum=None),
        draw(3, 5, 4, 2),
    ),
    "batch norm, plain": (
        lambda n: n.BatchNorm2d(5, affine=False, track_running_stats=False),
        draw(3, 5, 4, 2),
    ),
    "batch norm, rows": (lambda n: n.BatchNorm1d(5), draw(7, 5)),
    "embedding": (lambda n: n.Embedding(9, 4), RNG.integers(0, 9, (3, 5))),
    "max pool": (lambda n: n.MaxPool2d(3, 2, 1), draw(2, 3, 8, 7)),
    "avg pool": (lambda n: n.AvgPool2d(3, 2, 1), draw(2, 3, 8, 7)),
    "adaptive pool": (lambda n: n.AdaptiveAvgPool2d((3, 2)), draw(2, 3, 8, 7)),
    "relu": (lambda n: n.ReLU(), draw(4, 5)),
    "gelu": (lambda n: n.GELU(), 3 * draw(40, 5)),
    "gelu, tanh": (lambda n: n.GELU(approximate="tanh"), draw(4, 5)),
    "silu": (lambda n: n.SiLU(), draw(4, 5)),
    "tanh": (lambda n: n.Tanh(), draw(4, 5)),
    "sigmoid": (lambda n: n.Sigmoid(), draw(4, 5)),
    "softmax": (lambda n: n.Softmax(1), draw(4, 5, 2)),
    "flatten": (lambda n: n.Flatten(), draw(4, 5, 2)),
    "sequential": (
        lambda n: n.Sequential(n.Linear(5, 4), n.ReLU(), n.Linear(4, 3)),
        draw(6, 5),
    ),
}


@both_dtypes
@pytest.mark.parametrize("make, x", LAYERS.values(), ids=LAYERS)
def test_layer(make, x, dtype, bound):
    compare(make(nn), make(torch.nn), x, dtype, bound)


@both_dtypes
@pytest.mark.parametrize("momentum", [0.1, None])
def test_batch_norm_over_steps_then_in_evaluation(momentum, dtype, bound):
    ours, theirs = (n.BatchNorm2d(5, momentum=momentum) for n in (nn, torch.nn))
    for _ in range(3):
        compare(ours, theirs, draw(3, 5, 4, 2) + 2, dtype, bound)
        ours.zero_grad()
        theirs.zero_grad()
    compare(ours.eval(), theirs.eval(), draw(3, 5, 4, 2), dtype, bound)


@pytest.mark.parametrize("dtype, bound", [("f8", 1e-11), ("f4", 1e-5)])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
def test_lstm(bidirectional, batch_first, dtype, bound):
    options = {"bidirectional": bidirectional, "batch_first": batch_first}
    ours, theirs = (n.LSTM(4, 3, num_layers=2, **options) for n in (nn, torch.nn))
    share_state(ours, theirs, dtype)
    arrays = [np.asarray(a, dtype) for a in (draw(2, 2, 4), *draw(2, 4, 2, 3))]
    if not bidirectional:
        arrays[1:] = [a[:2] for a in arrays[1:]]
    mine = [tensor(a, requires_grad=True) for a in arrays]
    other = [torch.tensor(a, requires_grad=True) for a in arrays]
    (y, (h, c)), (z, (k, d)) = (
        ours(mine[0], mine[1:]),
        theirs(other[0], tuple(other[1:])),
    )
    for a, b in ((y, z), (h, k), (c, d)):
        close(a, b, bound)
    us = [np.asarray(draw(*a.shape), dtype) for a in (y, h, c)]
    ((y * us[0]).sum() + (h * us[1]).sum() + (c * us[2]).sum()).backward()
    sum((a * torch.tensor(u)).sum() for a, u in zip((z, k, d), us)).backward()
    for a, b in zip(mine, other):
        close(a.grad, b.grad, bound * 10)
    for name, p in ours.named_parameters():
        close(p.grad, getattr(theirs, name).grad, bound * 10, name)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_lstm_of_texts_of_unequal_length(bidirectional):
    """lengths= beside a packed sequence of PyTorch."""
    options = {"bidirectional": bidirectional, "batch_first": True}
    ours, theirs = (n.LSTM(4, 3, num_layers=2, **options) for n in (nn, torch.nn))
    share_state(ours, theirs, "f8")
    x, lengths = np.asarray(draw(4, 5, 4), "f8"), [2, 5, 1, 4]
    mine, other = tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    rnn = torch.nn.utils.rnn
    packed = rnn.pack_padded_sequence(
        other, lengths, batch_first=True, enforce_sorted=False
    )
    z, (k, d) = theirs(packed)
    z, _ = rnn.pad_packed_sequence(z, batch_first=True)
    y, (h, c) = ours(mine, lengths=lengths)
    for a, b in ((y, z), (h, k), (c, d)):
        close(a, b, 1e-12)
    us = [np.asarray(draw(*a.shape), "f8") for a in (y, h, c)]
    ((y * us[0]).sum() + (h * us[1]).sum() + (c * us[2]).sum()).backward()
    sum((a * torch.tensor(u)).sum() for a, u in zip((z, k, d), us)).backward()
    close(mine.grad, other.grad, 1e-11)
    for name, p in ours.named_parameters():
        close(p.grad, getattr(theirs, name).grad, 1e-11, name)


# --- attention ----------------------------------------------------------------------


def from_torch(theirs):
    """The state of nn.MultiheadAttention, which stacks q, k and v, in our names."""
    state, ours = theirs.state_dict(), {}
    for kind in ("weight", "bias"):
        for name, part in zip("qkv", state[f"in_proj_{kind}"].chunk(3)):
            ours[f"{name}.{kind}"] = part.numpy()
        ours[f"o.{kind}"] = state[f"out_proj.{kind}"].numpy()
    return ours


@pytest.mark.parametrize("dtype, bound", [("f8", 1e-11), ("f4", 1e-5)])
@pytest.mark.parametrize("kind", ["plain", "causal", "padding", "additive", "cross"])
def test_multi_head_attention(kind, dtype, bound):
    B, T, S, C, H = 2, 5, 7 if kind == "cross" else 5, 8, 2
    theirs = torch.nn.MultiheadAttention(C, H, batch_first=True)
    theirs.to(torch.float64 if dtype == "f8" else torch.float32)
    with torch.no_grad():
        for p in theirs.parameters():
            p.add_(torch.tensor(draw(*p.shape)).to(p.dtype), alpha=0.3)
    ours = nn.MultiHeadAttention(C, H, causal=kind == "causal", dtype=dtype)
    ours.load_state_dict(from_torch(theirs))
    x, context = (np.asarray(draw(B, n, C), dtype) for n in (T, S))
    mine, other = tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    options, theirs_options = {}, {}
    if kind == "causal":
        theirs_options["attn_mask"] = torch.tensor(
            ~np.tri(T, dtype=bool)
        )  # True: hidden
    if kind == "padding":
        keep = np.arange(T) < np.array([[3], [5]])
        options["mask"] = tensor(keep[:, None, None])
        theirs_options["key_padding_mask"] = torch.tensor(~keep)
    if kind == "additive":
        bias = np.asarray(draw(T, T), dtype)
        options["mask"], theirs_options["attn_mask"] = tensor(bias), torch.tensor(bias)
    source, keys = mine, other
    if kind == "cross":
        options["context"], keys = tensor(context), torch.tensor(context)
    y = ours(source, **options)
    z, _ = theirs(other, keys, keys, need_weights=False, **theirs_options)
    close(y, z, bound)
    u = np.asarray(draw(*y.shape), dtype)
    y.backward(tensor(u))
    z.backward(torch.tensor(u))
    close(mine.grad, other.grad, bound * 10)
    stacked = theirs.in_proj_weight.grad.chunk(3)
    for name, g in zip("qkvo", (*stacked, theirs.out_proj.weight.grad)):
        close(getattr(ours, name).weight.grad, g, bound * 10, name)


def test_grouped_queries_and_bottom_right_causality():
    """Against scaled_dot_product_attention, keys repeated, the mask written out."""
    B, T, S, H, G, d = 2, 3, 5, 4, 2, 8
    q, k, v = draw(B, H, T, d), draw(B, G, S, d), draw(B, G, S, d)
    from tinyft import ops

    y = ops.attention(tensor(q), tensor(k), tensor(v), causal=True)
    repeat = [torch.tensor(a).repeat_interleave(H // G, dim=1) for a in (k, v)]
    mask = torch.tensor(np.tri(T, S, S - T, dtype=bool))
    z = torch.nn.functional.scaled_dot_product_attention(
        torch.tensor(q), *repeat, attn_mask=mask
    )
    close(y, z, 1e-12)


# --- initialisers: the same distribution, not the same numbers ----------------------


@pytest.mark.parametrize(
    "name, args",
    [
        ("kaiming_uniform_", {"a": math.sqrt(5)}),
        ("kaiming_normal_", {"mode": "fan_out"}),
        ("xavier_uniform_", {"gain": 2.0}),
        ("xavier_normal_", {}),
    ],
)
def test_initialisers_have_pytorchs_spread(name, args):
    """Two samples of n: their log variances differ by N(0, 4/n) at most; z below 4."""
    shape = (40, 30, 3, 3)
    ours = getattr(nn.init, name)(nn.Parameter(np.zeros(shape)), rng=0, **args).numpy()
    torch.manual_seed(0)
    theirs = getattr(torch.nn.init, name)(torch.empty(shape), **args).numpy()
    z = math.log(ours.var() / theirs.var()) / math.sqrt(4 / ours.size)
    assert abs(z) < 4
    if "uniform" in name:  # the bounds agree to the spacing of the largest draws
        assert abs(np.abs(ours).max() / np.abs(theirs).max() - 1) < 0.01


def test_state_names_are_pytorchs():
    pairs = [
        (nn.Linear(2, 3), torch.nn.Linear(2, 3)),
        (nn.Conv2d(2, 3, 1), torch.nn.Conv2d(2, 3, 1)),
        (nn.Embedding(2, 3), torch.nn.Embedding(2, 3)),
        (nn.LayerNorm(3), torch.nn.LayerNorm(3)),
        (nn.RMSNorm(3), torch.nn.RMSNorm(3)),
        (nn.GroupNorm(1, 3), torch.nn.GroupNorm(1, 3)),
        (nn.BatchNorm2d(3), torch.nn.BatchNorm2d(3)),
        (
            nn.LSTM(2, 3, 2, bidirectional=True),
            torch.nn.LSTM(2, 3, 2, bidirectional=True),
        ),
    ]
    for ours, theirs in pairs:
        want = {n: (tuple(v.shape), v.dtype) for n, v in theirs.state_dict().items()}
        have = {
            n: (v.shape, torch.tensor(v.numpy()).dtype)
            for n, v in ours.state_dict().items()
        }
        assert have == want, type(ours).__name__
        names = [n for n, _ in theirs.named_parameters()]
        assert [n for n, _ in ours.named_parameters()] == names
