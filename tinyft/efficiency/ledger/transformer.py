"""`models.Transformer` on a ledger: the same operations, on sizes.

tinyft/models/transformer.py and tinyft/nn/layers/attention.py are what it follows.
"""

from tinyft.efficiency.ledger.count import Value


def transformer(pass_, c, batch, length, recompute=False):
    """Take a training step of TransformerConfig `c` on (batch, length) ids, on paper."""
    x = embed(pass_, c, batch, length)
    for i in range(c.layers):
        path = f"blocks.{i}"
        body = _block(pass_, c, path, batch)
        if recompute:
            x = pass_.recomputed(x, lambda x, b=body, p=path: pass_.whole(p, x, b))
        else:
            x = pass_.whole(path, x, body)
    if c.pre_norm:
        x = pass_.norm("norm", x, c.norm)
    y = head(pass_, c, x, batch, length)
    if c.head != "none":  # without a head the loss is the caller's
        pass_.cross_entropy(y)


def embed(pass_, c, batch, length):
    """Ids to (batch · (length + a prompt), dim)."""
    x = pass_.embedding("embed", batch * length, c.vocab, c.dim)
    if c.positions in ("learned", "roberta"):
        entries = c.length + ((c.pad or 0) + 1) * (c.positions == "roberta")
        rows = x.rows // batch
        x = pass_.add(x, pass_.embedding("position", rows, entries, c.dim))
    if c.types:
        x = pass_.add(x, pass_.embedding("type", x.rows, c.types, c.dim))
    return x if c.pre_norm else pass_.norm("norm", x, c.norm)


def _block(pass_, c, path, batch):
    def attn(x):
        return pass_.whole(
            f"{path}.attn", x, lambda x: attention(pass_, c, path, x, batch)
        )

    def mlp(x):
        return pass_.whole(
            f"{path}.mlp", x, lambda x: gated(pass_, c, f"{path}.mlp", x)
        )

    def norm(i, x):
        return pass_.norm(f"{path}.norm{i}", x, c.norm)

    def pre(x):
        x = pass_.add(x, attn(norm(1, x)))
        return pass_.add(x, mlp(norm(2, x)))

    def post(x):
        x = norm(1, pass_.add(x, attn(x)))
        return norm(2, pass_.add(x, mlp(x)))

    return pre if c.pre_norm else post


def attention(pass_, c, path, x, batch):
    """q, k, v, their turns, the cache's place, the products, and o."""
    path, heads = f"{path}.attn", c.heads
    groups, d = c.kv_heads or heads, c.head_width
    biased = bool(c.attention_bias)
    q = pass_.linear(f"{path}.q", x, heads * d, biased)
    k = pass_.linear(f"{path}.k", x, groups * d, biased)
    v = pass_.linear(f"{path}.v", x, groups * d, biased)
    if c.qk_norm:
        q = _head_norm(pass_, f"{path}.q_norm", q, d)
        k = _head_norm(pass_, f"{path}.k_norm", k, d)
    if c.positions == "rotary":
        part = c.rotary_part or d
        q, k = (_turned(pass_, a, a.rows // batch, part) for a in (q, k))
    k, v = pass_.keys_values(f"{path}.kv", k, v)
    y = pass_.attention(q, k, v, batch, heads)
    return pass_.linear(f"{path}.o", y, c.dim, biased and c.attention_bias != "qkv")


def _head_norm(pass_, path, x, d):
    """An RMSNorm of each head."""
    each = Value(x.rows * x.width // d, d, x.wants)
    y = pass_.norm(path, each, "rms")
    return pass_.make(x.rows, x.width, y)


def _turned(pass_, x, tokens, d):
    """Rotary positions: a table of cosines and one of sines."""
    if x.wants:
        pass_.keep(Value(tokens, d // 2), Value(tokens, d // 2))
    return pass_.make(x.rows, x.width, x)


def gated(pass_, c, path, x):
    """W₂ f(W₁ x), or SwiGLU."""
    hidden = c.hidden or 4 * c.dim
    if c.activation == "swiglu":
        gate = pass_.activation("silu", pass_.linear(f"{path}.gate", x, hidden, c.bias))
        up = pass_.times(gate, pass_.linear(f"{path}.up", x, hidden, c.bias))
    else:
        up = pass_.linear(f"{path}.up", x, hidden, c.bias)
        up = pass_.activation(c.activation, up)
    return pass_.linear(f"{path}.down", up, c.dim, c.bias)


def head(pass_, c, x, batch, length):
    """States to logits, or to what there is without a head."""
    pooled = _pooled(pass_, c, x, batch) if c.pooler else None
    if c.head == "none":
        return x
    if c.head == "cls":
        first = pass_.make(batch, c.dim, x) if pooled is None else pooled
        return pass_.linear("head", first, c.classes, not c.causal)
    tied = "embed.weight" if c.tied else None
    if c.head == "lm":
        y = pass_.linear("head", x, c.vocab, False, tied)
    else:
        name = "gelu" if c.activation == "swiglu" else c.activation
        y = pass_.activation(name, pass_.linear("head.transform", x, c.dim))
        y = pass_.linear(
            "head.decoder", pass_.norm("head.norm", y), c.vocab, True, tied
        )
    return pass_.make(batch * length, c.vocab, y)  # a prompt's part is cut off


def _pooled(pass_, c, x, batch):
    """The pooler; a model without a head does not call it, but has it."""
    first = pass_.make(batch, c.dim, x)
    if c.head != "cls":
        first = Value(0, c.dim)
    return pass_.activation("tanh", pass_.linear("pooler", first, c.dim))
