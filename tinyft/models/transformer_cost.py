"""What a Transformer costs, in closed form: parameters, FLOPs, bytes of its cache.

    g = key heads / heads      m = 2 matrices in the mlp, 3 with a gate      f = hidden
    w = heads · width of a head, which is d unless the config says otherwise
    matrices of a block        N = (2 + 2g) d w + m d f
    its biases and norms       (1 + 2g) w + d + (m − 1) f + d,  and 4 d  (2 d for RMS)
    FLOP of a block            2 T N + 4 T² w                       T tokens, one text
    cache                      2 · layers · g w · T numbers

2 FLOP is one multiply-add; only matrix products count. A causal mask saves nothing, a
kernel that skips hidden blocks saves up to half of 4 T² d. With f = 4 d and no sharing:
12 d² + 13 d parameters, 24 T d² + 4 T² d FLOP. Source: Kaplan et al. 2020, table 1.
"""


def _widths(c):
    """(w, g w): the widths of the queries, and of the keys and the values."""
    return c.heads * c.head_width, (c.kv_heads or c.heads) * c.head_width


def _mlp_matrices(c):
    return 3 if c.activation == "swiglu" else 2


def _norm(c):
    return c.dim if c.norm == "rms" else 2 * c.dim


def block_matrices(config):
    """N = (2 + 2g) d w + m d f, the entries of a block's weight matrices. An int."""
    c, hidden = config, config.hidden or 4 * config.dim
    return 2 * sum(_widths(c)) * c.dim + _mlp_matrices(c) * c.dim * hidden


def block_parameters(config):
    """N, the biases and the norms. An int; 12 d² + 13 d in GPT-2 and BERT."""
    c, hidden = config, config.hidden or 4 * config.dim
    width, shared = _widths(c)
    total = block_matrices(c) + 2 * _norm(c) + 2 * c.head_width * c.qk_norm
    if c.attention_bias:
        total += width + 2 * shared + (c.attention_bias != "qkv") * c.dim
    return total + c.bias * ((_mlp_matrices(c) - 1) * hidden + c.dim)


def parameters(config):
    """All parameters of `models.Transformer(config)`, shared ones once. An int."""
    c, square = config, config.dim**2 + config.dim
    total = c.vocab * c.dim + c.layers * block_parameters(c) + _norm(c)
    total += _positions(c) * c.dim + c.types * c.dim + bool(c.pooler) * square
    if c.head == "mlm":  # BERT's transform with its LayerNorm, and a bias per token
        total += square + 2 * c.dim + c.vocab
    if c.head == "cls":
        return total + c.classes * c.dim + c.classes * (not c.causal)
    return total + c.vocab * c.dim * (c.head != "none" and not c.tied)


def _positions(c):
    """Rows of the table of positions; RoBERTa's has pad + 1 more."""
    rows = {"learned": c.length, "roberta": c.length + (c.pad or 0) + 1}
    return rows.get(c.positions, 0)


def block_flops(config, tokens):
    """2 T N + 4 T² w of one block, forward, on one text of T tokens. An int."""
    return 2 * tokens * block_matrices(config) + 4 * tokens**2 * _widths(config)[0]


def cache_bytes(config, tokens, itemsize=4):
    """Bytes of the keys and values that generation keeps of one text. An int."""
    return 2 * config.layers * _widths(config)[1] * tokens * itemsize
