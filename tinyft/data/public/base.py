"""What the tokenizers of public models share: a fixed vocabulary, and batches."""

import re
from typing import NamedTuple

import numpy as np

from tinyft.data.public.chat import chat_ids
from tinyft.data.splits import SPACE
from tinyft.data.tokenizer import ROLES, Tokenizer, TokenizerError

BLANKS = re.compile(f"[{SPACE}]+\\Z")


class Batch(NamedTuple):
    """Texts as a model takes them: model(batch.ids, mask=batch.mask)."""

    ids: np.ndarray  # int64 (B, T), padded on the right
    mask: np.ndarray  # bool (B, T), False for padding


class PublicTokenizer(Tokenizer):
    """Base: a list of tokens whose places are the ids, special ones among them.

    tokens: every token, id 0 first. specials: the names of those that are special; before
    those in `swallow` blanks are dropped (RoBERTa's <mask>). roles: {"pad": name, ...}.
    before, after: names of what `batch` puts around a text ([CLS], [SEP]). template: the
    chat template of the file, or None.
    """

    def __init__(
        self,
        tokens,
        specials=(),
        roles=None,
        before=(),
        after=(),
        template=None,
        swallow=(),
    ):
        self.tokens = list(tokens)
        self._ids = {token: i for i, token in enumerate(self.tokens)}
        if len(self._ids) < len(self.tokens):
            raise TokenizerError(f"the token {_twice(self.tokens)!r} is there twice")
        for name in (*specials, *before, *after):
            if not isinstance(name, str) or name not in self._ids:
                raise TokenizerError(f"the special token {name!r:.80} is not a token")
        placed = {name: self._ids[name] for name in specials}
        super().__init__(len(self.tokens) - len(placed), placed)
        self.roles = ROLES | (roles or {})
        for role, name in self.roles.items():
            if not isinstance(name, str):
                raise TokenizerError(f"the token of the role {role!r} is {name!r:.80}")
        self.before, self.after, self.template = tuple(before), tuple(after), template
        self.swallow = tuple(swallow)

    def token_id(self, token):
        """The id of a token; TokenizerError if there is none."""
        if not isinstance(token, str) or token not in self._ids:
            raise TokenizerError(f"{token!r:.80} is not a token of this vocabulary")
        return self._ids[token]

    def batch(self, texts, length=512):
        """The Batch of a list of texts, with the tokens that the model expects around each.

        length: the most tokens of a text, those included; what is longer is cut. Padded
        to the longest with the token for padding, or id 0 behind the mask without one.
        """
        if isinstance(texts, str):
            raise TokenizerError("batch: expected a list of texts; one text is [text]")
        room = length - len(self.before) - len(self.after)
        if room < 1:
            raise TokenizerError(f"batch: length={length} leaves no room for the text")
        start, end = (
            [self._ids[n] for n in part] for part in (self.before, self.after)
        )
        rows = [[*start, *self.encode(text)[:room].tolist(), *end] for text in texts]
        pad = self.specials.get(self.roles["pad"], 0)
        ids = np.full((len(rows), max(map(len, rows), default=0)), pad, np.int64)
        mask = np.arange(ids.shape[1]) < np.array([len(r) for r in rows])[:, None]
        for row, found in zip(ids, rows):
            row[: len(found)] = found
        return Batch(ids, mask)

    def _parts(self, text):
        parts = super()._parts(text)
        for i, name in enumerate(parts[1::2]):
            if name in self.swallow:
                parts[2 * i] = BLANKS.sub("", parts[2 * i])
        return parts

    def chat(self, messages, reply=True):
        """The ids int64 (T,) of a conversation by the model's template; see chat.py."""
        return np.array(chat_ids(self, messages, reply), dtype=np.int64)

    def _state(self):
        own = "tokens roles before after template swallow".split()
        return {name: getattr(self, name) for name in own}

    @classmethod
    def _from_state(cls, state):
        return cls(**{name: value for name, value in state.items() if name != "kind"})


def _twice(tokens):
    seen = set()
    return next(token for token in tokens if token in seen or seen.add(token))
