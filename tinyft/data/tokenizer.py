"""Text to integers and back: what every tokenizer shares, and one token a character.

Special tokens are appended after the ordinary vocabulary and never come out of plain
text: `encode("[MASK]")` spells six characters unless `special=True` is given, so a text
cannot smuggle one in. Names follow BERT (Devlin et al. 2019, arXiv:1810.04805).
"""

import json
import re

import numpy as np

from tinyft.data.files import DataError
from tinyft.io.atomic import atomic_write
from tinyft.io.json_text import read_json


class TokenizerError(DataError):
    """A text or an id that the vocabulary lacks, or a tokenizer file that is broken."""


ROLES = {
    role: f"[{role.upper()}]"
    for role in ("pad", "unk", "cls", "sep", "mask", "bos", "eos")
}


class Tokenizer:
    """Base: special tokens, range checks, JSON. `size` ordinary tokens come first.

    specials: names, or {name: id} where they stand inside the vocabulary. A subclass has
    `kind`, `_encode(text)`, `_decode(ids)`, `_state()` and `_from_state(state)`.
    """

    roles = ROLES  # what the special tokens are for, and their names

    def __init__(self, size, specials=()):
        if len(set(specials)) < len(specials) or "" in specials:
            raise TokenizerError(f"Special tokens repeat or are empty: {specials}.")
        self.size = size
        placed = isinstance(specials, dict)
        self.specials = dict(
            specials if placed else zip(specials, range(size, size + len(specials)))
        )
        self._names = {i: name for name, i in self.specials.items()}
        # The longest name first, so that "[A][B]" wins over "[A]" where both exist.
        names = sorted(specials, key=len, reverse=True)
        self._split = re.compile("(" + "|".join(map(re.escape, names)) + ")")

    @property
    def vocab_size(self):
        """Number of tokens, special ones included: ids are 0 .. vocab_size - 1."""
        return self.size + len(self.specials)

    def __len__(self):
        return self.vocab_size

    def special_id(self, name):
        """Return the id of a special token; TokenizerError names those that exist."""
        if name not in self.specials:
            raise TokenizerError(
                f"This {type(self).__name__} has no special token '{name}', only "
                f"{list(self.specials)}. Build it with specials=('{name}', ...)."
            )
        return self.specials[name]

    pad_id = property(lambda self: self.special_id(self.roles["pad"]))
    unk_id = property(lambda self: self.special_id(self.roles["unk"]))
    cls_id = property(lambda self: self.special_id(self.roles["cls"]))
    sep_id = property(lambda self: self.special_id(self.roles["sep"]))
    mask_id = property(lambda self: self.special_id(self.roles["mask"]))
    bos_id = property(lambda self: self.special_id(self.roles["bos"]))
    eos_id = property(lambda self: self.special_id(self.roles["eos"]))

    def encode(self, text, special=False):
        """Return the ids of `text`, int64 (T,).

        special=True reads the name of a special token, "[MASK]", as that one token.
        decode(encode(text, special)) == text, exactly, unless [UNK] stood in.
        """
        if not isinstance(text, str):
            raise TokenizerError(f"encode: expected a str, got {type(text).__name__}.")
        if not (special and self.specials):
            return np.array(self._encode(text), dtype=np.int64)
        ids = []
        for part in self._parts(text):
            known = part in self.specials
            ids += [self.specials[part]] if known else self._encode(part)
        return np.array(ids, dtype=np.int64)

    def _parts(self, text):
        """Plain texts and names of special tokens, in turn."""
        return self._split.split(text)

    def decode(self, ids, skip_special=False):
        """Return the text of `ids` (T,); special tokens by name, or left out.

        Raises TokenizerError when an id is outside 0 .. vocab_size - 1.
        """
        text, run = [], []
        for i in self._checked(ids):
            if i not in self._names:
                run.append(i)
            elif not skip_special:
                text += [self._decode(run), self._names[i]]
                run = []
        return "".join(text) + self._decode(run)

    def _checked(self, ids):
        """A list of ids, each in the vocabulary."""
        ids = np.asarray(ids).ravel().tolist()
        for i in ids:
            if not 0 <= i < self.vocab_size:
                raise TokenizerError(
                    f"decode: id {i} is outside this vocabulary of {self.vocab_size} "
                    "tokens; was it made by another tokenizer?"
                )
        return ids

    def save(self, path):
        """Write the tokenizer as JSON (to a temporary name, then renamed)."""
        state = {"kind": self.kind, "specials": list(self.specials), **self._state()}
        atomic_write(path, json.dumps(state, sort_keys=True, indent=0) + "\n")

    @classmethod
    def load(cls, path):
        """Read what `save` wrote; TokenizerError for another kind or a broken file."""
        try:
            state = read_json(path)
            if state["kind"] != cls.kind:
                raise TokenizerError(
                    f"{path} holds a tokenizer of kind '{state['kind']}', "
                    f"{cls.__name__} reads '{cls.kind}'."
                )
            names = state["specials"]
            if not isinstance(names, list) or not all(type(n) is str for n in names):
                raise TypeError("specials is not a list of names")
            return cls._from_state(state)
        except TokenizerError:
            raise
        except (ValueError, KeyError, TypeError) as error:
            raise TokenizerError(
                f"{path} is not a complete tokenizer file ({error!r}). "
                "Write it again with tokenizer.save(path)."
            ) from None


class CharTokenizer(Tokenizer):
    """One id a character: the sorted set of the characters of `text`.

    unk=True adds the special token [UNK] for characters that `text` lacks; without it
    such a character is an error that names it and its position.
    """

    kind = "char"

    def __init__(self, text, specials=(), unk=False):
        if not text:
            raise TokenizerError(
                "CharTokenizer: the text is empty, so no character is known. "
                "Pass the training text, for example load_text('shakespeare')."
            )
        if unk and "[UNK]" not in specials:
            specials = (*specials, "[UNK]")
        self.characters = "".join(sorted(set(text)))
        super().__init__(len(self.characters), specials)
        self._ids = {c: i for i, c in enumerate(self.characters)}

    def _encode(self, text):
        if "[UNK]" in self.specials:
            return [self._ids.get(c, self.unk_id) for c in text]
        try:
            return [self._ids[c] for c in text]
        except KeyError as missing:
            raise self._unknown(text, missing.args[0]) from None

    def _unknown(self, text, c):
        return TokenizerError(
            f"encode: character {c!r} (U+{ord(c):04X}) at position {text.index(c)} is "
            f"not among the {self.size} characters this CharTokenizer was built from. "
            "Remove it, build the tokenizer from a text that has it, or pass unk=True."
        )

    def _decode(self, ids):
        return "".join(self.characters[i] for i in ids)

    def _state(self):
        return {"characters": self.characters}

    @classmethod
    def _from_state(cls, state):
        return cls(state["characters"], specials=tuple(state["specials"]))
