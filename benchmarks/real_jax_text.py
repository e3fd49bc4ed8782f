"""BERT and Llama of real.py as pure functions of a dict of weights, for JAX."""

import jax
import jax.numpy as jnp
import real
from jax import lax


def linear(p, name, x, outputs, bias=True):
    y = x @ p(f"{name}.weight", (outputs, x.shape[-1])).T
    return y + p(f"{name}.bias", (outputs,)) if bias else y


def adapted(p, name, x, outputs, layer, part, bias):
    """A linear layer with LoRA of rank 8 beside it."""
    A, B = p.factors(layer, part, x.shape[-1], outputs)
    low = real.ALPHA / real.RANK * (x @ A.T @ B.T)
    return linear(p, name, x, outputs, bias) + low


def attend(q, k, v, mask):
    """q (B, H, T, d), k and v (B, K, S, d), H a multiple of K; mask: may look."""
    groups = q.shape[1] // k.shape[1]
    k, v = (jnp.repeat(a, groups, axis=1) for a in (k, v))
    scores = q @ k.swapaxes(-1, -2) * q.shape[-1] ** -0.5
    return jax.nn.softmax(jnp.where(mask, scores, -1e9), axis=-1) @ v


def heads(x, count):
    return x.reshape(*x.shape[:2], count, -1).swapaxes(1, 2)


def joined(x):
    return x.swapaxes(1, 2).reshape(x.shape[0], x.shape[2], -1)


# --- BERT ---------------------------------------------------------------------------


def layer_norm(p, name, x):
    d = x - x.mean(-1, keepdims=True)
    y = d / jnp.sqrt((d * d).mean(-1, keepdims=True) + real.BERT["layer_norm_eps"])
    gain, shift = (p(f"{name}.{kind}", x.shape[-1:]) for kind in ("weight", "bias"))
    return y * gain + shift


def minilm(p, ids, mask):
    c, root = real.BERT, "bert.embeddings."
    width = c["hidden_size"]
    x = p(root + "word_embeddings.weight", (c["vocab_size"], width))[ids]
    places = p(
        root + "position_embeddings.weight", (c["max_position_embeddings"], width)
    )
    kinds = p(root + "token_type_embeddings.weight", (2, width))
    x = layer_norm(p, root + "LayerNorm", x + places[: ids.shape[1]] + kinds[0])
    for i in range(c["num_hidden_layers"]):
        x = _bert_layer(p, f"bert.encoder.layer.{i}.", str(i), x, mask[:, None, None])
    weights = mask[..., None].astype(x.dtype)
    return linear(p, "head", (x * weights).sum(1) / weights.sum(1), 2)


def _bert_layer(p, at, i, x, mask):
    c = real.BERT
    width, count, own = c["hidden_size"], c["num_attention_heads"], "attention.self."
    q = adapted(p, at + own + "query", x, width, i, "q", True)
    k = linear(p, at + own + "key", x, width)
    v = adapted(p, at + own + "value", x, width, i, "v", True)
    y = joined(attend(*(heads(a, count) for a in (q, k, v)), mask))
    y = linear(p, at + "attention.output.dense", y, width)
    x = layer_norm(p, at + "attention.output.LayerNorm", x + y)
    y = linear(p, at + "intermediate.dense", x, c["intermediate_size"])
    y = linear(p, at + "output.dense", jax.nn.gelu(y, approximate=False), width)
    return layer_norm(p, at + "output.LayerNorm", x + y)


# --- Llama --------------------------------------------------------------------------


def rms_norm(p, name, x):
    scale = lax.rsqrt((x * x).mean(-1, keepdims=True) + real.LLAMA["rms_norm_eps"])
    return x * scale * p(f"{name}.weight", x.shape[-1:])


def rotated(x, places):
    """Rotary positions in halves, as transformers has them."""
    half = x.shape[-1] // 2
    rates = real.LLAMA["rope_theta"] ** -(jnp.arange(half) / half)
    angles = places[:, None] * rates
    c, s = jnp.cos(angles), jnp.sin(angles)
    a, b = x[..., :half], x[..., half:]
    return jnp.concatenate([a * c - b * s, b * c + a * s], axis=-1)


def llama(p, ids, cache=None, start=0, lora=True):
    """Logits (B, T, vocabulary); with `cache` [(k, v)] also the cache, filled."""
    c = real.LLAMA
    table = p("model.embed_tokens.weight", (c["vocab_size"], c["hidden_size"]))
    x, kept = table[ids], []
    places = start + jnp.arange(ids.shape[1])
    for i in range(c["num_hidden_layers"]):
        old = cache[i] if cache else None
        x, new = _llama_layer(p, i, x, places, old, lora)
        kept.append(new)
    logits = rms_norm(p, "model.norm", x[:, -1:] if cache else x) @ table.T
    return (logits, kept) if cache else logits


def _llama_layer(p, i, x, places, old, lora):
    c, at = real.LLAMA, f"model.layers.{i}."
    width, H, K = (
        c[k] for k in ("hidden_size", "num_attention_heads", "num_key_value_heads")
    )
    h, own, narrow = rms_norm(p, at + "input_layernorm", x), at + "self_attn.", 64 * K
    if lora:
        q = adapted(p, own + "q_proj", h, width, str(i), "q", False)
        v = adapted(p, own + "v_proj", h, narrow, str(i), "v", False)
    else:
        q = linear(p, own + "q_proj", h, width, False)
        v = linear(p, own + "v_proj", h, narrow, False)
    k = linear(p, own + "k_proj", h, narrow, False)
    q, k, v = rotated(heads(q, H), places), rotated(heads(k, K), places), heads(v, K)
    if old:
        k, v = (
            lax.dynamic_update_slice(a, b, (0, 0, places[0], 0))
            for a, b in zip(old, (k, v))
        )
    mask = jnp.arange(k.shape[2]) <= places[:, None]
    y = joined(attend(q, k, v, mask))
    x = x + linear(p, own + "o_proj", y, width, False)
    h, wide = rms_norm(p, at + "post_attention_layernorm", x), c["intermediate_size"]
    up = linear(p, at + "mlp.up_proj", h, wide, False)
    gate = jax.nn.silu(linear(p, at + "mlp.gate_proj", h, wide, False))
    return x + linear(p, at + "mlp.down_proj", gate * up, width, False), (k, v)


def generate(p, ids):
    """The prompt and `real.NEW` greedy tokens, with a cache of fixed size."""
    c, length = real.LLAMA, real.PROMPT + real.NEW
    empty = jnp.zeros((1, c["num_key_value_heads"], length, 64))
    cache = [(empty, empty) for _ in range(c["num_hidden_layers"])]
    logits, cache = llama(p, ids, cache, lora=False)

    def more(state, place):
        token, cache = state
        logits, cache = llama(p, token[None, None], cache, place, lora=False)
        new = logits[0, -1].argmax()
        return (new, cache), new

    first = logits[0, -1].argmax()
    places = jnp.arange(real.PROMPT, length - 1)
    _, rest = lax.scan(more, (first, cache), places)
    return jnp.concatenate([ids[0], first[None], rest])
