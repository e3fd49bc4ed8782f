"""Prefix tuning: trained keys and values in front of every layer's own (Li, Liang 2021).

    Attn([P; K], [P; V]) = (1 − λ) Attn(K, V) + λ Attn(P_k, P_v)
    λ(x) = sigmoid(logsumexp(q P_kᵀ/√d) − logsumexp(q Kᵀ/√d))

T vectors for K and V of each layer: 2 L T d numbers. No finite prefix is the identity
(λ > 0, and P = 0 is none either), so the start is not the base. Reparametrised, the prefix
is P = W₂ tanh(W₁ E + b₁) + b₂: the same functions, trained another way; files hold P.

It sits on the `KV` submodules, which see all keys at each call, so a cache never holds the
prefix and it is in front once. Real tokens take the positions after it.
"""

from tinyft import nn, ops
from tinyft.nn.shape import positive, zeros
from tinyft.peft.delta import Delta
from tinyft.peft.methods.front import FILE_KEY, Shift, task


class Prefix(Delta, kind="PREFIX_TUNING"):
    """`length` keys and values for each KV site; `hidden`: the width of the tanh MLP.

    With grouped queries there are kv_heads of them. All sites share E and the MLP's first
    layer. `stored` marks a prefix whose MLP was folded into a file. Raises ValueError for a
    KV that is not part of a MultiHeadAttention.
    """

    mergeable = identity_at_start = rowwise = False
    sites = ".*"
    formula, where = "K' = [P_k; K], V' = [P_v; V]", "KV of each attention"
    counts, chapter = "2 T d a layer", "18_prefix"

    def __init__(self, length=5, hidden=None, stored=False):
        positive("Prefix", length=length, hidden=hidden or 1)
        super().__init__(length=length, hidden=hidden, stored=stored)

    def fits(self, module):
        return isinstance(module, nn.KV)

    def prepare(self, model, sites, rng):
        attention = {p: model.get_submodule(p.rpartition(".")[0]) for p in sites}
        for path, owner in attention.items():
            if not isinstance(owner, nn.MultiHeadAttention):
                raise ValueError(f"Prefix: {path!r} is not inside a MultiHeadAttention")
        first = next(iter(attention.values()))
        like, width = first.q.parameter("weight"), first.kv_heads * first.head_dim
        shared = {"attention": attention}
        if self.hidden and not self.stored:
            E = zeros((self.length, width), like.dtype)
            shared["E"] = nn.init.normal_(E, rng=rng)
            shared["down"] = nn.Linear(width, self.hidden, rng=rng, dtype=like.dtype)
        return shared

    def companions(self, model, sites):
        return {
            p: Shift(self.length) for p, _ in model.named_modules() if _positions(p)
        }

    def build(self, module, rng):
        owner = self.shared["attention"][self.path]
        self.heads, self.head_dim = owner.kv_heads, owner.head_dim
        like, width = owner.q.parameter("weight"), owner.kv_heads * owner.head_dim
        if self.hidden and not self.stored:
            self.E, self.down = self.shared["E"], self.shared["down"]
            self.up = nn.Linear(self.hidden, 2 * width, rng=rng, dtype=like.dtype)
        else:
            self.P = zeros((self.length, 2 * width), like.dtype)
            nn.init.normal_(self.P, rng=rng)
        self.to(like.device)

    def rows(self):
        """[P_k, P_v] side by side, (T, 2 Hkv d)."""
        if "P" in self._parameters:
            return self.P
        return self.up(ops.tanh(self.down(self.E)))

    def keys_values(self):
        """P_k and P_v as attention has them, (Hkv, T, d) each."""
        P = ops.reshape(self.rows(), (self.length, 2, self.heads, self.head_dim))
        P = ops.transpose(P, (1, 2, 0, 3))
        return P[0], P[1]

    def output(self, x, y):
        B = len(y[0])
        front = (ops.broadcast_to(P, (B, *P.shape)) for P in self.keys_values())
        return tuple(ops.concatenate([P, a], axis=2) for P, a in zip(front, y))

    def file_arrays(self):
        return [self.rows()]

    @classmethod
    def to_file(cls, deltas):
        return {FILE_KEY: ops.concatenate([d.rows() for d in deltas], axis=1).numpy()}

    @classmethod
    def from_file(cls, deltas, state):
        width = state[FILE_KEY].shape[1] // len(deltas)
        for i, delta in enumerate(deltas):
            delta.load_state_dict({"P": state[FILE_KEY][:, i * width :][:, :width]})

    def to_config(self, deltas):
        heads, size = deltas[0].heads, deltas[0].head_dim
        return {
            "task_type": task(next(iter(deltas[0].shared["attention"].values()))),
            "num_virtual_tokens": self.length,
            "num_layers": len(deltas),
            "num_attention_heads": heads,
            "token_dim": heads * size,
            "num_transformer_submodules": 1,
            "encoder_hidden_size": self.hidden or heads * size,
            "prefix_projection": bool(self.hidden),
        }

    @classmethod
    def from_config(cls, config):
        hidden = config.get("encoder_hidden_size")
        projected = hidden if config.get("prefix_projection") else None
        return cls(config["num_virtual_tokens"], projected, stored=True)


def _positions(path):
    """The submodule in which a model counts its positions, by its name."""
    return path.rpartition(".")[2] == "positions"
