"""Scaled dot-product attention (Vaswani et al. 2017), without keeping the scores.

    S = scale Q K^T + mask,  P = softmax(S),  O = P V                               (1)
    gV = P^T gO,  gP = gO V^T,  gS = P (gP - D) with D = rowsum(P gP)               (2)
    gQ = scale gS K,  gK = scale gS^T Q                                             (3)

Fuses (1), and (2) with (3), over blocks of scores that stay in the cache (Dao et al.
2022; heads.py cuts them). Only L = log sum e^S is kept, one number per row: backward
makes P = e^(S - L) again, which took no longer than writing P out and reading it back.
The keys are transposed in memory once for all their blocks (BLAS is 1.4x faster on
them), and under a causal mask 3/8 of the work is skipped. With 128 to 256 causal
positions it is 1.5x to 2x faster than its composed form, which keeps three score
matrices. Where the norms of q and k bound the scores, no maximum of the rows is taken
out: NumPy takes as long for a maximum as for an exponential.

D could be rowsum(gO O) too, a shorter sum, but O would then have to be kept, also where
the layer after it is frozen and keeps nothing.

Query heads may share key heads (Ainslie et al. 2023): arrays inside are (B, G, R, T, d)
with G key heads and R query heads for each; k and v have R = 1.
"""

from tinyft import backend
from tinyft.autograd.function import Function
from tinyft.autograd.tensor import Tensor
from tinyft.ops.neural.activation import row_max, tiny
from tinyft.ops.neural.dropout import bernoulli, check_probability
from tinyft.ops.neural.heads import ALL, Masks, blocks, grouped, read_mask
from tinyft.ops.operands import wrapped

# Without a maximum taken out, e^S may be as large as e^60 = 1e26 or as small as 1e-26:
# float32 then has twelve powers of ten left on each side, for sums and for V.
SMALL_SCORE = 60.0


class Attention(Function):
    second_order = False
    fused = ("cuda", "compiled")
    instead = "ops.composed.attention(q, k, v, mask, causal, scale)"
    carried = True

    @staticmethod
    def forward(ctx, q, k, v, mask, causal, scale, dropout_p, rng):
        xp, (G, n_keys) = backend.xp_of(q), k.shape[1:3]
        out = _output(q, v)
        ctx.save(q, k, v, mask)
        Q, K, V, O = (grouped(a, G) for a in (q, k, v, out))
        ctx.causal, ctx.scale = causal, scale
        ctx.small = ctx.function.small(q, k, mask, scale)
        ctx.L = xp.zeros((*Q.shape[:-1], 1), q.dtype)  # log sum e^S
        _draw_dropout(ctx, (*Q.shape[:-1], n_keys), dropout_p, rng, q)
        masks = Masks(mask, causal, Q, n_keys)
        for heads, queries in blocks(Q, n_keys, causal):
            KT, Vh = _transposed(K[heads]), V[heads]
            for rows, n in queries:  # these rows see the first n keys
                here = (*heads, ALL, rows)
                S = (Q[here] * scale) @ KT[..., :n]
                P, total = ctx.function.softmax(ctx, S, masks, here)
                xp.divide(_drop(ctx, P, here) @ Vh[..., :n, :], total, out=O[here])
        return out

    @staticmethod
    def backward(ctx, gy):
        q, k, v, mask = ctx.saved
        G, n_keys = k.shape[1:3]
        Q, K, V, gO = (grouped(a, G) for a in (q, k, v, gy))
        gradients = [_zeros(a, need) for a, need in zip((q, k, v, mask), ctx.needs)]
        gQ, gK, gV = (None if g is None else grouped(g, G) for g in gradients[:3])
        masks = Masks(mask, ctx.causal, Q, n_keys)
        for heads, queries in blocks(Q, n_keys, ctx.causal):
            KT, VT, Kh = _transposed(K[heads]), _transposed(V[heads]), K[heads]
            for rows, n in queries:
                here = (*heads, ALL, rows)
                q, g = Q[here] * ctx.scale, gO[here]
                S = q @ KT[..., :n]
                P = ctx.function.probabilities(ctx, S, masks, here)
                if gV is not None:
                    _add(gV[heads], n, _drop(ctx, P, here), g)
                gP = _drop(ctx, g @ VT[..., :n], here)
                gS = ctx.function.score_gradient(P, gP)
                if gQ is not None:
                    gQ[here] = (gS @ Kh[..., :n, :]) * ctx.scale
                if gK is not None:
                    _add(gK[heads], n, gS, q)
                if ctx.needs[3]:
                    masks.add_gradient(gradients[3], gS, here)
        return tuple(gradients)

    @staticmethod
    def small(q, k, mask, scale):
        """Is e^S known to be a normal number, by |s_ij| <= scale |q_i| |k_j|?"""
        known = mask is None or mask.dtype == backend.bool_
        if not known or type(q) is not backend.HOST.ndarray or q.dtype.kind != "f":
            return False
        bound = _largest_norm(q) * _largest_norm(k) * abs(scale)
        return bool(bound < SMALL_SCORE)  # never if it is NaN

    @staticmethod
    def softmax(ctx, S, masks, here):
        """P of a block, written over its scores, and what its rows must be divided by."""
        xp, top = backend.xp_of(S), 0
        masks.add(S, here)
        if not ctx.small:
            top = row_max(S, -1)
            S -= top
        P = xp.exp(S, out=S)
        total = xp.maximum(P @ xp.ones((S.shape[-1], 1), P.dtype), tiny(P))
        ctx.L[here] = xp.log(total) + top
        return P, total

    @staticmethod
    def probabilities(ctx, S, masks, here):
        """P of a block again, from its scores and log sums."""
        masks.add(S, here)
        S -= ctx.L[here]
        return backend.xp_of(S).exp(S, out=S)

    @staticmethod
    def score_gradient(P, gP):
        """gS = P (gP - D) for a block, written over gP."""
        gP -= backend.xp_of(P).einsum("...i,...i->...", P, gP)[..., None]
        gP *= P
        return gP


def _largest_norm(x):
    """The largest Euclidean norm of the rows x (..., T, d)."""
    if x.size == 0:
        return 0.0
    xp = backend.xp_of(x)
    return float(xp.einsum("...d,...d->...", x, x).max()) ** 0.5


def _transposed(x):
    """The last two axes swapped, in new memory."""
    return backend.xp_of(x).ascontiguousarray(x.swapaxes(-1, -2))


def _add(G, n, P, g):
    """Add P^T g to the gradient of the first n keys, summed over a group of heads."""
    g = P.swapaxes(-1, -2) @ g
    G[..., :n, :] += g if g.shape[2] == 1 else g.sum(axis=2, keepdims=True)


def _draw_dropout(ctx, shape, p, rng, like):
    ctx.keep = bernoulli(rng, shape, 1 - p, like) if p else None
    ctx.keep_scale = 1 / (1 - p) if p < 1 else 0.0


def _drop(ctx, P, here):
    if ctx.keep is None:
        return P
    return P * ctx.keep[here][..., : P.shape[-1]] * ctx.keep_scale


def _zeros(x, need):
    return backend.xp_of(x).zeros_like(x) if need else None


def _output(q, v):
    """Zeros (B, H, T, dv), in the memory order of q: the heads of a (B, T, H, d) model
    then lie beside each other, and folding them into features copies nothing."""
    if q.shape[-1] == v.shape[-1]:
        return _zeros(q, True)
    return backend.xp_of(q).zeros((*q.shape[:-1], v.shape[-1]), q.dtype)


def attention(q, k, v, mask=None, causal=False, scale=None, dropout_p=0.0, rng=None):
    """O = softmax(scale q k^T + mask) v. Returns a Tensor (B, H, T, dv).

    q (B, H, T, d), k (B, Hkv, S, d), v (B, Hkv, S, dv), Hkv a divisor of H: query heads
    h R .. h R + R - 1 share key head h, R = H/Hkv. Three axes (H, T, d) work too.
    scale: 1/sqrt(d) by default. mask: boolean (True = may look; integers 0 and 1 are
    read so) or additive floats, broadcast to (B, H, T, S); an additive one may have a
    gradient, and one of only 0 and 1 is refused. causal: query i looks at keys
    up to S - T + i, so the last query sees every key. That is PyTorch's `is_causal`
    when S = T, and what cached generation needs when S > T (PyTorch aligns the first
    query with the first key there).
    A row that may look nowhere gives zeros. dropout_p: entries of P dropped, drawn
    from `rng`. First derivatives only. Raises ValueError when shapes do not fit.
    """
    (q, k, v), mask = wrapped(q, k, v), read_mask("attention", mask)
    if q.ndim == 3 and k.ndim == v.ndim == 3:
        q, k, v = (a.reshape(1, *a.shape) for a in (q, k, v))
        y = attention(q, k, v, mask, causal, scale, dropout_p, rng)
        return y.reshape(y.shape[1:])
    _check_shapes(q, k, v, mask)
    check_probability("attention", dropout_p, rng)
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    options = {"causal": causal, "scale": scale, "dropout_p": dropout_p, "rng": rng}
    return Attention.apply(q, k, v, mask, **options)


def attention_weights(q, k, mask=None, causal=False, scale=None):
    """P = softmax(scale q k^T + mask), for plots. Returns a Tensor (B, H, T, S).

    Shapes and alignment as in `attention`, which never makes this array.
    """
    xp, S = backend.xp_of(k._data if isinstance(k, Tensor) else k), k.shape[-2]
    eye = xp.broadcast_to(xp.eye(S, dtype=k.dtype), (*k.shape[:-1], S))
    return attention(q, k, eye, mask, causal, scale)  # P I = P


def _check_shapes(q, k, v, mask):
    shapes = f"q {q.shape}, k {k.shape}, v {v.shape}"
    if not q.ndim == k.ndim == v.ndim == 4:
        raise ValueError(
            f"attention: got {shapes}; expected (B, H, T, d) for q and (B, Hkv, S, d) "
            "for k and v, or all three without B"
        )
    if (
        q.shape[0] != k.shape[0]
        or q.shape[-1] != k.shape[-1]
        or k.shape[:3] != v.shape[:3]
        or (k.shape[1] == 0 or q.shape[1] % k.shape[1])
    ):
        raise ValueError(
            f"attention: {shapes} do not fit; expected q (B, H, T, d), "
            "k (B, Hkv, S, d) and v (B, Hkv, S, dv) with H divisible by Hkv"
        )
    full = (*q.shape[:3], k.shape[2])
    if mask is not None:
        padded = (1,) * (4 - mask.ndim) + mask.shape
        if len(padded) > 4 or any(m not in (1, n) for m, n in zip(padded, full)):
            raise ValueError(
                f"attention: the mask has shape {mask.shape}, which does not broadcast "
                f"to (B, H, T, S) = {full}"
            )
