"""Prompt tuning: trained embeddings in front of the words (Lester, Al-Rfou, Constant 2021).

    x' = [P; E[ids]],   P (T, C)

T d numbers; in a causal model it equals a prefix that no input changes. The model computes
T + n positions and returns only the n real tokens (PEFT returns all): losses and
generation need not know. `model.states(ids)` has all of them, the prompt's first. With a
cache the prompt is in front at the first call, and the cache keeps it.
"""

from numbers import Integral

from tinyft import nn
from tinyft.nn.module import Parameter
from tinyft.nn.shape import positive, zeros
from tinyft.peft.delta import Delta
from tinyft.peft.room import extended, in_front, paths_of


class Prompt(Delta, kind="PROMPT_TUNING"):
    """`length` trained embeddings in front, N(0, 1) at the start or the rows of `words`.

    words: token ids, repeated or cut to `length`. Site: the model's first Embedding, which
    takes the tokens, unless the target names another.
    A mask covers the real tokens, (B, n); larger ones do not fit.
    """

    mergeable = identity_at_start = rowwise = False
    formula, where = "x' = [P; E[ids]]", "the token embedding"
    counts, chapter = "T d", "18_prefix"

    def __init__(self, length=5, words=None):
        positive("Prompt", length=length)
        super().__init__(words=None if words is None else tuple(words))

    def own_sites(self, model):
        return paths_of(model, nn.Embedding)[:1] or ".*"

    def fits(self, module):
        return isinstance(module, nn.Embedding)

    def prepare(self, model, sites, rng):
        if len(sites) > 1:
            raise ValueError(
                f"{type(self).__name__}: one embedding is the model's input, the target "
                f"names {', '.join(sites)}"
            )
        kind = nn.MultiHeadAttention
        attention = [m for m in model.modules() if isinstance(m, kind)]
        return {"first": True, "attention": attention}

    def companions(self, model, deltas):
        return extended(model, self.length)

    def build(self, module, rng):
        (V, C), dtype, _ = module.weight_spec("weight")
        if self.words is None:
            self.P = nn.init.normal_(zeros((self.length, C), dtype), rng=rng)
            return
        good = (isinstance(i, Integral) and 0 <= i < V for i in self.words)
        if not self.words or not all(good):
            raise ValueError(f"Prompt(words): ids 0..{V - 1}, got {self.words!r}")
        ids = [self.words[i % len(self.words)] for i in range(self.length)]
        self.P = Parameter(module.parameter("weight").data[ids], dtype=dtype)

    def vectors(self):
        """The prompt's embeddings, (T, C)."""
        return self.P

    def output(self, x, y):
        return in_front(self.vectors(), y) if self.shared["first"] else y
