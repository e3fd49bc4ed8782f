"""Chapter 20: BERT fine-tuned in full, in part or not at all, and a prompted BERT.

head       "full", "partial", "frozen":  [CLS] verse            mean state -> 2 scores
prompt                                   [CLS] verse ⏎ [MASK]   scores of a few words
"""

from functools import cache

import numpy as np

from tinyft import models, nn, no_grad, ops, tensor, transfer
from tinyft.course.experiment import train
from tinyft.course.lessons.language.ch20_setting import (
    HELD,
    accuracy,
    features_head,
    parts,
    verdicts,
)
from tinyft.training.pretrained import load_pretrained

BASE = "bert_text"
WORDS = ("And", "Then"), ("A", "The", "He")  # what the next verse begins with
LENGTH, BATCH = 60, 16
STEPS = {4: 40, 10: 40, 32: 40, 100: 60, 300: 80, 1000: 80}


@cache
def load_tokens():
    """The tokenizer that belongs to the BERT."""
    return load_pretrained(BASE)[1]


def encode(texts, prompt=False):
    """Token ids (n, T) and their mask: [CLS], at most 60 tokens, and for a prompt a line
    end and [MASK], which stand last in their row."""
    tok = load_tokens()
    tail = [*tok.encode("\n"), tok.mask_id] if prompt else []
    rows = [[tok.cls_id, *tok.encode(text)[:LENGTH], *tail] for text in map(str, texts)]
    return rectangle(rows)


def rectangle(rows):
    """Lists of token ids, of several lengths, as ids (n, T) and their mask."""
    ids = np.full((len(rows), max(map(len, rows))), load_tokens().pad_id)
    mask = np.zeros(ids.shape, bool)
    for i, row in enumerate(rows):
        ids[i, : len(row)], mask[i, : len(row)] = row, True
    return ids, mask


class Head(nn.Module):
    """A linear layer on the mean of the last states: logits (B, 2)."""

    def __init__(self, body, rng=None):
        self.body, self.fc = body, nn.Linear(body.config.dim, 2, rng=rng)

    def forward(self, ids, mask):
        return self.fc(models.mean_tokens(self.body.states(ids, mask), mask))


class Prompt(nn.Module):
    """The words that the masked-word head puts at [MASK]: logits (B, 2), one per kind.

    A kind's logit is log Σ exp over its words: its probability is theirs together.
    """

    def __init__(self, body, words=WORDS):
        self.body = body
        self.ids = [[_word(word) for word in kind] for kind in words]

    def forward(self, ids, mask):
        return kinds(self.scores(ids, mask), self.ids)

    def scores(self, ids, mask):
        """Logits of the whole vocabulary at [MASK], (B, vocab)."""
        last = np.asarray(mask).sum(axis=1) - 1
        states = self.body.states(ids, mask)
        return self.body.head(states[np.arange(len(last)), last])


def _word(word):
    (token,) = load_tokens().encode(word)  # a word of several tokens is an error
    return int(token)


def kinds(scores, words):
    """(B, vocab) to (B, 2): log Σ exp of the scores of each kind's words."""
    return ops.stack([ops.logsumexp(scores[:, ids], 1) for ids in words], axis=1)


def batches(texts, labels, prompt):
    """A function rng -> endless batches (ids, mask, labels) of at most 16 verses."""

    def endless(rng):
        while True:
            order = rng.permutation(len(texts))
            for rows in np.array_split(order, -(-len(order) // BATCH)):
                yield *encode(texts[rows], prompt), labels[rows]

    return endless


def loss(model, ids, mask, labels):
    """Mean cross-entropy of the two kinds."""
    return ops.cross_entropy(model(ids, mask), labels)


def outputs(model, texts, prompt, of=None):
    """What `of` (the model) gives for every verse, a host array (n, ...); the verses go
    through in the order of their lengths, which saves padding."""
    texts = np.asarray(texts)
    order, found = np.argsort([len(text) for text in texts]), []
    of = of or model
    with no_grad(), model.evaluating():
        for rows in np.array_split(order, max(len(order) // 50, 1)):
            ids, mask = encode(texts[rows], prompt)
            found.append(of(tensor(ids), tensor(mask)).numpy())
    back = np.argsort(order)
    return np.concatenate(found)[back]


def fine_tuned(method, texts, labels, lr, seed, steps=40):
    """A model trained on labelled verses: "full", "partial" (last block) or "prompt"."""
    body, prompt = load_pretrained(BASE)[0], method == "prompt"
    model = Prompt(body) if prompt else Head(body, rng=seed)
    if method == "partial":
        transfer.train_only(model, r"blocks\.2|fc")
    train(model, batches(texts, labels, prompt), lr, steps, seed, loss)
    return model


def score(model, task="saying", part="test"):
    """Accuracy of a fine-tuned model on a part."""
    texts, labels = parts(task)[part]
    found = outputs(model, texts, isinstance(model, Prompt))
    return accuracy(found.argmax(axis=1), labels)


def judged(model, task="saying"):
    """`verdicts` of a fine-tuned model, with its wrong test verses; for a prompt also
    "valid recentred" and "test recentred", by the median of valid's differences."""
    prompt, kinds = isinstance(model, Prompt), [parts(task)[k].labels for k in HELD]
    apart = [np.diff(outputs(model, parts(task)[k].texts, prompt))[:, 0] for k in HELD]
    found = verdicts(*((d > 0) != y for d, y in zip(apart, kinds)))
    if prompt:
        centre = np.median(apart[0])
        again = verdicts(*((d > centre) != y for d, y in zip(apart, kinds)))
        found |= {f"{k} recentred": again[k] for k in HELD}
    return found


def states_of(texts):
    """The mean states (n, 128) of texts, of the BERT as shipped."""
    model = Head(load_pretrained(BASE)[0], rng=0)

    def states(ids, mask):
        return models.mean_tokens(model.body.states(ids, mask), mask)

    return outputs(model, texts, False, states).astype(float)


@cache
def frozen_states(task="saying", part="test"):
    """`states_of` every verse of a part."""
    return states_of(parts(task)[part].texts)


def frozen_head(count, seed, task="saying"):
    """`verdicts` of logistic regression on frozen states."""
    return features_head(lambda part: frozen_states(task, part), count, seed, task)


@cache
def zero_shot(task="saying", part="test"):
    """Prompt logits (n, 2) of every verse of a part, of the BERT as shipped."""
    return outputs(Prompt(load_pretrained(BASE)[0]), parts(task)[part].texts, True)
