"""A verbalizer: which words stand for which class, and a class's score from its words'.

    sum     score_k = log Σ_{w in S_k} exp z_w      = log p(one of S_k) + a constant   (1)
    mean    score_k = Σ_{w in S_k} z_w / |S_k|      the geometric mean of p(w)         (2)

z_w is the logit of word w in the gap, or the log-probability of its tokens. They differ
by log|S_k| + KL(uniform ‖ softmax z_{S_k}), so (1) favours the class with more words and
(2) the one whose words are alike. Sources: Schick, Schütze 2021 (arXiv:2001.07676) takes
(2), Hu et al. 2022 (arXiv:2108.02035) both.
"""

import difflib

from tinyft import ops
from tinyft.ops.operands import wrap

COMBINE = ("sum", "mean")


class Verbalizer:
    """words: {class: a word, or a list of words}, two classes or more.

    A word is a str exactly as it stands in the gap, its leading space included. tokens:
    the most tokens of a word. combine: "sum" (1) or "mean" (2). Raises ValueError for a
    class without a word, a word that two classes share, or one of more tokens.
    """

    def __init__(self, words, tokenizer, combine="sum", tokens=1):
        if combine not in COMBINE:
            raise ValueError(
                f"Verbalizer: combine={combine!r} should be one of {COMBINE}"
            )
        self.classes, self.combine = tuple(words), combine
        self.words = tuple(
            (given,) if isinstance(given, str) else tuple(given)
            for given in words.values()
        )
        self._check()
        self.ids = [
            _tokens(w, tokenizer, tokens) for group in self.words for w in group
        ]

    def _check(self):
        if len(self.classes) < 2 or not all(self.words):
            raise ValueError(
                "Verbalizer: give two classes or more, and one word or more for each; got "
                f"{dict(zip(self.classes, self.words))}"
            )
        flat = [word for group in self.words for word in group]
        twice = next((word for word in flat if flat.count(word) > 1), None)
        if twice is not None:
            raise ValueError(
                f"Verbalizer: {twice!r} is there twice; a word can stand for one class "
                "only, else it says nothing"
            )

    @property
    def flat(self):
        """All words, class after class: the order of the columns of word scores."""
        return [word for group in self.words for word in group]

    def targets(self, labels):
        """The numbers 0..K-1 of labels, a list of class names; ValueError for others."""
        known = {name: k for k, name in enumerate(self.classes)}
        for label in (labels := list(labels)):
            if label not in known:
                near = difflib.get_close_matches(str(label), map(str, known), 1, 0)
                raise ValueError(
                    f"Verbalizer: {label!r} is not a class; the classes are "
                    f"{self.classes}, nearest {near[0]!r}"
                )
        return [known[label] for label in labels]

    def word_logits(self, logits):
        """The columns (n, W) of logits (n, V) that belong to its words of one token."""
        longest = max(map(len, self.ids))
        if longest > 1:
            raise ValueError(
                f"Verbalizer: {self.flat[list(map(len, self.ids)).index(longest)]!r} has "
                f"{longest} tokens, so one row of logits cannot score it; use a "
                "PatternClassifier"
            )
        return wrap(logits)[:, [ids[0] for ids in self.ids]]

    def class_scores(self, scores):
        """Class scores (n, K) from those of the words (n, W), in the order of `flat`."""
        parts, start = [], 0
        for group in self.words:
            part = scores[:, start : start + len(group)]
            summed = self.combine == "sum"
            parts.append(ops.logsumexp(part, 1) if summed else ops.mean(part, 1))
            start += len(group)
        return ops.stack(parts, axis=1)


def _tokens(word, tokenizer, most):
    """The ids of a word; ValueError with near misses if there are more than `most`."""
    ids = tuple(tokenizer.encode(word).tolist())
    if not ids or tokenizer.specials.get("[UNK]") in ids:
        raise ValueError(f"Verbalizer: {word!r} is not a word this tokenizer can write")
    if len(ids) > most:
        pieces = [tokenizer.decode([i]) for i in ids]
        raise ValueError(
            f"Verbalizer: {word!r} is {len(ids)} tokens, {pieces}, and at most {most} "
            f"are allowed; words of one token near it: {_near(word, tokenizer)}; or "
            f"pass tokens={len(ids)}"
        )
    return ids


def _near(word, tokenizer):
    """Words of one token that differ by a space or a capital, then the most similar."""
    plain = word.strip()
    spelt = (plain, f" {plain}", plain.capitalize(), f" {plain.capitalize()}")
    found = [w for w in spelt if w != word and len(tokenizer.encode(w)) == 1]
    every = [tokenizer.decode([i]) for i in range(tokenizer.size)]
    found += difflib.get_close_matches(word, every, 4, 0.5)
    return list(dict.fromkeys(found))[:4] or "none"
