"""Multi-head attention: softmax(Q Kᵀ / sqrt(d)) V for each head (Vaswani et al. 2017).

Grouped queries: `kv_heads` keys and values serve `heads` queries (Ainslie et al. 2023).
Keys and values pass through the submodule `kv`, which generation needs for its cache; a
prefix (Li, Liang 2021) is a delta on that site: a trained cache that starts non-empty.
"""

from tinyft import ops
from tinyft.nn import init
from tinyft.nn.layers.linear import Linear
from tinyft.nn.layers.norm import RMSNorm
from tinyft.nn.module import Module
from tinyft.nn.shape import positive, steps
from tinyft.ops.neural.heads import read_mask


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

    bias="qkv": the last matrix has none (Qwen2). head_dim: the width d of a head, C /
    heads unless given. qk_norm: each head's queries and keys pass an RMSNorm of that ε
    before they are rotated (Qwen3).
    mask: boolean (True = may look) or additive, broadcastable to (B, heads, T, S); it
    may cover the last keys only, those before them (of a cache, of a prefix) may then
    always be looked at. causal: query i sees keys 0..i, counted from the end when there
    are more keys.
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
        head_dim=None,
        qk_norm=None,
    ):
        kv_heads = heads if kv_heads is None else kv_heads
        _check_sizes(dim, heads, kv_heads, head_dim)
        self.dim, self.heads, self.kv_heads = dim, heads, kv_heads
        self.head_dim = head_dim or dim // heads
        rng = init.seeded(rng)
        self.causal, self.dropout, self.rng = causal, dropout, rng
        self.record, self.recorded = False, None
        width, shared = heads * self.head_dim, kv_heads * self.head_dim
        self.q = Linear(dim, width, bool(bias), rng, dtype)
        self.k = Linear(dim, shared, bool(bias), rng, dtype)
        self.v = Linear(dim, shared, bool(bias), rng, dtype)
        self.o = Linear(width, dim, bias and bias != "qkv", rng, dtype)
        self.q_norm = self.k_norm = None
        if qk_norm is not None:
            self.q_norm = RMSNorm(self.head_dim, qk_norm, dtype)
            self.k_norm = RMSNorm(self.head_dim, qk_norm, dtype)
        self.kv, self.rotary = KV(), rotary

    def forward(self, x, mask=None, context=None, positions=None, cache=None):
        source = x if context is None else context
        self._check(x, source)
        q = self._split(self.q(x), self.heads)  # (B, H, T, d)
        k = self._split(self.k(source), self.kv_heads)  # (B, Hkv, S, d)
        v = self._split(self.v(source), self.kv_heads)
        if self.q_norm is not None:
            q, k = self.q_norm(q), self.k_norm(k)
        if self.rotary is not None:
            q, k = self._rotate(q, k, positions, cache)
        new = k.shape[2]
        k, v = self.kv(k, v, cache)
        mask = widen(read_mask("MultiHeadAttention", mask), new, k.shape[2])
        if self.record:
            weights = ops.attention_weights(q, k, mask, self.causal)
            self.recorded = weights.numpy()
        p = self.dropout if self.training else 0.0
        rng = init.generator(self.rng) if p else None
        y = ops.attention(q, k, v, mask, self.causal, dropout_p=p, rng=rng)
        B, H, T, d = y.shape
        return self.o(ops.reshape(ops.transpose(y, (0, 2, 1, 3)), (B, T, H * d)))

    def _split(self, x, heads):
        B, T, _ = x.shape
        return ops.transpose(ops.reshape(x, (B, T, heads, self.head_dim)), (0, 2, 1, 3))

    def _rotate(self, q, k, positions, cache):
        """Turn queries and keys; the default positions follow those in the cache."""
        past = 0 if cache is None else len(cache)
        at_q = at_k = positions
        if positions is None:
            at_q = steps(past, past + q.shape[2], q)
            at_k = steps(past, past + k.shape[2], k)
        return self.rotary(q, at_q), self.rotary(k, at_k)

    def _check(self, x, source):
        dim = self.dim
        for name, a in (("x", x), ("context", source)):
            if a.ndim != 3 or a.shape[2] != dim or a.shape[0] != x.shape[0]:
                raise ValueError(
                    f"MultiHeadAttention: {name} has shape {a.shape}; expected (B, T, "
                    f"{dim}) with the B of x, {x.shape[0]}"
                )

    def extra_repr(self):
        grouped = f", kv_heads={self.kv_heads}" if self.kv_heads != self.heads else ""
        return f"heads={self.heads}{grouped}" + (", causal" if self.causal else "")


def _check_sizes(dim, heads, kv_heads, head_dim):
    """Raise ValueError for sizes that are not positive or do not divide."""
    name = "MultiHeadAttention"
    positive(name, dim=dim, heads=heads, kv_heads=kv_heads)
    if head_dim is not None:
        positive(name, head_dim=head_dim)
    if (head_dim is None and dim % heads) or heads % kv_heads:
        raise ValueError(
            f"{name}: heads={heads} must divide dim={dim} (unless head_dim is given), "
            f"and kv_heads={kv_heads} must divide heads"
        )


def widen(mask, new, keys):
    """Let a mask over the last keys, `new` or more, also admit the ones before them."""
    if mask is None or not new <= mask.shape[-1] < keys:
        return mask
    widths = [(0, 0)] * (mask.ndim - 1) + [(keys - mask.shape[-1], 0)]
    return ops.pad(mask, widths, True if mask.dtype.kind == "b" else 0.0)
