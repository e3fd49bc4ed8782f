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
from tinyft.peft.room import shifted


class Prefix(Delta, kind="PREFIX_TUNING"):
    """`length` keys and values for each KV site; `hidden`: the width of the tanh MLP.

    With grouped queries there are kv_heads of them. All sites share E and the MLP's first
    layer. Raises ValueError for a KV that is not part of a MultiHeadAttention.
    """

    mergeable = identity_at_start = rowwise = False
    sites = ".*"
    formula, where = "K' = [P_k; K], V' = [P_v; V]", "KV of each attention"
    counts, chapter = "2 T d per layer", "18_prefix"

    def __init__(self, length=5, hidden=None):
        positive("Prefix", length=length, hidden=hidden or 1)

    def fits(self, module):
        return isinstance(module, nn.KV)

    def prepare(self, model, sites, rng):
        owners = {p: model.get_submodule(p.rpartition(".")[0]) for p in sites}
        for path, owner in owners.items():
            if not isinstance(owner, nn.MultiHeadAttention):
                raise ValueError(f"Prefix: {path!r} is not inside a MultiHeadAttention")
        shared = {"attention": owners}
        if self.hidden:
            first = next(iter(owners.values()))
            dtype, width = first.q.weight_spec()[1], first.kv_heads * first.head_dim
            shared["E"] = nn.init.normal_(zeros((self.length, width), dtype), rng=rng)
            shared["down"] = nn.Linear(width, self.hidden, rng=rng, dtype=dtype)
        return shared

    def companions(self, model, deltas):
        return shifted(model, self.length)

    def build(self, module, rng):
        owner = self.shared["attention"][self.path]
        self.heads, self.head_dim = owner.kv_heads, owner.head_dim
        (_, dtype, device), width = owner.q.weight_spec(), self.heads * self.head_dim
        if self.hidden:
            self.E, self.down = self.shared["E"], self.shared["down"]
            self.up = nn.Linear(self.hidden, 2 * width, rng=rng, dtype=dtype)
        else:
            self.P = nn.init.normal_(zeros((self.length, 2 * width), dtype), rng=rng)
        self.to(device)

    def vectors(self):
        """What is stored: [P_k, P_v] side by side, (T, 2 Hkv d)."""
        return self.up(ops.tanh(self.down(self.E))) if self.hidden else self.P

    def keys_values(self):
        """P_k and P_v as attention has them, (Hkv, T, d) each."""
        P = ops.reshape(self.vectors(), (self.length, 2, self.heads, self.head_dim))
        P = ops.transpose(P, (1, 2, 0, 3))
        return P[0], P[1]

    def output(self, x, y):
        fronts = (
            ops.broadcast_to(P, (len(y[0]), *P.shape)) for P in self.keys_values()
        )
        return tuple(ops.concatenate([P, a], axis=2) for P, a in zip(fronts, y))
