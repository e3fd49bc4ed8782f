"""What a Transformer costs, in closed form: parameters, FLOPs, bytes of its cache.

    g = key heads / heads      m = 2 matrices in the mlp, 3 with a gate      f = hidden
    matrices of a block        N = (2 + 2g) d² + m d f
    its biases and norms       (2 + 2g) d + (m − 1) f + d,  and 4 d  (2 d for RMS)
    FLOP of a block            2 T N + 4 T² d                       T tokens, one text
    cache                      2 · layers · key heads · d / heads · T numbers

2 FLOP is one multiply-add; only matrix products count. A causal mask saves nothing, a
kernel that skips hidden blocks saves up to half of 4 T² d. With f = 4 d and no sharing:
12 d² + 13 d parameters, 24 T d² + 4 T² d FLOP. Source: Kaplan et al. 2020, table 1.
"""


def _share(c):
    return (c.kv_heads or c.heads) / c.heads


def _mlp_matrices(c):
    return 3 if c.activation == "swiglu" else 2


def _norm(c):
    return c.dim if c.norm == "rms" else 2 * c.dim


def block_matrices(config):
    """N = (2 + 2g) d² + m d f, the entries of a block's weight matrices. An int."""
    c, hidden = config, config.hidden or 4 * config.dim
    return int((2 + 2 * _share(c)) * c.dim**2) + _mlp_matrices(c) * c.dim * hidden


def block_parameters(config):
    """N, the biases and two norms. An int; 12 d² + 13 d in GPT-2 and BERT."""
    c, hidden = config, config.hidden or 4 * config.dim
    biases = int((2 + 2 * _share(c)) * c.dim) + (_mlp_matrices(c) - 1) * hidden + c.dim
    return block_matrices(c) + c.bias * biases + 2 * _norm(c)


def parameters(config):
    """All parameters of `models.Transformer(config)`, shared ones once. An int."""
    c, square = config, config.dim**2 + config.dim
    total = c.vocab * c.dim + c.layers * block_parameters(c) + _norm(c)
    total += c.length * c.dim * (c.positions == "learned") + c.types * c.dim
    total += c.pooler * square
    if c.head == "mlm":  # BERT's transform with its LayerNorm, and a bias a token
        total += square + 2 * c.dim + c.vocab
    return total + c.vocab * c.dim * (c.head != "none" and not c.tied)


def block_flops(config, tokens):
    """2 T N + 4 T² d of one block, forward, on one text of T tokens. An int."""
    return 2 * tokens * block_matrices(config) + 4 * tokens**2 * config.dim


def cache_bytes(config, tokens, itemsize=4):
    """Bytes of the keys and values that generation keeps of one text. An int."""
    c = config
    width = (c.kv_heads or c.heads) * (c.dim // c.heads)
    return 2 * c.layers * width * tokens * itemsize
