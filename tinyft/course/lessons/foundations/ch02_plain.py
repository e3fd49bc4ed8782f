"""GPT, BERT and Llama in plain NumPy, with every multiplication counted.

    states(w, ids, config, mm)      token ids (T,) to the last hidden states (T, C)

w: {name: array} as in the model's state_dict; config: its TransformerConfig; mm: the
matrix product to use. It is chapter 02b's second route: no Tensor, no fused operation, no
batch, no cache, rotary pairs turned as complex numbers. Sources: Radford et al. 2019,
Devlin et al. 2019, Touvron et al. 2023.
"""

import math

import numpy as np

from tinyft.course.referee import erf


class Count:
    """A @ B that counts 2 FLOP for each multiply-add, in `flops`."""

    def __init__(self):
        self.flops = 0

    def __call__(self, A, B):
        Y = A @ B
        self.flops += 2 * Y.size * A.shape[-1]
        return Y


def part(w, name):
    """The weights below a name, {"q.weight": a} of {"attn.q.weight": a}."""
    return {k[len(name) + 1 :]: a for k, a in w.items() if k.startswith(name + ".")}


def linear(x, w, mm):
    """x Wᵀ, + b if there is one."""
    return mm(x, w["weight"].T) + w.get("bias", 0)


def norm(x, w, c):
    """LayerNorm or RMSNorm of each row, by `c.norm`."""
    x = x - x.mean(axis=-1, keepdims=True) * (c.norm == "layer")
    size = np.sqrt((x**2).mean(axis=-1, keepdims=True) + c.eps)
    return x / size * w["weight"] + w.get("bias", 0)


def turned(x, base):
    """Rotary positions: the pairs of x (heads, T, d) as complex numbers, times e^(imθ)."""
    half = x.shape[-1] // 2
    z = x[..., :half] + 1j * x[..., half:]
    theta = base ** (-np.arange(half) / half)
    z = z * np.exp(1j * np.arange(x.shape[1])[:, None] * theta)
    return np.concatenate([z.real, z.imag], axis=-1)


def attend(x, w, c, mm):
    """softmax(q kᵀ / √d) v for each head, then the output matrix. x (T, C)."""
    T, shared = len(x), c.heads // (c.kv_heads or c.heads)
    q, k, v = (
        linear(x, part(w, n), mm).reshape(T, -1, c.dim // c.heads).swapaxes(0, 1)
        for n in "qkv"
    )
    if c.positions == "rotary":
        q, k = turned(q, c.rotary_base), turned(k, c.rotary_base)
    k, v = k.repeat(shared, axis=0), v.repeat(shared, axis=0)
    scores = mm(q, k.swapaxes(1, 2)) / math.sqrt(q.shape[-1])
    if c.causal:
        scores = np.where(np.tri(T, dtype=bool), scores, -np.inf)
    P = np.exp(scores - np.logaddexp.reduce(scores, axis=-1, keepdims=True))
    return linear(mm(P, v).swapaxes(0, 1).reshape(T, -1), part(w, "o"), mm)


def mlp(x, w, c, mm):
    """W₂ f(W₁ x), or W₂ (silu(W₃ x) ∘ W₁ x) with a gate."""
    up = linear(x, part(w, "up"), mm)
    if c.activation == "swiglu":
        gate = linear(x, part(w, "gate"), mm)
        return linear(gate / (1 + np.exp(-gate)) * up, part(w, "down"), mm)
    if c.activation == "gelu_tanh":
        inner = np.tanh(math.sqrt(2 / math.pi) * (up + 0.044715 * up**3))
    else:
        inner = erf(up / math.sqrt(2))
    return linear(up * (1 + inner) / 2, part(w, "down"), mm)


def block(x, w, c, mm):
    """One block on x (T, C): norms before its two halves (GPT, Llama), or after (BERT)."""
    for n, name, layer in (("norm1", "attn", attend), ("norm2", "mlp", mlp)):
        if c.pre_norm:
            x = x + layer(norm(x, part(w, n), c), part(w, name), c, mm)
        else:
            x = norm(x + layer(x, part(w, name), c, mm), part(w, n), c)
    return x


def states(w, ids, c, mm):
    """Token ids (T,) to the last hidden states (T, C)."""
    x = w["embed.weight"][ids]
    if c.positions == "learned":
        x = x + w["position.weight"][: len(ids)]
    if not c.pre_norm:
        x = norm(x, part(w, "norm"), c)
    for i in range(c.layers):
        x = block(x, part(w, f"blocks.{i}"), c, mm)
    return norm(x, part(w, "norm"), c) if c.pre_norm else x
