"""Round trips, training against a naive trainer, special tokens, files."""

import json
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyft import data
from tinyft.data import bpe
from tinyft.data.splits import split

SPECIALS = ("[PAD]", "[MASK]", "[CLS]", "[SEP]", "[BOS]", "[EOS]")
SAMPLE = data.load_text("pydoc")[:40_000]
TRAINED = data.BPETokenizer.train(SAMPLE, 400, SPECIALS)

any_text = st.text(st.characters())  # all of Unicode, lone surrogates included
mixed = st.lists(st.one_of(any_text, st.sampled_from(SPECIALS))).map("".join)


@settings(max_examples=200, deadline=None)
@given(mixed)
def test_bpe_round_trip_of_any_string(text):
    for special in (False, True):
        ids = TRAINED.encode(text, special=special)
        assert TRAINED.decode(ids) == text
        assert ids.dtype == np.int64 and ids.ndim == 1
    assert (TRAINED.encode(text) < TRAINED.size).all()  # plain text: never a special


@settings(max_examples=100, deadline=None)
@given(any_text)
def test_presplit_loses_nothing(text):
    assert "".join(split("gpt2")(text)) == text


@settings(max_examples=100, deadline=None)
@given(st.text(min_size=1), st.data())
def test_char_round_trip(text, draw):
    tokenizer = data.CharTokenizer(text)
    other = draw.draw(st.text(st.sampled_from(sorted(set(text)))))
    assert tokenizer.decode(tokenizer.encode(other)) == other
    assert tokenizer.vocab_size == len(set(text))


def naive_merges(text, count):
    """Count all pairs anew before every merge: slow, and too short to be wrong."""
    words = [[bytes([b]) for b in w.encode()] for w in split("gpt2")(text)]
    ids = {bytes([b]): b for b in range(256)}
    merges = []
    for _ in range(count):
        pairs = Counter(p for w in words for p in pairwise(w))
        ranked = [(-n, ids[a], ids[b], a, b) for (a, b), n in pairs.items() if n > 1]
        if not ranked:
            break
        _, i, j, a, b = min(ranked)
        merges.append((i, j))
        ids.setdefault(a + b, 256 + len(merges) - 1)
        for w in words:
            k = 0
            while k < len(w) - 1:
                if (w[k], w[k + 1]) == (a, b):
                    w[k : k + 2] = [a + b]
                k += 1
    return merges


@pytest.mark.parametrize("text", [SAMPLE[:3000], "aaa aaaa aaaaa aa\n" * 3, "ab"])
def test_training_equals_the_naive_trainer(text):
    assert bpe.learn_merges(text, 60) == naive_merges(text, 60)


def test_ties_go_to_the_smallest_pair():
    # Both pairs occur twice, and (97, 98) < (99, 100), whichever comes first.
    assert bpe.learn_merges("cd\nab\ncd\nab", 2) == [(97, 98), (99, 100)]


def test_encoding_follows_the_order_of_learning():
    # Merges: "bc" first, then "ab".  abc -> a+bc, never ab+c.
    tokenizer = data.BPETokenizer([(98, 99), (97, 98)])
    assert tokenizer.encode("abc").tolist() == [97, 256]
    assert tokenizer.encode("ab").tolist() == [257]


def test_training_twice_gives_the_same_and_it_compresses():
    again = data.BPETokenizer.train(SAMPLE, 400, SPECIALS)
    assert again.merges == TRAINED.merges and len(again) == 400
    assert len(TRAINED.encode(SAMPLE)) < 0.6 * len(SAMPLE)


def test_short_text_gives_a_smaller_vocabulary():
    assert len(data.BPETokenizer.train("abcd", 1000)) == 256  # no pair occurs twice
    assert len(data.BPETokenizer.train("abab", 1000)) == 257  # "ab" does, [ab][ab] not


def test_special_tokens():
    mask = TRAINED.mask_id
    assert TRAINED.pad_id == TRAINED.size and len(TRAINED) == TRAINED.size + 6
    assert [TRAINED.special_id(s) for s in SPECIALS] == list(range(394, 400))
    assert mask in TRAINED.encode("a [MASK] b", special=True)
    assert mask not in TRAINED.encode("a [MASK] b")
    assert TRAINED.decode([97, mask, 98], skip_special=True) == "ab"
    with pytest.raises(data.TokenizerError, match=r"no special token '\[UNK\]'"):
        _ = TRAINED.unk_id
    with pytest.raises(data.TokenizerError, match="repeat"):
        data.CharTokenizer("ab", specials=("[PAD]", "[PAD]"))


def test_special_token_between_the_bytes_of_a_character():
    first, second = "é".encode()
    text = TRAINED.decode([first, TRAINED.mask_id, second])
    assert text == "\ufffd[MASK]\ufffd"


def test_unknown_character_is_named_with_its_position():
    tokenizer = data.CharTokenizer("hello world")
    with pytest.raises(data.TokenizerError, match=r"'ß' \(U\+00DF\) at position 3"):
        tokenizer.encode("welßß")
    lenient = data.CharTokenizer("hello world", unk=True)
    assert lenient.encode("heß").tolist()[2] == lenient.unk_id
    assert lenient.decode(lenient.encode("heß")) == "he[UNK]"


@pytest.mark.parametrize("bad", [-1, 400])
def test_decode_out_of_range(bad):
    with pytest.raises(data.TokenizerError, match=f"id {bad} is outside"):
        TRAINED.decode([0, bad])


def test_wrong_calls_are_sentences():
    with pytest.raises(data.TokenizerError, match="expected a str, got bytes"):
        TRAINED.encode(b"abc")
    with pytest.raises(data.TokenizerError, match="the text is empty"):
        data.CharTokenizer("")
    with pytest.raises(data.TokenizerError, match="the text is empty"):
        data.BPETokenizer.train("", 300)
    with pytest.raises(data.TokenizerError, match="no room for 256 bytes and 1 "):
        data.BPETokenizer.train("abc", 256, ("[PAD]",))
    with pytest.raises(data.TokenizerError, match=r"merge \(97, 300\) uses a token"):
        data.BPETokenizer([(97, 300)])


def test_empty_text_encodes_to_nothing():
    assert TRAINED.encode("").shape == (0,) and TRAINED.decode([]) == ""


@pytest.mark.parametrize(
    "tokenizer", [TRAINED, data.CharTokenizer("añ\U0001f600\n", ("[PAD]",), unk=True)]
)
def test_save_and_load(tokenizer, tmp_path):
    path, again = tmp_path / "tokenizer.json", tmp_path / "again.json"
    tokenizer.save(path)
    loaded = type(tokenizer).load(path)
    loaded.save(again)
    assert path.read_bytes() == again.read_bytes()
    assert loaded.specials == tokenizer.specials
    text = "aañ\n\U0001f600[PAD]"
    want = tokenizer.encode(text, special=True)
    assert (loaded.encode(text, special=True) == want).all()
    assert {p.name for p in tmp_path.iterdir()} == {"again.json", "tokenizer.json"}


def test_broken_files_are_sentences(tmp_path):
    path = tmp_path / "tokenizer.json"
    TRAINED.save(path)
    with pytest.raises(data.TokenizerError, match="kind 'bpe', CharTokenizer reads"):
        data.CharTokenizer.load(path)
    whole = path.read_text("utf-8")
    state = json.loads(whole)
    not_pairs = json.dumps({**state, "merges": [1]})
    letters = json.dumps({**state, "specials": "abc"})  # not a list of names
    twice = whole.replace("{", '{"kind": "bpe", ', 1)
    deep = "[" * 10_000 + "]" * 10_000
    for text in [whole[: len(whole) // 2], "[]", "{}", not_pairs, letters, twice, deep]:
        path.write_text(text, "utf-8")
        with pytest.raises(data.TokenizerError, match="not a complete tokenizer file"):
            data.BPETokenizer.load(path)


def test_merges_that_double_are_bounded(tmp_path):
    """33 merges, each the last token twice: 2^33 bytes, from a file of half a kilobyte."""
    merges = [[97, 97], *([256 + i, 256 + i] for i in range(32))]
    path = tmp_path / "tokenizer.json"
    state = {"kind": "bpe", "merges": merges, "specials": []}
    path.write_text(json.dumps(state), "utf-8")
    assert path.stat().st_size < 600
    with pytest.raises(data.TokenizerError, match=r"merge number 12, .* of 8192 bytes"):
        data.BPETokenizer.load(path)
    assert len(data.BPETokenizer(merges[:12])) == 268  # 4096 bytes are allowed
    wide = [(267, 267 - i % 2) for i in range(2**14 + 1)]
    with pytest.raises(data.TokenizerError, match="makes a token of"):
        data.BPETokenizer(merges[:12] + wide)


def test_training_stops_at_the_longest_token(monkeypatch):
    monkeypatch.setattr(bpe, "LONGEST", 8)
    tokenizer = data.BPETokenizer.train("a" * 1000 + " b b b", 400)
    assert max(map(len, tokenizer.pieces)) == 8
    assert tokenizer.decode(tokenizer.encode("a" * 37)) == "a" * 37


def test_cache_does_not_grow_without_bound(monkeypatch):
    monkeypatch.setattr(bpe, "CACHED_WORDS", 3)
    tokenizer = data.BPETokenizer(TRAINED.merges)
    text = "one two three four five six"
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert len(tokenizer._cache) <= 3


def test_load_own_knows_the_kind(tmp_path):
    small = data.BPETokenizer.train("abab cdcd", 258)
    for kind in (data.CharTokenizer("abc", ("[PAD]",)), small):
        kind.save(tmp_path / "t.json")
        again = data.load_own(tmp_path / "t.json")
        assert type(again) is type(kind) and len(again) == len(kind)
    (tmp_path / "t.json").write_text("{")
    with pytest.raises(data.TokenizerError, match="not a complete tokenizer file"):
        data.load_own(tmp_path / "t.json")
