"""Multi-head attention: softmax(Q Kᵀ / sqrt(d)) V for each head (Vaswani et al. 2017).

Grouped queries: `kv_heads` keys and values serve `heads` queries (Ainslie et al. 2023).
Keys and values pass through the submodule `kv`, which generation needs for its cache; a
prefix (Li, Liang 2021) is a delta on that site: a trained cache that starts non-empty.
"""

import math

from tinyft import ops
from tinyft.nn.linear import Linear
from tinyft.nn.module import Module
from tinyft.nn.shape import positive


class KVCache:
    """Keys and values of the tokens so far, one for each attention layer."""

    def __init__(self):
        self.k = self.v = None

    def extend(self, k, v):
        """Append (B, Hkv, T, d) on the axis of time; return all of them."""
        if self.k is not None:
            k = ops.concatenate([self.k, k], axis=2)
            v = ops.concatenate([self.v, v], axis=2)
        self.k, self.v = k, v
        return k, v

    def __len__(self):
        return 0 if self.k is None else self.k.shape[2]


class KV(Module):
    """Keys and values as attention sees them: the cache's, then the new ones."""

    def forward(self, k, v, cache=None):
        return (k, v) if cache is None else cache.extend(k, v)


class MultiHeadAttention(Module):
    """y = concat_h(softmax(q_h k_hᵀ / sqrt(d)) v_h) Woᵀ + b. x (B, T, C), y (B, T, C).

    mask: boolean (True = may look) or additive, broadcastable to (B, heads, T, S); it may
    cover the new keys only, those of a cache or a prefix may then always be looked at.
    causal: query i sees keys 0..i, counted from the end when there are more keys.
    context (B, S, C): keys and values come from it (cross-attention).
    `record = True` keeps the weights of the last call in `recorded`, for plots.
    """

    def __init__(
        self,
        dim,
        heads,
        kv_heads=None,
        bias=True,
        causal=False,
        rotary=None,
        dropout=0.0,
        rng=None,
        dtype=None,
    ):
        positive("MultiHeadAttention", dim=dim, heads=heads, kv_heads=kv_heads or heads)
        kv_heads = kv_heads or heads
        if dim % heads or heads % kv_heads:
            raise ValueError(
                f"MultiHeadAttention: heads={heads} must divide dim={dim}, and "
                f"kv_heads={kv_heads} must divide heads"
            )
        self.heads, self.kv_heads, self.head_dim = heads, kv_heads, dim // heads
        self.causal, self.dropout, self.rng = causal, dropout, rng
        self.record, self.recorded = False, None
        width = kv_heads * self.head_dim
        self.q = Linear(dim, dim, bias, rng, dtype)
        self.k = Linear(dim, width, bias, rng, dtype)
        self.v = Linear(dim, width, bias, rng, dtype)
        self.o = Linear(dim, dim, bias, rng, dtype)
        self.kv, self.rotary = KV(), rotary

    def forward(self, x, mask=None, context=None, positions=None, cache=None):
        source = x if context is None else context
        q = self._split(self.q(x), self.heads)  # (B, H, T, d)
        k = self._split(self.k(source), self.kv_heads)  # (B, Hkv, S, d)
        v = self._split(self.v(source), self.kv_heads)
        if self.rotary is not None:
            q, k = self.rotary(q, positions), self.rotary(k, positions)
        k, v = self.kv(k, v, cache)
        mask = _widen(mask, k.shape[2])
        if self.record:
            weights = ops.attention_weights(q, k, mask, self.causal)
            self.recorded = weights.numpy()
        p = self.dropout if self.training else 0.0
        y = ops.attention(q, k, v, mask, self.causal, dropout_p=p, rng=self.rng)
        B, T = x.shape[:2]
        return self.o(ops.reshape(ops.transpose(y, (0, 2, 1, 3)), (B, T, -1)))

    def _split(self, x, heads):
        B, T, _ = x.shape
        return ops.transpose(ops.reshape(x, (B, T, heads, self.head_dim)), (0, 2, 1, 3))

    def extra_repr(self):
        return f"heads={self.heads}, kv_heads={self.kv_heads}, causal={self.causal}"


def _widen(mask, keys):
    """Let a mask over the new keys also admit the ones before them."""
    missing = 0 if mask is None else keys - mask.shape[-1]
    if missing <= 0 or mask.shape[-1] == 1:
        return mask
    widths = [(0, 0)] * (mask.ndim - 1) + [(missing, 0)]
    return ops.pad(mask, widths, True if mask.dtype.kind == "b" else 0.0)


class Rotary(Module):
    """Rotate each pair (x_i, x_{i+d/2}) by the angle position · base^(-2i/d).

    x (B, H, T, d), d even; positions (T,) or (B, T) integers. The product of a rotated
    query and key depends on the distance of their positions only. Source: Su et al. 2021,
    in the half-split layout of Llama.
    """

    def __init__(self, head_dim, base=10000.0):
        if head_dim % 2:
            raise ValueError(f"Rotary: head_dim must be even, got {head_dim}")
        self.head_dim, self.base = head_dim, base

    def forward(self, x, positions):
        cos, sin = self._tables(positions, x.dtype)
        half = self.head_dim // 2
        first, second = x[..., :half], x[..., half:]
        turned = [first * cos - second * sin, second * cos + first * sin]
        return ops.concatenate(turned, axis=-1)

    def _tables(self, positions, dtype):
        half = self.head_dim // 2
        rates = ops.exp(ops.arange(half, dtype="float64") * (-math.log(self.base) / half))
        angles = ops.expand_dims(positions.astype("float64"), -1) * rates  # (..., T, d/2)
        if angles.ndim == 3:
            angles = ops.expand_dims(angles, 1)  # (B, 1, T, d/2)
        return ops.cos(angles).astype(dtype), ops.sin(angles).astype(dtype)

    def extra_repr(self):
        return f"{self.head_dim}, base={self.base:g}"
