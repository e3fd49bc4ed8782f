"""Attention against a loop over batch, head and query; rotary positions; causality."""

import math
import re

import numpy as np
import pytest
from layers import check_gradients

from tinyft import nn, tensor

RNG = np.random.default_rng(4)
B, T, S, C, H = 2, 5, 7, 8, 4
TIGHT = {"rtol": 1e-11, "atol": 1e-13}


def loop(layer, x, context=None, allowed=None, bias=None):
    """The definition: one query after another. allowed, bias: (B, H, T, S) or None."""
    context = x if context is None else context
    project = {
        name: (getattr(layer, name).weight.numpy(), getattr(layer, name).bias.numpy())
        for name in "qkvo"
    }
    q, k, v = (
        a @ project[n][0].T + project[n][1]
        for n, a in zip("qkv", (x, context, context))
    )
    d, share, y = layer.head_dim, layer.heads // layer.kv_heads, np.zeros_like(x)
    for b in range(len(x)):
        for h in range(layer.heads):
            mine, theirs = (
                slice(h * d, h * d + d),
                slice(h // share * d, h // share * d + d),
            )
            for t in range(x.shape[1]):
                scores = [
                    q[b, t, mine] @ k[b, s, theirs] / math.sqrt(d)
                    + (0 if bias is None else bias[b, h, t, s])
                    for s in range(context.shape[1])
                ]
                seen = [
                    s
                    for s in range(context.shape[1])
                    if (allowed is None or allowed[b, h, t, s])
                    and (not layer.causal or s <= t + context.shape[1] - x.shape[1])
                ]
                weights = np.exp([scores[s] for s in seen])
                weights /= weights.sum()
                y[b, t, mine] = sum(w * v[b, s, theirs] for w, s in zip(weights, seen))
    return y @ project["o"][0].T + project["o"][1]


def make(**options):
    return nn.MultiHeadAttention(C, H, rng=0, dtype="f8", **options)


def full(mask):
    return np.broadcast_to(mask, (B, H, T, mask.shape[-1]))


@pytest.mark.parametrize("kv_heads", [4, 2, 1])
@pytest.mark.parametrize("causal", [False, True])
def test_self_attention_with_grouped_queries(kv_heads, causal):
    layer, x = make(kv_heads=kv_heads, causal=causal), RNG.standard_normal((B, T, C))
    np.testing.assert_allclose(layer(tensor(x)).numpy(), loop(layer, x), **TIGHT)
    assert check_gradients(layer, x)


def test_cross_attention():
    layer, x, other = (
        make(),
        RNG.standard_normal((B, T, C)),
        RNG.standard_normal((B, S, C)),
    )
    y = layer(tensor(x), context=tensor(other)).numpy()
    np.testing.assert_allclose(y, loop(layer, x, other), **TIGHT)


@pytest.mark.parametrize("shape", [(T, T), (B, 1, T, T), (B, H, T, T), (1, 1, 1, T)])
def test_boolean_masks(shape):
    layer, x = make(), RNG.standard_normal((B, T, C))
    allowed = RNG.random(shape) < 0.6
    allowed[..., 0] = True  # every query sees something
    y = layer(tensor(x), mask=tensor(allowed)).numpy()
    np.testing.assert_allclose(y, loop(layer, x, allowed=full(allowed)), **TIGHT)


def test_additive_mask_and_its_gradient():
    layer, x = make(causal=True), RNG.standard_normal((B, T, C))
    bias = RNG.standard_normal((H, T, T))
    y = layer(tensor(x), mask=tensor(bias)).numpy()
    np.testing.assert_allclose(y, loop(layer, x, bias=full(bias)), **TIGHT)


def test_padding_leaves_the_rest_as_if_it_were_not_there():
    layer, x = make(), RNG.standard_normal((B, T, C))
    allowed = np.arange(T) < 3
    padded = layer(
        tensor(x), mask=tensor(np.broadcast_to(allowed, (B, 1, 1, T)))
    ).numpy()
    np.testing.assert_allclose(padded[:, :3], layer(tensor(x[:, :3])).numpy(), **TIGHT)


def test_causality_by_gradient():
    """d y_t / d x_s is exactly zero for s > t, and not zero for s <= t."""
    layer, x = (
        make(causal=True),
        tensor(RNG.standard_normal((1, T, C)), requires_grad=True),
    )
    for t in range(T):
        x.zero_grad()
        layer(x)[0, t].sum().backward()
        reach = np.abs(x.grad.numpy()[0]).max(axis=1)
        assert (reach[t + 1 :] == 0).all() and (reach[: t + 1] > 0).all()


def test_a_cache_gives_the_same_as_the_whole_text():
    layer, x = make(causal=True, kv_heads=2), RNG.standard_normal((B, T, C))
    whole, cache = layer(tensor(x)).numpy(), nn.KVCache()
    pieces = [
        layer(tensor(x[:, i:j]), cache=cache).numpy()
        for i, j in ((0, 2), (2, 3), (3, 5))
    ]
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), whole, **TIGHT)
    assert len(cache) == T and cache.k.shape == (B, 2, T, C // H)


def test_a_mask_over_the_new_keys_admits_the_cached_ones():
    layer, x = make(), RNG.standard_normal((B, 3, C))
    cache = nn.KVCache()
    layer(tensor(x[:, :2]), cache=cache)
    for mask in (np.array([[True]]), np.array([[0.0]])):
        again = nn.KVCache()
        again.extend(cache.k, cache.v)
        y = layer(tensor(x[:, 2:]), mask=tensor(mask), cache=again).numpy()
        np.testing.assert_allclose(y[:, 0], layer(tensor(x)).numpy()[:, 2], **TIGHT)
    cache = nn.KVCache()
    layer(tensor(x[:, :1]), cache=cache)
    hidden = np.array([True, False])  # of two new keys, the second is padding
    y = layer(tensor(x[:, 1:]), mask=tensor(hidden[None, None, None]), cache=cache)
    np.testing.assert_allclose(
        y.numpy()[:, 0], layer(tensor(x[:, :2])).numpy()[:, 1], **TIGHT
    )


def test_recorded_weights_are_the_softmax():
    layer, x = make(causal=True), RNG.standard_normal((B, T, C))
    layer.record = True
    layer(tensor(x))
    P = layer.recorded
    assert P.shape == (B, H, T, T)
    np.testing.assert_allclose(P.sum(axis=-1), 1, rtol=1e-12)
    assert (P[..., ~np.tri(T, dtype=bool)] == 0).all()


def test_dropout_acts_in_training_only_and_needs_no_generator():
    layer, x = make(dropout=0.5), tensor(RNG.standard_normal((B, T, C)))
    layer.rng = None
    nn.manual_seed(0)
    first, second = layer(x).numpy(), layer(x).numpy()
    assert (first != second).any()
    nn.manual_seed(0)
    np.testing.assert_array_equal(layer(x).numpy(), first)
    layer.eval()
    np.testing.assert_array_equal(layer(x).numpy(), layer(x).numpy())


def test_an_integer_seed_gives_each_projection_its_own_values():
    layer = make()
    assert (layer.q.weight.numpy() != layer.k.weight.numpy()).all()


def test_an_impossible_mask_names_both_shapes():
    layer, x = make(), tensor(np.zeros((B, T, C)))
    for shape in ((3, 3), (1, 1, 1, 3)):
        words = rf"mask has shape {re.escape(str(shape))}.*\(2, 4, 5, 5\)"
        with pytest.raises(ValueError, match=words):
            layer(x, mask=tensor(np.ones(shape, bool)))


def test_heads_wider_than_their_share_with_norms_and_three_biases():
    """The formula, written out for one head of width 3 on C = 4 features."""
    layer = nn.MultiHeadAttention(
        4, 1, bias="qkv", dtype="f8", head_dim=3, qk_norm=1e-6, rng=0
    )
    for p in layer.parameters():
        p.data = p.data + RNG.standard_normal(p.shape)
    x = RNG.standard_normal((1, 5, 4))
    q, k, v = (
        x[0] @ getattr(layer, n).weight.numpy().T + getattr(layer, n).bias.numpy()
        for n in "qkv"
    )

    def normed(a, norm):
        return a / np.sqrt((a**2).mean(axis=1, keepdims=True) + 1e-6) * norm.weight.data

    scores = normed(q, layer.q_norm) @ normed(k, layer.k_norm).T / np.sqrt(3)
    P = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    want = P @ v @ layer.o.weight.numpy().T
    np.testing.assert_allclose(layer(tensor(x)).numpy()[0], want, rtol=1e-10)
    assert layer.o.bias is None


# --- rotary positions ---------------------------------------------------------------


def test_rotary_is_a_rotation_of_each_pair():
    rotary, x = nn.Rotary(6, base=100.0), RNG.standard_normal((1, 1, 1, 6))
    y = rotary(tensor(x), np.array([3])).numpy()[0, 0, 0]
    for i in range(3):
        angle = 3 * 100.0 ** (-2 * i / 6)
        turned = (x[0, 0, 0, i] + 1j * x[0, 0, 0, i + 3]) * np.exp(1j * angle)
        np.testing.assert_allclose(
            y[[i, i + 3]], [turned.real, turned.imag], rtol=1e-12
        )


def test_rotary_keeps_norms_and_products_depend_on_the_distance():
    rotary = nn.Rotary(8)
    q, k = RNG.standard_normal((2, 1, 1, 8))

    def at(x, position):
        return rotary(tensor(x[None]), np.array([position])).numpy()[0, 0, 0]

    for position in (0, 1, 900):
        norm = np.linalg.norm(at(q, position))
        np.testing.assert_allclose(norm, np.linalg.norm(q), rtol=1e-12)
    np.testing.assert_allclose(at(q, 0), q[0, 0], rtol=1e-15)
    products = [at(q, 5 + shift) @ at(k, 2 + shift) for shift in (0, 1, 100)]
    np.testing.assert_allclose(products, products[0], rtol=1e-9)
    assert abs(at(q, 6) @ at(k, 2) - products[0]) > 1e-3


def test_rotary_of_neighbours_and_of_a_part():
    """Pairs (0, 1) and (2, 3) turn at 100^0 and 100^(-1/2); channels 4 and 5 stay."""
    rotary = nn.Rotary(6, 100.0, part=4, pairs="neighbours")
    x = RNG.standard_normal((1, 1, 1, 6))
    y = rotary(tensor(x), np.array([3])).numpy()[0, 0, 0]
    for i, rate in enumerate((1.0, 0.1)):
        turned = complex(*x[0, 0, 0, 2 * i : 2 * i + 2]) * np.exp(3j * rate)
        np.testing.assert_allclose(y[2 * i : 2 * i + 2], [turned.real, turned.imag])
    assert np.array_equal(y[4:], x[0, 0, 0, 4:])
    assert "part=4, pairs='neighbours'" in repr(rotary)


def test_neighbours_are_halves_of_permuted_channels():
    x, at = RNG.standard_normal((2, 3, 5, 8)), np.arange(5)
    order = [0, 2, 4, 6, 1, 3, 5, 7]
    y = nn.Rotary(8, pairs="neighbours")(tensor(x), at).numpy()
    z = nn.Rotary(8)(tensor(x[..., order]), at).numpy()
    assert np.array_equal(y[..., order], z)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"part": 3}, "part must be even, got 3"),
        ({"part": 8}, "between 2 and head_dim=6"),
        ({"part": 0}, "between 2 and head_dim=6"),
        ({"pairs": "thirds"}, "pairs must be one of 'halves', 'neighbours'"),
    ],
)
def test_impossible_rotary_pairs(options, words):
    with pytest.raises(ValueError, match=words):
        nn.Rotary(6, **options)


def test_rotary_scaling():
    """Linear: position m is m / f. Llama 3.1: pairs that turn often stay, slow ones are
    divided by f, those between change smoothly (its closed form, written out)."""
    x, at = RNG.standard_normal((1, 1, 4, 6)), np.array([0, 3, 8, 40])
    slow = nn.Rotary(6, 100.0, ("linear", 4.0))(tensor(x), at).numpy()
    want = nn.Rotary(6, 100.0)(tensor(x), at / 4.0).numpy()
    np.testing.assert_allclose(slow, want, rtol=1e-12)

    f, low, high, length = 8.0, 1.0, 4.0, 50
    theta = 100.0 ** (-np.arange(3) / 3)  # 8.0, 1.7 and 0.4 turns in 50 steps
    s = (length * theta[1] / (2 * np.pi) - low) / (high - low)
    rates = [theta[0], (1 - s) * theta[1] / f + s * theta[1], theta[2] / f]
    rotary = nn.Rotary(6, 100.0, ("llama3", f, low, high, length))
    y = rotary(tensor(x), at).numpy()[0, 0]
    for i, rate in enumerate(rates):
        turned = (x[0, 0, :, i] + 1j * x[0, 0, :, i + 3]) * np.exp(1j * rate * at)
        np.testing.assert_allclose(y[:, i], turned.real, rtol=1e-10)
        np.testing.assert_allclose(y[:, i + 3], turned.imag, rtol=1e-10)


@pytest.mark.parametrize(
    "scaling, words",
    [
        (("yarn", 4.0), r'scaling must be \("linear", factor\)'),
        (("linear",), "scaling must be"),
        (("linear", 0.0), "with positive numbers"),
        (("llama3", 8.0, 4.0, 1.0, 50), "low must be below high"),
    ],
)
def test_impossible_rotary_scaling(scaling, words):
    with pytest.raises(ValueError, match=words):
        nn.Rotary(6, 100.0, scaling)


def test_rotary_attention_moves_with_the_text():
    """Shifting all positions changes nothing, and the default counts from the cache."""
    layer, x = (
        make(causal=True, rotary=nn.Rotary(C // H)),
        RNG.standard_normal((B, T, C)),
    )
    plain = layer(tensor(x)).numpy()
    shifted = layer(tensor(x), positions=np.arange(T) + 40).numpy()
    np.testing.assert_allclose(shifted, plain, rtol=1e-9, atol=1e-12)
    cache = nn.KVCache()
    pieces = [layer(tensor(x[:, i : i + 1]), cache=cache).numpy() for i in range(T)]
    np.testing.assert_allclose(
        np.concatenate(pieces, axis=1), plain, rtol=1e-9, atol=1e-12
    )
    each = np.stack([np.arange(T), np.arange(T) + 7])  # positions of each text, (B, T)
    np.testing.assert_allclose(
        layer(tensor(x), positions=each).numpy(), plain, rtol=1e-9, atol=1e-12
    )
    assert check_gradients(layer, x)


@pytest.mark.parametrize("keys", ["all", "new"])
def test_masks_of_integers_are_boolean_with_a_cache_too(keys):
    """A mask over the new keys only is widened with "may look", not with 0."""
    layer = nn.MultiHeadAttention(4, 2, rng=0)
    x = tensor(np.random.default_rng(0).standard_normal((2, 5, 4)))
    mask = np.array([[1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1]])[:, None, None]
    mask = mask[..., 3:] if keys == "new" else mask

    def run(mask):
        cache = nn.KVCache()
        layer(x[:, :3], cache=cache)
        return layer(x[:, 2:], mask, cache=cache).numpy()

    np.testing.assert_array_equal(run(mask), run(mask.astype(bool)))
    assert np.abs(run(mask) - run(None)).max() > 1e-3
    with pytest.raises(ValueError, match="would hide nothing"):
        run(mask.astype(float))


def test_nothing_in_nothing_out():
    for shape in [(0, 3, 4), (2, 0, 4)]:
        x = tensor(np.zeros(shape), requires_grad=True)
        layer = nn.MultiHeadAttention(
            4, 2, causal=True, rotary=nn.Rotary(2), dtype="f8"
        )
        y = layer(x)
        y.sum().backward()
        assert y.shape == x.grad.shape == shape
    assert nn.Flatten()(np.zeros((0, 3, 4))).shape == (0, 12)
