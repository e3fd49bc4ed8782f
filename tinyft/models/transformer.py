"""One Transformer for the shapes of GPT-2, BERT and Llama, and of their relatives.

    pre-norm   x = x + attn(norm(x));  x = x + mlp(norm(x));  a last norm   GPT-2, Llama
    post-norm  x = norm(x + attn(x));  x = norm(x + mlp(x))                 BERT

mlp: W₂ gelu(W₁ x), or W₂ (silu(W₁ x) ∘ W₃ x) (SwiGLU). Sources: Radford et al. 2019;
Devlin et al. 2019; Touvron et al. 2023; pre-norm after Xiong et al. 2020.
"""

from tinyft import nn, ops
from tinyft.models.generate import generate
from tinyft.models.padding import Positions, attention_mask, last_tokens, padding_mask
from tinyft.models.positions import sinusoidal
from tinyft.ops.operands import wrap


class MLP(nn.Module):
    """W₂ f(W₁ x), gated for SwiGLU: W₂ (silu(W₁ x) ∘ W₃ x). x (B, T, C)."""

    def __init__(self, config, rng=None, dtype=None):
        rng, C = nn.init.seeded(rng), config.dim
        hidden = config.hidden or 4 * C
        self.activation = config.activation
        self.up = nn.Linear(C, hidden, config.bias, rng, dtype)
        if self.activation == "swiglu":
            self.gate = nn.Linear(C, hidden, config.bias, rng, dtype)
        self.down = nn.Linear(hidden, C, config.bias, rng, dtype)

    def forward(self, x):
        if self.activation == "swiglu":
            return self.down(ops.silu(self.gate(x)) * self.up(x))
        return self.down(activate(self.activation, self.up(x)))


def activate(name, x):
    """Apply an activation by its config name."""
    if name == "gelu_tanh":
        return ops.gelu(x, "tanh")
    return {"gelu": ops.gelu, "relu": ops.relu, "tanh": ops.tanh}[name](x)


def norm_layer(config, dtype=None):
    """LayerNorm or RMSNorm of the model's width."""
    if config.norm == "rms":
        return nn.RMSNorm(config.dim, config.eps, dtype)
    return nn.LayerNorm(config.dim, config.eps, dtype=dtype)


class Block(nn.Module):
    """Attention and mlp with their residuals; the norm before (GPT) or after (BERT)."""

    def __init__(self, config, rotary=None, rng=None, dtype=None):
        self.pre_norm, rng = config.pre_norm, nn.init.seeded(rng)
        self.norm1 = norm_layer(config, dtype)
        self.attn = nn.MultiHeadAttention(
            config.dim,
            config.heads,
            config.kv_heads,
            config.attention_bias,
            config.causal,
            rotary,
            config.dropout,
            rng,
            dtype,
            config.head_dim,
            config.eps if config.qk_norm else None,
        )
        self.norm2 = norm_layer(config, dtype)
        self.mlp = MLP(config, rng, dtype)
        self.drop = nn.Dropout(config.dropout, rng)

    def forward(self, x, mask=None, positions=None, cache=None):
        if self.pre_norm:
            a = self.attn(self.norm1(x), mask, positions=positions, cache=cache)
            x = x + self.drop(a)
            return x + self.drop(self.mlp(self.norm2(x)))
        a = self.attn(x, mask, positions=positions, cache=cache)
        x = self.norm1(x + self.drop(a))
        return self.norm2(x + self.drop(self.mlp(x)))


class MLMHead(nn.Module):
    """BERT's head: norm(gelu(W x + b)), then the embedding transposed, and a bias."""

    def __init__(self, config, rng=None, dtype=None):
        rng = nn.init.seeded(rng)
        self.transform = nn.Linear(config.dim, config.dim, True, rng, dtype)
        self.norm = nn.LayerNorm(config.dim, config.eps, dtype=dtype)
        self.decoder = nn.Linear(config.dim, config.vocab, True, rng, dtype)
        self.activation = config.activation

    def forward(self, x):
        name = "gelu" if self.activation == "swiglu" else self.activation
        return self.decoder(self.norm(activate(name, self.transform(x))))


class Transformer(nn.Module):
    """config: a TransformerConfig, or a model whose shape to take.

    Token ids (B, T) to logits (B, T, vocab), to states (B, T, C) without a head, or to
    (B, classes) with head="cls".

    mask: (B, T) booleans or 0/1 integers, False for padding, which then neither is seen
    nor counts as a position; or any mask of four axes that attention takes. With a
    cache it covers the cached tokens too, (B, past + T). last: the head reads the last
    position alone, and the result has T = 1. positions: (B, T) of packed rows.
    """

    def __init__(self, config, rng=None, dtype=None):
        self.config = config = getattr(config, "config", config)
        rng = nn.init.seeded(rng)
        with nn.init.skipped():  # _initialise draws all, in the order of the names
            self._add_embeddings(config, rng, dtype)
            self._add_blocks(config, rng, dtype)
            self._add_heads(config, rng, dtype)
        self._initialise(rng)

    def _add_embeddings(self, config, rng, dtype):
        self.embed = nn.Embedding(config.vocab, config.dim, rng, dtype)
        self.positions = Positions(config)
        if config.positions in ("learned", "roberta"):
            rows = config.length + self.positions.start
            self.position = nn.Embedding(rows, config.dim, rng, dtype)
        if config.types:
            self.type = nn.TypeEmbedding(config.types, config.dim, rng, dtype)
        if not config.pre_norm:
            self.norm = norm_layer(config, dtype)
        self.drop = nn.Dropout(config.dropout, rng)

    def _add_blocks(self, config, rng, dtype):
        rotary = None
        if config.positions == "rotary":
            rotary = nn.Rotary(
                config.head_width,
                config.rotary_base,
                config.rope_scaling,
                config.rotary_part,
                config.rotary_pairs,
            )
        self.blocks = nn.ModuleList(
            Block(config, rotary, rng, dtype) for _ in range(config.layers)
        )
        if config.pre_norm:
            self.norm = norm_layer(config, dtype)

    def _add_heads(self, config, rng, dtype):
        if config.pooler:
            self.pooler = nn.Linear(config.dim, config.dim, True, rng, dtype)
        if config.head == "mlm":
            self.head = MLMHead(config, rng, dtype)
        elif config.head == "lm":
            self.head = nn.Linear(config.dim, config.vocab, False, rng, dtype)
        elif config.head == "cls":
            biased = not config.causal  # a decoder's scores have none
            self.head = nn.Linear(config.dim, config.classes, biased, rng, dtype)
        if config.tied and config.head in ("lm", "mlm"):
            last = self.head.decoder if config.head == "mlm" else self.head
            last.weight = self.embed.weight

    def _initialise(self, rng):
        """N(0, 0.02²); what writes to the residual, divided by sqrt(2L) (GPT-2)."""
        for name, p in self.named_parameters():
            if p.ndim > 1:
                writes = name.endswith(("attn.o.weight", "mlp.down.weight"))
                shrink = (2 * self.config.layers) ** -0.5
                std = 0.02 * (shrink if writes and self.config.pre_norm else 1.0)
                nn.init.normal_(p, 0.0, std, rng)
            elif name.endswith("bias"):
                nn.init.zeros_(p)

    def forward(
        self, ids, mask=None, types=None, cache=None, last=False, positions=None
    ):
        x = self.states(ids, mask, types, cache, positions)
        if self.config.head == "cls":
            x = self.summary(x, ids, mask)
        elif last:
            x = x[:, -1:]
        return x if self.config.head == "none" else self.head(x)

    def states(self, ids, mask=None, types=None, cache=None, positions=None):
        """The last hidden states (B, T, C), before the head."""
        past = len(cache[0]) if cache else 0
        self._check(ids, past)
        ids = wrap(ids)
        real, mask = padding_mask(mask, ids, past, cache)
        positions = self.positions(ids, past, real, positions)
        x = self.embed_tokens(ids, positions, types)
        mask = attention_mask(mask, real, past, self.config, x)
        for i, block in enumerate(self.blocks):
            x = block(x, mask, positions, cache[i] if cache else None)
        return self.norm(x) if self.config.pre_norm else x

    def embed_tokens(self, ids, positions, types=None):
        """Token (+ position, + type) embeddings (B, T, C), normalised in BERT."""
        x = self.embed(ids)
        if self.config.positions in ("learned", "roberta"):
            x = x + self.position(positions)
        if self.config.positions == "sinusoidal":  # √C E + PE (Vaswani et al. 2017)
            x = x * x.shape[-1] ** 0.5
            x = x + sinusoidal(positions, x.shape[-1], x.dtype)
        if self.config.types:
            types = ops.zeros_like(ids) if types is None else types
            x = x + self.type(types)
        return self.drop(x if self.config.pre_norm else self.norm(x))

    def _check(self, ids, past):
        """Token ids are integers (B, T), and learned positions end somewhere."""
        if getattr(ids, "ndim", None) != 2 or ids.dtype.kind not in "iu":
            shape = getattr(ids, "shape", type(ids).__name__)
            what = f"{getattr(ids, 'dtype', '')} {shape}".strip()
            raise ValueError(
                f"Transformer: token ids must be integers (B, T), got {what}; one text "
                "is ids[None]"
            )
        learned = self.config.positions in ("learned", "roberta")
        if learned and past + ids.shape[1] > self.config.length:
            raise ValueError(
                f"Transformer: {past + ids.shape[1]} tokens ({past} of them cached), "
                f"but positions were made for {self.config.length}; cut the input or "
                "raise config.length"
            )

    def pooled(self, states):
        """BERT's summary of a text: tanh(W x₀ + b) of its first token. (B, C)."""
        if not self.config.pooler:
            raise ValueError("Transformer.pooled: the model was made with pooler=False")
        name = "relu" if self.config.pooler == "relu" else "tanh"
        return activate(name, self.pooler(states[:, 0]))

    def summary(self, states, ids, mask=None):
        """What a classifier reads (B, C): the pooled first token of an encoder, the
        last token that is not padding of a decoder (by `config.pad`, else by `mask`).
        """
        if not self.config.causal:
            return self.pooled(states)
        return last_tokens(states, wrap(ids), mask, self.config.pad)

    def new_cache(self):
        """An empty key-value cache, one entry per layer, for `forward(ids, cache=...)`."""
        return [nn.KVCache() for _ in range(self.config.layers)]

    def generate(self, ids, count, **options):
        """Continue `ids` by `count` tokens; see tinyft/models/generate.py."""
        return generate(self, ids, count, **options)

    def extra_repr(self):
        c = self.config
        return f"vocab={c.vocab}, dim={c.dim}, layers={c.layers}, heads={c.heads}"
