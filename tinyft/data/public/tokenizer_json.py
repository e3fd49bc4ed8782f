"""A tokenizer.json of Hugging Face's tokenizers: WordPiece or byte-level BPE.

    added_tokens   normalizer   pre_tokenizer   model   post_processor

Each part is one that is computed here, or the file is refused naming it: a normaliser
left out would give other ids without a word.
"""

from tinyft.data.public.byte_level import ByteLevelBPE
from tinyft.data.public.wordpiece import WordPiece
from tinyft.data.tokenizer import TokenizerError

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPLITS = {LLAMA3: "llama3", LLAMA3.replace("{1,3}", ""): "qwen2"}
PLAIN = ("single_word", "rstrip")  # flags of an added token that are not computed


def from_json(value, roles=None, template=None):
    """The tokenizer of a parsed tokenizer.json; TokenizerError naming what is not read."""
    model, roles = _object(value, "model"), dict(roles or {})
    added = value.get("added_tokens") or []
    tokens, specials = _vocabulary(model.get("vocab"), added)
    before, after = _around(value.get("post_processor"))
    around = {"before": before, "after": after, "template": template}
    swallow = [token["content"] for token in added if token.get("lstrip")]
    options = {"specials": specials, "roles": roles, "swallow": swallow, **around}
    kind = model.get("type", "BPE" if "merges" in model else None)
    if kind == "WordPiece":
        return _wordpiece(value, model, tokens, options)
    if kind == "BPE":
        return _byte_level(value, model, tokens, options)
    raise TokenizerError(f"its model is {kind!r}; WordPiece and BPE are read")


def _wordpiece(value, model, tokens, options):
    norm = _object(value, "normalizer")
    _only("normalizer", norm, type="BertNormalizer")
    _only("pre_tokenizer", _object(value, "pre_tokenizer"), type="BertPreTokenizer")
    _only("model", model, continuing_subword_prefix="##")
    longest, strip = (
        model.get("max_input_chars_per_word", 100),
        norm.get("strip_accents"),
    )
    if type(longest) is not int or longest < 1:
        raise TokenizerError(
            f"max_input_chars_per_word is {longest!r}, expected a count"
        )
    options["roles"].setdefault("unk", model.get("unk_token", "[UNK]"))
    return WordPiece(
        tokens,
        lower=norm.get("lowercase", True),
        accents=None if strip is None else not strip,
        chinese=norm.get("handle_chinese_chars", True),
        clean=norm.get("clean_text", True),
        longest=longest,
        **options,
    )


def _byte_level(value, model, tokens, options):
    _only("model", model, dropout=None, continuing_subword_prefix=None)
    _only("model", model, end_of_word_suffix=None, byte_fallback=False)
    norm = value.get("normalizer")
    if norm is not None:
        _only("normalizer", _object(value, "normalizer"), type="NFC")
    merges = model.get("merges")
    if not isinstance(merges, list):
        raise TokenizerError("its model has no list of merges")
    if isinstance(model.get("unk_token"), str):
        options["roles"].setdefault("unk", model["unk_token"])
    return ByteLevelBPE(
        tokens,
        [_merge(merge) for merge in merges],
        _words(_object(value, "pre_tokenizer")),
        model.get("ignore_merges", False),
        None if norm is None else "NFC",
        model.get("unk_token"),
        **options,
    )


def _merge(merge):
    """A pair of tokens, written "a b" or ["a", "b"]."""
    pair = merge.split(" ") if isinstance(merge, str) else merge
    if not isinstance(pair, list) or [type(part) for part in pair] != [str, str]:
        raise TokenizerError(f"a merge is two tokens, got {merge!r:.80}")
    return pair


def _vocabulary(vocab, added):
    """(tokens by id, names of the added ones); ids are 0, 1, 2, ... without a gap."""
    if not isinstance(vocab, dict) or not isinstance(added, list):
        raise TokenizerError("its model has no vocabulary {token: id}")
    vocab, specials = dict(vocab), []
    for token in added:
        if not isinstance(token, dict) or not isinstance(token.get("content"), str):
            raise TokenizerError(f"an added token is an object, got {token!r:.80}")
        name = token["content"]
        if any(token.get(flag) for flag in PLAIN):
            raise TokenizerError(
                f"the added token {name!r} takes blanks or whole words with it "
                f"({', '.join(f for f in PLAIN if token.get(f))}), which is not computed"
            )
        if vocab.setdefault(name, token.get("id")) != token.get("id"):
            raise TokenizerError(f"the token {name!r} has two ids")
        specials.append(name)
    tokens = [None] * len(vocab)
    for name, i in vocab.items():
        if type(i) is not int or not 0 <= i < len(tokens) or tokens[i] is not None:
            raise TokenizerError(
                f"the token {name!r} has the id {i!r}; expected each of 0 to "
                f"{len(tokens) - 1} once"
            )
        tokens[i] = name
    return tokens, specials


def _words(pre):
    """The pre-split, one of splits.NAMES, of a pre_tokenizer."""
    parts = pre.get("pretokenizers") if pre.get("type") == "Sequence" else [pre]
    if not isinstance(parts, list) or not all(isinstance(p, dict) for p in parts):
        raise TokenizerError("its pre_tokenizer is not a list of steps")
    *first, last = parts or [{}]
    _only("pre_tokenizer", last, type="ByteLevel", add_prefix_space=False)
    regex = last.get("use_regex", True)
    if not first and regex:
        return "gpt2"
    if len(first) == 1 and first[0].get("type") == "Digits" and regex:
        _only("pre_tokenizer", first[0], individual_digits=True)
        return "digits"
    if len(first) == 1 and first[0].get("type") == "Split" and not regex:
        _only("pre_tokenizer", first[0], behavior="Isolated", invert=False)
        pattern = first[0].get("pattern")
        pattern = pattern.get("Regex") if isinstance(pattern, dict) else pattern
        if isinstance(pattern, str) and pattern in SPLITS:
            return SPLITS[pattern]
        raise TokenizerError(
            f"its pre_tokenizer splits by {pattern!r:.120}, unknown here"
        )
    kinds = [part.get("type") for part in parts]
    raise TokenizerError(f"its pre_tokenizer is {kinds}, which is not computed")


def _around(post):
    """The names of the tokens before and after a text."""
    if post is None:
        return (), ()
    several = isinstance(post, dict) and post.get("type") == "Sequence"
    parts = post.get("processors") if several else [post]
    before, after = (), ()
    for part in parts if isinstance(parts, list) else [{}]:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "TemplateProcessing":
            before, after = _template(part.get("single"))
        elif kind in ("BertProcessing", "RobertaProcessing"):
            before, after = ([_name(part.get(n))] for n in ("cls", "sep"))
        elif kind != "ByteLevel":
            raise TokenizerError(
                f"its post_processor is {kind!r}, which is not computed"
            )
    return before, after


def _name(pair):
    return pair[0] if isinstance(pair, list) and pair else pair


def _template(single):
    """The names before and after the text: [{"SpecialToken": ..}, {"Sequence": ..}]."""
    around, now = ([], []), 0
    for step in single if isinstance(single, list) else [None]:
        if isinstance(step, dict) and "Sequence" in step:
            now += 1
        elif isinstance(step, dict) and isinstance(step.get("SpecialToken"), dict):
            around[min(now, 1)].append(step["SpecialToken"].get("id"))
        else:
            raise TokenizerError(f"its post_processor has the step {step!r:.80}")
    if now != 1:
        raise TokenizerError("its post_processor does not have the text once")
    return around


def _object(value, name):
    found = value.get(name)
    if not isinstance(found, dict):
        raise TokenizerError(
            f"its {name} is {found!r:.40}, expected an object of settings"
        )
    return found


def _only(name, found, **options):
    """Raise for a setting that is not the one computed here."""
    for option, value in options.items():
        other = found.get(option, value)
        if other != value and (other or value):  # null, false and "" are all "not set"
            raise TokenizerError(
                f"its {name} has {option}={other!r:.60}; {option}={value!r} is computed"
            )
