"""Attention: its composed form, for every mask, alignment, head count and block."""

import sys
from pathlib import Path

import numpy as np
import pytest

from tinyft import grad, gradcheck, ops, tensor
from tinyft.ops.neural import heads
from tinyft.ops.neural.attention import Attention

sys.path.insert(0, str(Path(__file__).parent))
import twins


def draw(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def qkv(B=2, H=4, Hkv=4, T=5, S=5, d=3, dv=3):
    return draw(B, H, T, d), draw(B, Hkv, S, d, seed=1), draw(B, Hkv, S, dv, seed=2)


def mask_of(kind, B, H, T, S):
    rng = np.random.default_rng(7)
    if kind == "boolean":
        return rng.random((B, H, T, S)) < 0.6  # some rows see nothing
    if kind == "padding":
        return np.arange(S) < np.array([S - 2, S] * B)[:B, None, None, None]
    if kind == "matrix":
        return rng.random((T, S)) < 0.7
    if kind == "additive":
        return rng.standard_normal((1, H, T, S))
    return None


SIZES = [
    {},
    {"Hkv": 2},
    {"Hkv": 1, "dv": 2},
    {"T": 1, "S": 6},
    {"T": 3, "S": 7},
    {"T": 7, "S": 3},
    {"B": 1, "H": 1, "Hkv": 1, "T": 1, "S": 1},
    {"T": 70, "S": 70, "H": 2, "Hkv": 1},  # causal rows in four cuts
    {"T": 65, "S": 80, "H": 2, "Hkv": 2},
]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("kind", [None, "boolean", "padding", "matrix", "additive"])
@pytest.mark.parametrize("entries", [heads.ENTRIES, 300])
def test_equals_its_composed_form(sizes, causal, kind, entries, monkeypatch):
    monkeypatch.setattr(heads, "ENTRIES", entries)  # 300: many small blocks
    q, k, v = qkv(**sizes)
    mask = mask_of(kind, *q.shape[:3], k.shape[2])
    twins.compare(
        ops.attention, ops.composed.attention, q, k, v, mask=mask, causal=causal
    )


@pytest.mark.parametrize("shape", [(4, 5, 5), (1, 1, 1, 5), (2, 1, 5, 1), (5, 5), (1,)])
@pytest.mark.parametrize("Hkv", [4, 2])
def test_an_additive_mask_has_a_gradient(shape, Hkv):
    twins.compare(
        ops.attention, ops.composed.attention, *qkv(Hkv=Hkv), draw(*shape), causal=True
    )


def test_gradcheck():
    xs = [tensor(a, requires_grad=True) for a in qkv(B=1, H=2, Hkv=1, T=3, S=4)]
    gradcheck(lambda *a: ops.attention(*a, causal=True), *xs, full=True)


@pytest.mark.parametrize("needs", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1)])
def test_each_gradient_alone_is_the_same(needs):
    arrays = qkv()
    xs = [tensor(a, requires_grad=True) for a in arrays]
    everything = grad([(ops.attention(*xs) ** 2).sum()], xs)
    xs = [tensor(a, requires_grad=bool(n)) for a, n in zip(arrays, needs)]
    y = (ops.attention(*xs) ** 2).sum()
    for x, n, g in zip(xs, needs, everything):
        if n:
            np.testing.assert_array_equal(
                grad([y], x, retain_graph=True).numpy(), g.numpy()
            )


def test_without_batch_axis():
    q, k, v = (tensor(a[0]) for a in qkv())
    y = ops.attention(q, k, v, causal=True)
    np.testing.assert_array_equal(
        y.numpy(), ops.attention(*(tensor(a) for a in qkv()), causal=True).numpy()[0]
    )


def test_causal_looks_at_the_past_only():
    """With keys as they come, the first row sees one key; the last query sees all."""
    q, k, v = (tensor(a) for a in qkv(T=4, S=4))
    y = ops.attention(q, k, v, causal=True)
    np.testing.assert_allclose(y.numpy()[:, :, 0], v.numpy()[:, :, 0], rtol=1e-14)
    last = ops.attention(q[:, :, -1:], k, v)
    np.testing.assert_allclose(y.numpy()[:, :, -1:], last.numpy(), rtol=1e-13)


def test_cached_generation_sees_what_the_whole_pass_sees():
    """Two queries against six keys are the last two rows of six against six."""
    q, k, v = (tensor(a) for a in qkv(T=6, S=6))
    whole = ops.attention(q, k, v, causal=True).numpy()[:, :, 4:]
    np.testing.assert_allclose(
        ops.attention(q[:, :, 4:], k, v, causal=True).numpy(), whole, rtol=1e-13
    )


@pytest.mark.parametrize("causal", [False, True])
def test_rows_that_see_nothing_give_zeros(causal):
    mask = np.ones((5, 5), bool)
    mask[2] = False
    xs = [tensor(a, requires_grad=True) for a in qkv()]
    y = ops.attention(*xs, mask=mask, causal=causal)
    assert (y.numpy()[:, :, 2] == 0).all()
    for g in grad([y.sum()], xs):
        assert np.isfinite(g.numpy()).all()
    assert (
        grad([ops.attention(*xs, mask=mask).sum()], xs[0]).numpy()[:, :, 2] == 0
    ).all()


def test_no_keys_and_no_queries():
    q, k, v = (tensor(a) for a in qkv(T=2, S=0))
    assert ops.attention(q, k, v).tolist() == np.zeros((2, 4, 2, 3)).tolist()
    q, k, v = (tensor(a) for a in qkv(T=0, S=2))
    assert ops.attention(q, k, v, causal=True).shape == (2, 4, 0, 3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_scores_stay_finite(dtype):
    """Scores of +-1e4: P is 0 or 1, and no exponential overflows."""
    q = tensor(np.array([[[[1e4], [-1e4]]]], dtype), requires_grad=True)
    k = tensor(np.array([[[[1.0], [-1.0]]]], dtype), requires_grad=True)
    v = tensor(np.array([[[[3.0], [5.0]]]], dtype), requires_grad=True)
    y = ops.attention(q, k, v)
    assert y.tolist() == [[[[3], [5]]]] and y.dtype == dtype
    gs = grad([y.sum()], [q, k, v])
    assert [g.dtype for g in gs] == [np.dtype(dtype)] * 3
    assert [g.tolist()[0][0] for g in gs] == [[[0], [0]], [[0], [0]], [[1], [1]]]


def test_float32_is_close_to_float64():
    arrays = qkv(T=70, S=70)
    exact = ops.attention(*(tensor(a) for a in arrays), causal=True).numpy()
    y = ops.attention(*(tensor(a.astype("f4")) for a in arrays), causal=True)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y.numpy(), exact, atol=5e-6)  # 40 roundings of 1.2e-7


def test_views_of_a_packed_projection():
    """(B, T, 3, H, d) memory read in place; the output folds to features as a view."""
    packed = tensor(draw(2, 5, 3, 4, 3), requires_grad=True)
    q, k, v = (packed[:, :, i].transpose(0, 2, 1, 3) for i in range(3))
    y = ops.attention(q, k, v, causal=True)
    want = ops.composed.attention(q, k, v, causal=True)
    np.testing.assert_allclose(y.numpy(), want.numpy(), rtol=1e-12)
    folded = y.numpy().transpose(0, 2, 1, 3)
    assert np.shares_memory(folded.reshape(2, 5, 12), folded)
    g1, g2 = (
        grad([(a * a).sum()], packed, retain_graph=True).numpy() for a in (y, want)
    )
    np.testing.assert_allclose(g1, g2, atol=1e-13)


def test_keeps_one_number_a_row_beside_inputs_and_output():
    xs = [tensor(a, requires_grad=True) for a in qkv(T=70, S=70)]
    node = ops.attention(*xs)._node
    assert node.L.shape == (2, 4, 1, 70, 1) and node.keep is None


@pytest.mark.parametrize("sizes", SIZES[:6], ids=str)
def test_weights(sizes):
    q, k, _ = (tensor(a) for a in qkv(**sizes))
    for causal in (False, True):
        P = ops.attention_weights(q, k, causal=causal).numpy()
        want = ops.composed.attention_weights(q, k, causal=causal).numpy()
        np.testing.assert_allclose(P, want, atol=1e-14)
        rows = np.arange(q.shape[2]) + k.shape[2] - q.shape[2] >= 0
        np.testing.assert_allclose(P.sum(-1)[:, :, rows | (not causal)], 1, rtol=1e-13)


def test_scale():
    q, k, v = (tensor(a) for a in qkv())
    for scale in (0.0, 2.0):
        want = ops.composed.attention(q, k, v, scale=scale).numpy()
        np.testing.assert_allclose(
            ops.attention(q, k, v, scale=scale).numpy(), want, rtol=1e-12
        )


@pytest.mark.parametrize("p", [0.3, 1.0])
def test_dropout_equals_the_composed_form_with_the_same_mask(p):
    """The mask is one draw of shape (B, Hkv, R, T, S) = (B, H, T, S), in C order."""
    keep = np.random.default_rng(3).random((2, 4, 70, 70), dtype="float32") < 1 - p
    factor = keep / (1 - p) if p < 1 else keep * 0.0

    def fused(q, k, v):
        rng = np.random.default_rng(3)
        return ops.attention(q, k, v, causal=True, dropout_p=p, rng=rng)

    def twin(q, k, v):
        return (
            ops.composed.attention_weights(q, k, causal=True) * factor
        ) @ ops.repeat(v, 2, 1)

    twins.compare(fused, twin, *qkv(Hkv=2, T=70, S=70))


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ([(2, 3), (2, 3), (2, 3)], r"expected \(B, H, T, d\)"),
        ([(1, 4, 5, 3), (1, 3, 5, 3), (1, 3, 5, 3)], "H divisible by Hkv"),
        ([(1, 4, 5, 3), (1, 4, 5, 2), (1, 4, 5, 3)], "do not fit"),
        ([(2, 4, 5, 3), (1, 4, 5, 3), (1, 4, 5, 3)], "do not fit"),
        ([(1, 4, 5, 3), (1, 4, 6, 3), (1, 4, 5, 3)], "do not fit"),
        ([(1, 4, 5, 3), (1, 0, 5, 3), (1, 0, 5, 3)], "do not fit"),
        ([*[(1, 4, 5, 3)] * 3, (4, 5)], r"mask has shape \(4, 5\).*\(1, 4, 5, 5\)"),
        ([*[(1, 4, 5, 3)] * 3, (1, 1, 1, 1, 5)], "mask has shape"),
    ],
)
def test_shapes_that_do_not_fit(shapes, words):
    with pytest.raises(ValueError, match=words):
        ops.attention(*(tensor(np.zeros(s)) for s in shapes))


def test_dropout_needs_a_generator():
    q, k, v = (tensor(a) for a in qkv())
    with pytest.raises(ValueError, match="needs a generator"):
        ops.attention(q, k, v, dropout_p=0.1)


def test_second_order_is_refused():
    q, k, v = (tensor(a, requires_grad=True) for a in qkv())
    with pytest.raises(RuntimeError, match="Attention has no second derivative"):
        grad([ops.attention(q, k, v).sum()], q, create_graph=True)


# --- masks of zeros and ones --------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["int64", "uint8", "int8"])
@pytest.mark.parametrize("shape", [(2, 1, 1, 5), (5, 5), (2, 4, 5, 5)])
def test_integer_masks_are_boolean(dtype, shape):
    mask = np.random.default_rng(0).random(shape) < 0.7
    q, k, v = (tensor(a) for a in qkv())
    for fn in (
        lambda m: ops.attention(q, k, v, m),
        lambda m: ops.attention_weights(q, k, m),
    ):
        want = fn(mask).numpy()
        np.testing.assert_array_equal(fn(mask.astype(dtype)).numpy(), want)
        np.testing.assert_array_equal(fn(tensor(mask.astype(dtype))).numpy(), want)


@pytest.mark.parametrize(
    "mask",
    [np.tril(np.ones((5, 5))), np.ones((5, 5), "float32"), [[1.0, 1.0, 1.0, 0.0, 0.0]]],
    ids=["tril", "ones", "list"],
)
def test_a_float_mask_of_zeros_and_ones_is_refused(mask):
    q, k, v = (tensor(a) for a in qkv())
    for call in (
        lambda: ops.attention(q, k, v, mask),
        lambda: ops.attention_weights(q, k, mask),
        lambda: ops.attention(q[0], k[0], v[0], mask),
    ):
        with pytest.raises(ValueError, match=r'would hide nothing.*astype\("bool"\)'):
            call()


def test_additive_masks_stay_additive():
    """Zeros, -inf, biases, and learned ones whatever they hold."""
    q, k, v = (tensor(a) for a in qkv())
    hidden = np.where(np.tril(np.ones((5, 5))) > 0, 0.0, -np.inf)
    same = ops.attention(q, k, v, causal=True).numpy()
    np.testing.assert_allclose(ops.attention(q, k, v, hidden).numpy(), same, rtol=1e-12)
    free = ops.attention(q, k, v).numpy()
    zeros = ops.attention(q, k, v, np.zeros((5, 5))).numpy()
    np.testing.assert_allclose(zeros, free, rtol=1e-12, atol=1e-14)
    learned = tensor(np.eye(5), requires_grad=True)
    y = ops.attention(q, k, v, learned)
    np.testing.assert_allclose(
        y.numpy(), ops.composed.attention(q, k, v, learned).numpy(), rtol=1e-12
    )


def test_masks_of_other_kinds_are_refused():
    q, k, v = (tensor(a) for a in qkv())
    with pytest.raises(ValueError, match="from -10000 to 0; to add it to the scores"):
        ops.attention(q, k, v, (1 - np.tril(np.ones((5, 5), int))) * -10000)
    with pytest.raises(TypeError, match="booleans or floats, got complex128"):
        ops.attention(q, k, v, np.ones((5, 5), complex))


# --- with and without the maximum of a row -------------------------------------------


def scaled_to(bound, dtype, d=4, T=6, S=9):
    """q and k whose largest scores are `bound` and -bound: some rows are parallel."""
    q, k, v = (draw(2, 3, n, d, seed=s) for n, s in ((T, 0), (S, 1), (S, 2)))
    q /= np.linalg.norm(q, axis=-1).max()
    k /= np.linalg.norm(k, axis=-1).max()
    q[0, 0, 0], k[0, 0, 0], k[0, 0, 1] = [1, 0, 0, 0], [1, 0, 0, 0], [-1, 0, 0, 0]
    q[0, 0, 1] = [-1, 0, 0, 0]
    k[0, 0, 2:] = [1, 0, 0, 0]  # row 1 sees -bound alone, but for key 1
    q *= bound * d**0.5
    return [a.astype(dtype) for a in (q, k, v)]


@pytest.mark.parametrize("dtype, rtol", [("float64", 1e-12), ("float32", 2e-5)])
@pytest.mark.parametrize("bound", [59.99, 60.01, 80.0, 200.0])
@pytest.mark.parametrize("kind", [None, "boolean", "additive"])
def test_scores_at_the_edge_of_what_needs_no_maximum(bound, dtype, rtol, kind):
    """float32: scores of 60 are rounded to 4e-6 and so are their exponentials, twice."""
    q, k, v = scaled_to(bound, dtype)
    mask = mask_of(kind, 2, 3, 6, 9)
    if kind == "boolean":
        mask[0, 0, 1, 1] = False  # a row whose scores are all -bound
        mask[1, 2] = False  # rows that see nothing
    if kind == "additive":
        mask[0, 1] = -np.inf
    small = Attention.small(q, k, mask, 0.5)
    assert small == (bound < 60 and kind != "additive")
    wide = [a.astype("f8") for a in (q, k, v)]
    for got, want in zip(
        values(ops.attention, (q, k, v), mask),
        values(ops.composed.attention, wide, mask),
    ):
        scale = max(1, np.abs(want).max())
        np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol * scale)
        assert np.isfinite(got).all()


def values(fn, arrays, mask):
    xs = [tensor(a, requires_grad=True) for a in arrays]
    y = fn(*xs, mask=mask)
    u = np.cos(np.arange(y.size)).reshape(y.shape).astype(y.dtype)
    return [a.numpy() for a in (y, *grad([y], xs, [tensor(u)]))]


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
@pytest.mark.parametrize("which", [0, 1])
def test_values_out_of_range_take_the_maximum(value, which):
    """Row 2 of the first head is NaN, or saturated; the others are as without it."""
    arrays = [a.astype("f4") for a in qkv()]
    clean = ops.attention(*arrays).numpy()
    arrays[which][0, 0, 2] = value
    with np.errstate(invalid="ignore", over="ignore"):
        assert not Attention.small(*arrays[:2], None, 0.5)
        got = ops.attention(*arrays).numpy()
    np.testing.assert_allclose(got[1], clean[1], rtol=1e-5)
    if value != 1e30:
        assert np.isnan(got[0, 0, 2]).all()
    if which == 0:
        np.testing.assert_allclose(got[0, 0, :2], clean[0, 0, :2], rtol=1e-5)


def test_tiny_values_keep_their_precision_without_a_maximum():
    """All scores -59: e^-59 V is 1e-26 V, and V of 1e-10 is still a normal number."""
    d = np.array([59.0 * 4**0.5, 0, 0, 0])
    q, k = (np.broadcast_to(a, (1, 1, 3, 4)).astype("f4") for a in (-d, [1.0, 0, 0, 0]))
    v = (draw(1, 1, 3, 4) * 1e-10).astype("f4")
    assert Attention.small(q, k, None, 0.5)
    got = ops.attention(q, k, v).numpy()
    want = np.broadcast_to(v.mean(axis=2, keepdims=True, dtype="f8"), v.shape)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-16)
