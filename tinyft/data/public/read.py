"""The tokenizer of a public model, from whatever file it lies in.

    load_tokenizer(folder)         tokenizer.json, or vocab.txt, or vocab.json + merges.txt
    load_tokenizer("model.gguf")   the vocabulary inside a GGUF file

Nothing is guessed: a step that is not computed here is refused by its name.
"""

from pathlib import Path

from tinyft.data.public.byte_level import ByteLevelBPE
from tinyft.data.public.tokenizer_json import from_json
from tinyft.data.public.wordpiece import WordPiece
from tinyft.data.tokenizer import TokenizerError
from tinyft.io import gguf
from tinyft.io.json_text import SIZE, read_json

ROLES = ("pad", "unk", "cls", "sep", "mask", "bos", "eos")
GGUF_ROLES = {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding"}
GGUF_WORDS = {  # tokenizer.ggml.pre: (pre-split, whole words, normal form)
    "gpt-2": ("gpt2", False, None),
    "smollm": ("digits", False, None),
    "starcoder": ("digits", False, None),
    "qwen2": ("qwen2", False, None),
    "llama-bpe": ("llama3", True, None),
}
CONTROL, USER = 3, 4  # of tokenizer.ggml.token_type


def load_tokenizer(path):
    """The tokenizer of a folder or file; a ByteLevelBPE or a WordPiece.

    Raises FileNotFoundError, or TokenizerError with the file and what is wrong with it: a
    damaged file, ids that are not 0, 1, 2, ..., merges of tokens that are not there, a
    kind of tokenizer that is not computed.
    """
    path = Path(path)
    file = _find(path) if path.is_dir() else path
    if not file.is_file():
        raise FileNotFoundError(f"There is no file or folder {path}")
    reader = {".gguf": _gguf, ".txt": _vocab_txt}.get(file.suffix, _json)
    try:
        return reader(file)
    except (TokenizerError, ValueError) as error:
        text = str(error)
        named = text if str(file) in text else f"{file}: {text}"
        raise TokenizerError(named) from None


def _find(folder):
    for name in ("tokenizer.json", "vocab.txt", "vocab.json"):
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(
        f"{folder} has none of tokenizer.json, vocab.txt, vocab.json and merges.txt"
    )


def _json(file):
    """tokenizer.json, or vocab.json with merges.txt beside it."""
    roles, template, settings = _beside(file.parent)
    value = read_json(file)
    if isinstance(value, dict) and "model" in value:
        return from_json(value, roles, template)
    merges = file.with_name("merges.txt")
    if not merges.is_file():
        raise TokenizerError(
            "it is not a tokenizer.json (which has a 'model'), and a vocab.json needs "
            "merges.txt beside it"
        )
    lines = [
        line for line in _lines(merges) if line and not line.startswith("#version")
    ]
    model = {"type": "BPE", "vocab": value, "merges": lines}
    split = {"type": "ByteLevel", "add_prefix_space": settings.get("add_prefix_space")}
    named = [{"content": name, "id": value.get(name)} for name in set(roles.values())]
    return from_json(
        {"model": model, "pre_tokenizer": split, "added_tokens": named}, roles, template
    )


def _vocab_txt(file):
    """BERT's vocab.txt: a token a line; the settings beside it in tokenizer_config.json."""
    roles, template, settings = _beside(file.parent)
    tokens = _lines(file)
    names = {role: roles.get(role, f"[{role.upper()}]") for role in ROLES[:5]}
    return WordPiece(
        tokens,
        lower=settings.get("do_lower_case", True),
        accents=None if (strip := settings.get("strip_accents")) is None else not strip,
        chinese=settings.get("tokenize_chinese_chars", True),
        specials=[name for name in names.values() if name in set(tokens)],
        roles=names,
        before=[names["cls"]],
        after=[names["sep"]],
        template=template,
    )


def _lines(file):
    if file.stat().st_size > SIZE:
        raise TokenizerError(
            f"{file} is larger than {SIZE} bytes, the limit for its kind"
        )
    try:
        text = file.read_bytes().decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise TokenizerError(f"{file} is not UTF-8 ({error})") from None
    return text.removesuffix("\n").split("\n")


def _beside(folder):
    """(roles, chat template, settings) of the small files beside a tokenizer's."""
    settings, roles = {}, {}
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        if (folder / name).is_file():
            found = read_json(folder / name)
            if not isinstance(found, dict):
                raise TokenizerError(f"{folder / name} holds no object of settings")
            settings |= found
    for role in ROLES:
        token = settings.get(f"{role}_token")
        token = token.get("content") if isinstance(token, dict) else token
        if isinstance(token, str):
            roles[role] = token
    template = settings.get("chat_template")
    return roles, template if isinstance(template, str) else None, settings


def _gguf(file):
    fields = gguf.read(file).metadata
    kind, pre = (fields.get(f"tokenizer.ggml.{name}") for name in ("model", "pre"))
    if kind != "gpt2" or pre not in GGUF_WORDS:
        raise TokenizerError(
            f"its tokenizer is {kind!r} with the pre-split {pre!r}; only 'gpt2' is read, "
            f"with {', '.join(GGUF_WORDS)}"
        )
    tokens, merges, types = (
        fields.get(f"tokenizer.ggml.{name}")
        for name in ("tokens", "merges", "token_type")
    )
    if not isinstance(tokens, list) or not isinstance(merges, list):
        raise TokenizerError("its metadata lacks tokenizer.ggml.tokens or .merges")
    if types is None or len(types) != len(tokens):
        raise TokenizerError(
            "tokenizer.ggml.token_type does not have a type for each token"
        )
    words, whole, normal = GGUF_WORDS[pre]
    roles = _gguf_roles(fields, tokens)
    begins = fields.get("tokenizer.ggml.add_bos_token", False) and "bos" in roles
    return ByteLevelBPE(
        tokens,
        [merge.split(" ") for merge in merges],
        words,
        whole,
        normal,
        specials=[t for t, kind in zip(tokens, types) if kind in (CONTROL, USER)],
        roles=roles,
        before=[roles["bos"]] if begins else (),
        template=fields.get("tokenizer.chat_template"),
    )


def _gguf_roles(fields, tokens):
    roles = {}
    for role, theirs in GGUF_ROLES.items():
        name = f"tokenizer.ggml.{theirs}_token_id"
        place = fields.get(name)
        if place is None:
            continue
        if type(place) is not int or not 0 <= place < len(tokens):
            raise TokenizerError(
                f"{name} is {place!r}, and there are {len(tokens)} tokens"
            )
        roles[role] = tokens[place]
    return roles
