"""Prompt tuning: trained embeddings in front of the words (Lester, Al-Rfou, Constant 2021).

    x' = [P; E[ids]],   P (T, C)

T d numbers; in a causal model it equals a prefix that no input changes. The model computes
T + n positions and returns those of the n real tokens (PEFT returns all): losses and
generation need not know. `model.states(ids)` has all of them, the prompt's first. With a
cache the prompt is in front at the first call, and the cache keeps it.
"""

from numbers import Integral

from tinyft import nn
from tinyft.nn.module import Parameter
from tinyft.nn.shape import positive, zeros
from tinyft.peft.delta import Delta
from tinyft.peft.methods.front import FILE_KEY, Extend, ExtendTypes, Strip, front, task


class Prompt(Delta, kind="PROMPT_TUNING"):
    """`length` trained embeddings in front; they start from N(0, 1), or those of `words`.

    words: token ids, repeated or cut to `length`. Site: the token Embedding (`embed`).
    A mask covers the real tokens, (B, n); larger ones do not fit.
    """

    mergeable = identity_at_start = rowwise = False
    sites = "embed"
    formula, where = "x' = [P; E[ids]]", "the token embedding"
    counts, chapter = "T d", "18_prefix"

    def __init__(self, length=5, words=None):
        positive("Prompt", length=length)
        super().__init__(length=length, words=None if words is None else tuple(words))

    def fits(self, module):
        return isinstance(module, nn.Embedding)

    def prepare(self, model, sites, rng):
        if len(sites) > 1:
            raise ValueError(
                f"{type(self).__name__}: one embedding is the model's input, the target "
                f"names {', '.join(sites)}"
            )
        return {"first": True, "attention": _attention(model)}

    def companions(self, model, sites):
        there = {"positions": Extend, "type": ExtendTypes, "": Strip}
        return {
            p: there[p](self.length) for p, _ in model.named_modules() if p in there
        }

    def build(self, module, rng):
        W = module.parameter("weight")
        if self.words is None:
            self.P = zeros((self.length, W.shape[1]), W.dtype)
            nn.init.normal_(self.P, rng=rng)
            return
        good = (isinstance(i, Integral) and 0 <= i < len(W) for i in self.words)
        if not self.words or not all(good):
            raise ValueError(f"Prompt(words): ids 0..{len(W) - 1}, got {self.words!r}")
        ids = [self.words[i % len(self.words)] for i in range(self.length)]
        self.P = Parameter(W.data[ids], dtype=W.dtype)

    def vectors(self):
        """The prompt's embeddings, (T, C)."""
        return self.P

    def output(self, x, y):
        return front(self.vectors(), y) if self.shared["first"] else y

    def file_arrays(self):
        return [self.vectors()]

    @classmethod
    def to_file(cls, deltas):
        return {FILE_KEY: deltas[0].vectors().numpy()}

    @classmethod
    def from_file(cls, deltas, state):
        deltas[0].load_state_dict({"P": state[FILE_KEY]})

    def to_config(self, deltas):
        found = deltas[0].shared["attention"]
        return {
            "task_type": task(found[0]) if found else None,
            "num_virtual_tokens": self.length,
            "token_dim": deltas[0].vectors().shape[1],
            "num_layers": len(found) or 1,
            "num_attention_heads": found[0].heads if found else 1,
            "num_transformer_submodules": 1,
            "prompt_tuning_init": "RANDOM",
        }

    @classmethod
    def from_config(cls, config):
        return cls(config["num_virtual_tokens"])


def _attention(model):
    """The attention layers of a model, for the config."""
    return [m for m in model.modules() if isinstance(m, nn.MultiHeadAttention)]
