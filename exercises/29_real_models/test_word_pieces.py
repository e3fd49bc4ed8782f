"""Grader of word_pieces. Ids are exact. The reference is recursive: a word is cut by
slicing, without places to keep track of. Vocabularies and texts are drawn until every
rule of the algorithm changes something."""

import itertools

import numpy as np
import pytest

from tinyft.grading import compare

SIZES = [  # letters, pieces of each kind, words, longest
    ("abc", 14, 24, 7),
    ("abcd", 22, 30, 8),
    ("xyz", 12, 28, 6),
    ("mnop", 26, 26, 9),
]
DECISIVE = 7  # of the rules below, each of which must change a text's ids


def word_of(rng, letters, low, high):
    return "".join(rng.choice(list(letters), int(rng.integers(low, high + 1))))


def draw_once(rng, letters, pieces, words, longest):
    starts = {word_of(rng, letters, 1, 4) for _ in range(pieces)}
    rests = {"##" + word_of(rng, letters, 1, 3) for _ in range(pieces)}
    vocab = ["[UNK]", "[CLS]", "[SEP]", *sorted(starts), *sorted(rests)]
    vocab = [vocab[i] for i in rng.permutation(len(vocab))]
    text = [word_of(rng, letters, 1, longest + 2) for _ in range(words)]
    gaps = rng.choice([" ", " ", "  "], words)
    return "".join(w + g for w, g in zip(text, gaps)), vocab, longest


def problem(rng, *draw):
    while True:
        given = draw_once(rng, *draw)
        right, known = ids(given), variants(given)
        if all(known[name] != right for name in list(known)[:DECISIVE]):
            return given


def pieces(word, vocab, mark="", first="longest"):
    """The pieces of a word, None where one is missing."""
    if not word:
        return []
    ends = [e for e in range(len(word), 0, -1) if mark + word[:e] in vocab]
    if not ends:
        return [None]
    end = ends[-1] if first == "shortest" else ends[0]
    return [mark + word[:end], *pieces(word[end:], vocab, "##", first)]


def from_the_right(word, vocab):
    """The longest end of the word first."""
    if not word:
        return []
    for start in range(len(word)):
        piece = ("##" if start else "") + word[start:]
        if piece in vocab:
            return [*from_the_right(word[:start], vocab), piece]
    return [None]


def fewest(word, vocab):
    """The cut into the fewest pieces; of several the one with the longest first."""
    for n in range(len(word)):
        found = []
        for places in itertools.combinations(range(1, len(word)), n):
            ends = itertools.pairwise((0, *places, len(word)))
            cut = [("##" if a else "") + word[a:b] for a, b in ends]
            if set(cut) <= vocab:
                found.append((places, cut))
        if found:
            return max(found)[1]
    return ["[UNK]"]


def backtracking(word, vocab, mark=""):
    """The first cut, longest pieces first, that covers the word; None without one."""
    if not word:
        return []
    for end in range(len(word), 0, -1):
        if mark + word[:end] in vocab:
            rest = backtracking(word[end:], vocab, "##")
            if rest is not None:
                return [mark + word[:end], *rest]
    return None


def unmarked(word, vocab):
    """Further pieces without ##."""
    if not word:
        return []
    ends = [e for e in range(len(word), 0, -1) if word[:e] in vocab]
    return [word[: ends[0]], *unmarked(word[ends[0] :], vocab)] if ends else [None]


def cut(word, vocab, rule=""):
    """What stands for a word, by a rule."""
    if rule == "fewest":
        return fewest(word, vocab)
    if rule == "backtracking":
        return backtracking(word, vocab) or ["[UNK]"]
    if rule == "right":
        found = from_the_right(word, vocab)
    elif rule == "unmarked":
        found = unmarked(word, vocab)
    else:
        found = pieces(word, vocab, first=rule or "longest")
    if None not in found:
        return found
    kept = [piece for piece in found if piece is not None]
    ends = {"part": [*kept, "[UNK]"], "kept": kept, "dropped": []}
    if rule == "letters":
        left = len(word) - sum(len(p.removeprefix("##")) for p in kept)
        return kept + ["[UNK]"] * left
    return ends.get(rule, ["[UNK]"])


def ids(given, rule="", wide=0, ends=False):
    """The ids of the text. wide: how much longer a word may be; None: no limit."""
    text, vocab, longest = given
    known, found = set(vocab), []
    for word in text.split():
        how = "" if rule in ("part", "kept", "dropped", "letters") else rule
        fits = wide is None or len(word) <= longest + wide
        found += cut(word, known, rule if rule and not how else how) if fits else (
            [] if rule == "dropped" else ["[UNK]"]
        )  # fmt: skip
    found = ["[CLS]", *found, "[SEP]"] if ends else found
    return [vocab.index(piece) for piece in found]


def variants(given):
    return {
        "only the rest of an unknown word becomes [UNK]": ids(given, "part"),
        "the shortest piece first": ids(given, "shortest"),
        "when a place has no piece, a shorter one before it is tried": ids(
            given, "backtracking"
        ),
        "the fewest pieces, not the longest first": ids(given, "fewest"),
        "the pieces are searched from the end of the word": ids(given, "right"),
        "an unknown word is left out": ids(given, "dropped"),
        "long words are cut too: `longest` is ignored": ids(given, wide=None),
        "an [UNK] for each character without a piece": ids(given, "letters"),
        "the pieces before the gap are kept, without [UNK]": ids(given, "kept"),
        "further pieces are searched without ##": ids(given, "unmarked"),
        "words of exactly `longest` characters become [UNK]": ids(given, wide=-1),
        "[CLS] and [SEP] are added": ids(given, ends=True),
    }


def judge(student, given):
    right = ids(given)
    known = variants(given)
    known = {name: np.array(v) for name, v in known.items() if v != right}
    compare(
        student.word_pieces(*given),
        want=np.array(right),
        mistakes=known,
        tol=1e-9,
        equation="(29.3)",
    )


@pytest.mark.points(4)
@pytest.mark.draws(*SIZES)
def test_ids(student, rng, draw):
    """The ids of a text."""
    judge(student, problem(rng, *draw))


@pytest.mark.draws(("ab", 9, 20, 6), ("abcde", 40, 40, 8), ("uvw", 15, 30, 9))
def test_other_alphabets(student, rng, draw):
    """Fewer letters and more, longer texts."""
    judge(student, problem(rng, *draw))
