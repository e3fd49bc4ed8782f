"""A pattern: a text becomes a sentence with a gap, and the gap's word tells its class.

    "[CLS]{text}\n{mask}"     [CLS] And God said. \n [MASK]     ids, mask, the gap's place

`{text}` is where the text stands, `{mask}` the gap; names of special tokens may stand
beside them. A text cannot smuggle in a special token: "[MASK]" in it is spelt out. What
is too long loses the end of the text, never the gap. A pattern of nothing but the two
places is a null prompt. Sources: Schick, Schütze 2021 (PET, arXiv:2001.07676); Logan et
al. 2021 (null prompts, arXiv:2106.13353).
"""

import re
from bisect import bisect_right
from typing import NamedTuple

from tinyft.autograd import Tensor, tensor
from tinyft.nn.select import near_misses

PLACES = ("text", "mask")


class Prompts(NamedTuple):
    """What a model reads: token ids (n, T) and their padding mask (n, T), False where a
    row is padded; `at` (n, m) are the positions of the m masks of each row."""

    ids: Tensor
    mask: Tensor
    at: Tensor


class Pattern:
    """template: a str with `{text}` and `{mask}` once each; tokenizer: one of tinyft.data
    with [MASK] and [PAD]; length: the most tokens of a prompt.

    Raises ValueError for a template that lacks a place, has one twice or has another.
    """

    def __init__(self, template, tokenizer, length=128):
        _check(template)
        self.template, self.tokenizer, self.length = template, tokenizer, length
        self.mask_id, self.pad_id = tokenizer.mask_id, tokenizer.pad_id
        mask = next(k for k, v in tokenizer.specials.items() if v == self.mask_id)
        if mask in template:
            raise ValueError(
                f"Pattern: {template!r} spells the special token {mask}; write {{mask}}"
            )
        names = "|".join(map(re.escape, sorted(tokenizer.specials, key=len)[::-1]))
        self._pieces = re.split(rf"({names}|\{{mask\}})", template)

    def encode(self, texts, masks=1):
        """The Prompts of `texts`, a list of n str, with `masks` gaps side by side.

        Raises ValueError for no text, an empty one, and a template too long for `length`.
        """
        if isinstance(texts, str) or not len(texts):
            raise ValueError(
                f"Pattern.encode: texts should be a list of one str or more, got {texts!r}"
            )
        if not isinstance(masks, int) or masks < 1:
            raise ValueError(
                f"Pattern.encode: masks={masks!r} should be an integer >= 1"
            )
        rows = [self._row(text, masks) for text in texts]
        width = max(map(len, rows))
        gaps = [[i for i, t in enumerate(row) if t == self.mask_id] for row in rows]
        return Prompts(
            tensor([row + [self.pad_id] * (width - len(row)) for row in rows]),
            tensor([[i < len(row) for i in range(width)] for row in rows]),
            tensor(gaps),
        )

    def show(self, text, masks=1):
        """The prompt of one text as the model reads it, a list of its tokens."""
        return [self.tokenizer.decode([i]) for i in self._row(text, masks)]

    def _row(self, text, masks):
        """Ids of a prompt; the longest start of the text that fits."""
        if not isinstance(text, str) or not text.strip():
            raise ValueError(
                f"Pattern.encode: {text!r} has no word, so there is nothing to classify; "
                'leave it out, or write "N/A" for a prompt without content'
            )
        row = self._ids(text, masks)
        if len(row) <= self.length:
            return row
        kept = bisect_right(
            range(len(text)),
            self.length,
            key=lambda count: len(self._ids(text[:count], masks)),
        )
        if kept == 0:
            raise ValueError(
                f"Pattern.encode: the template {self.template!r} alone is longer than "
                f"length={self.length} tokens; shorten it or raise length"
            )
        return self._ids(text[: kept - 1], masks)

    def _ids(self, text, masks):
        ids = []
        for piece in self._pieces:
            if piece == "{mask}":
                ids += [self.mask_id] * masks
            elif piece in self.tokenizer.specials:
                ids.append(self.tokenizer.specials[piece])
            elif piece:  # words beside the text are read together with it
                ids += self.tokenizer.encode(piece.replace("{text}", text)).tolist()
        return ids

    def check_words(self, words):
        """Raise ValueError for a word that cannot stand in the gap as the tokens it has
        alone: "great" after "It was " is read as " great", one token with its space."""
        before = self._pieces[self._pieces.index("{mask}") - 1]
        before = before.replace("{text}", "It is so.")
        encode = self.tokenizer.encode
        for word in words:
            apart = [*encode(before).tolist(), *encode(word).tolist()]
            if encode(before + word).tolist() != apart:
                read = [self.tokenizer.decode([i]) for i in encode(before + word)]
                raise ValueError(
                    f"Pattern: after {before!r} the word {word!r} is not read as its own "
                    f"tokens but as {read}; a word and the space before it are often one "
                    'token: write the space into the word (" great"), not before {mask}'
                )


def _check(template):
    if not isinstance(template, str):
        raise ValueError(f"Pattern: a template is a str, got {template!r}")
    found = re.findall(r"\{([^{}]*)\}", template)
    for name in found:
        if name not in PLACES:
            near = near_misses(name, PLACES)[0]
            raise ValueError(
                f"Pattern: {template!r} has a place {{{name}}}, but there are only "
                f"{{text}} and {{mask}}; did you mean {{{near}}}?"
            )
    for name in PLACES:
        if found.count(name) != 1:
            what = {"text": "the text", "mask": "the answer"}[name]
            many = "no place" if name not in found else f"{found.count(name)} places"
            raise ValueError(
                f"Pattern: {template!r} has {many} for {what}; write {{{name}}} once"
            )
