"""WordPiece: BERT's tokenizer. Words, then the longest known beginning, again and again.

    "unaffable" -> "un" "##aff" "##able"       a word without any is [UNK]

Before that a text is cleaned (control characters go, white space is a blank, CJK
characters stand alone) and, uncased, stripped of accents and lowered; words end at blanks
and at punctuation. Source: Devlin et al. 2019 (arXiv:1810.04805), tokenization.py.
"""

import re
import unicodedata
from functools import cache

from tinyft.data.public.base import PublicTokenizer
from tinyft.data.splits import SPACE, ranges
from tinyft.data.tokenizer import TokenizerError

CACHED_WORDS = 100_000
CJK = (
    "\u4e00-\u9fff\u3400-\u4dbf\U00020000-\U0002a6df\U0002a700-\U0002b73f"
    "\U0002b740-\U0002b81f\U0002b920-\U0002ceaf\uf900-\ufaff\U0002f800-\U0002fa1f"
)
MARKS = re.compile(r" ([.?!,])| ' | (n't|'m|'s|'ve|'re)")  # what decode joins


@cache
def patterns():
    """(spaces, a word or one sign, a CJK character) as compiled patterns."""
    signs = ranges("Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps") + "!-/:-@\\[-`{-~"
    words = re.compile(f"[{signs}]|[^{signs}{SPACE}]+")
    return re.compile(f"[{SPACE}]"), words, re.compile(f"[{CJK}]")


class WordPiece(PublicTokenizer):
    """tokens, specials, roles, before, after, template: as PublicTokenizer.

    lower: lower the text; accents: keep them (None: unless lowered); chinese: CJK
    characters are words; clean: drop control characters. longest: characters of a word
    that is looked up. Decoding does not give the text back: case and blanks are lost.
    """

    kind = "wordpiece"

    def __init__(
        self,
        tokens,
        lower=True,
        accents=None,
        chinese=True,
        clean=True,
        longest=100,
        **options,
    ):
        super().__init__(tokens, **options)
        self.lower, self.chinese, self.clean = bool(lower), bool(chinese), bool(clean)
        self.accents = not lower if accents is None else bool(accents)
        self.longest, self._cache = longest, {}
        if self.roles["unk"] not in self._ids:
            raise TokenizerError(
                f"WordPiece needs a token for unknown words, {self.roles['unk']!r}, and "
                "the vocabulary has none"
            )

    def _encode(self, text):
        ids = []
        for word in patterns()[1].findall(self.normalised(text)):
            if word not in self._cache:
                if len(self._cache) >= CACHED_WORDS:
                    self._cache.clear()
                self._cache[word] = self._encode_word(word)
            ids += self._cache[word]
        return ids

    def normalised(self, text):
        """The text as it is cut into words."""
        spaces, _, chinese = patterns()
        if self.clean:
            kept = text if text.isascii() and text.isprintable() else _cleaned(text)
            text = spaces.sub(" ", kept)
        if text.isascii():
            return text.lower() if self.lower else text
        if self.chinese:
            text = chinese.sub(r" \g<0> ", text)
        if not self.accents:
            parts = unicodedata.normalize("NFD", text)
            text = "".join(c for c in parts if unicodedata.category(c) != "Mn")
        # one by one: Python's lower() of a text has a rule for the Σ at a word's end
        return "".join(c.lower() for c in text) if self.lower else text

    def _encode_word(self, word):
        """The longest token that the word begins with, then of what is left."""
        unknown, ids, start = [self._ids[self.roles["unk"]]], [], 0
        if len(word) > self.longest:
            return unknown
        while start < len(word):
            mark = "##" if start else ""
            for end in range(len(word), start, -1):
                if mark + word[start:end] in self._ids:
                    break
            else:
                return unknown
            ids.append(self._ids[mark + word[start:end]])
            start = end
        return ids

    def decode(self, ids, skip_special=False):
        """Words joined by blanks, without the one before a sign, as BERT's decoder."""
        text = ""
        for i in self._checked(ids):
            if skip_special and i in self._names:
                continue
            token = self.tokens[i]
            part = token.removeprefix("##") if token.startswith("##") else f" {token}"
            text += MARKS.sub(_joined, part) if text else token
        return text

    def _state(self):
        own = ("lower", "accents", "chinese", "clean", "longest")
        return super()._state() | {name: getattr(self, name) for name in own}


def _joined(match):
    return match[1] or match[2] or "'"


def _cleaned(text):
    """Without control, format and private characters; tab and line ends stay."""
    gone = ("Cc", "Cf", "Co")
    return "".join(
        c
        for c in text
        if c in "\t\n\r" or (unicodedata.category(c) not in gone and c != "\ufffd")
    )
