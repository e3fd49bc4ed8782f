"""A masked language model as a classifier: pattern, verbalizer, one softmax for both uses.

    restricted   log p(k | x) = score_k − log Σ_j exp score_j       over the classes     (1)
    full         log p(S_k | x) = score_k − log Σ_v exp z_v         over the vocabulary  (2)

(2) = (1) + log p(any word of the verbalizer | x): both decide alike, but (2) also trains
the model to say one of these words. The loss is the mean of −(1) or −(2). A word of m
tokens gets a prompt of m gaps and the sum of its tokens' log-probabilities, "parallel"
(one pass, no token sees the others) or "chain" (left to right, m passes):

    log p(w) = Σ_i log p(w_i | x, all gaps)    or    Σ_i log p(w_i | x, w_1..w_{i-1}) (3)

Sources: Schick, Schütze 2021 (arXiv:2001.07676, and 2009.07118 for several tokens).
"""

from tinyft import ops
from tinyft.autograd import no_grad, tensor
from tinyft.nn import Parameter
from tinyft.ops.operands import wrap

SOFTMAX, ORDER = ("restricted", "full"), ("parallel", "chain")


class PatternClassifier:
    """model: a Transformer with an "mlm" head; pattern, verbalizer: of its tokenizer.

    softmax: "restricted" (1) or "full" (2); order: "parallel" or "chain" (3). The same
    scores are trained and tested. `bias` (K,) is added to them: None, or a calibration.
    Raises ValueError for a word that the pattern's gap does not read as its tokens.
    """

    def __init__(
        self, model, pattern, verbalizer, softmax="restricted", order="parallel"
    ):
        for name, value, options in (
            ("softmax", softmax, SOFTMAX),
            ("order", order, ORDER),
        ):
            if value not in options:
                raise ValueError(
                    f"PatternClassifier: {name}={value!r} should be one of {options}"
                )
        pattern.check_words(verbalizer.flat)
        self.model, self.pattern, self.verbalizer = model, pattern, verbalizer
        self.softmax, self.order, self.bias = softmax, order, None

    def __call__(self, texts):
        """Class scores (n, K) of a list of texts, a Tensor that takes gradients."""
        lengths = {len(ids) for ids in self.verbalizer.ids}
        if lengths == {1} and self.softmax == "restricted":
            logits = mask_logits(self.model, self.pattern.encode(texts))[:, 0]
            words = self.verbalizer.word_logits(logits)
        else:
            words = self._word_log_probabilities(texts, lengths)
        scores = self.verbalizer.class_scores(words)
        if self.bias is not None:
            scores = scores + wrap(self.bias).astype(scores.dtype)
        return scores

    def loss(self, texts, labels):
        """The mean of −log p(label | text); labels: a list of class names."""
        targets = tensor(self.verbalizer.targets(labels))
        scores = self(texts)
        if self.softmax == "restricted":
            return ops.cross_entropy(scores, targets)
        return -ops.mean(ops.take_along_axis(scores, targets[:, None], 1))

    def predict(self, texts):
        """The class names of the highest scores, one per text."""
        with no_grad(), self.model.evaluating():
            best = self(texts).argmax(axis=1)
        return [self.verbalizer.classes[k] for k in best.numpy().tolist()]

    def _word_log_probabilities(self, texts, lengths):
        """(3) for each word, (n, W)."""
        given = {m: self.pattern.encode(texts, m) for m in sorted(lengths)}
        if self.order == "chain":
            columns = [self._chain(given[len(ids)], ids) for ids in self.verbalizer.ids]
            return ops.stack(columns, axis=1)
        logs = {
            m: ops.log_softmax(mask_logits(self.model, prompts))
            for m, prompts in given.items()
        }
        columns = [
            sum(logs[len(ids)][:, i, t] for i, t in enumerate(ids))
            for ids in self.verbalizer.ids
        ]
        return ops.stack(columns, axis=1)

    def _chain(self, prompts, ids):
        """One word's log-probability, its tokens written into the gaps one by one."""
        total = 0.0
        for i, t in enumerate(ids):
            total = (
                total + ops.log_softmax(mask_logits(self.model, prompts)[:, i])[:, t]
            )
            prompts = filled(prompts, i, t)
        return total


def mask_logits(model, prompts):
    """Logits (n, m, V) of the m gaps of each prompt; the head reads no other position."""
    states = model.states(prompts.ids, prompts.mask)
    return model.head(ops.take_along_axis(states, prompts.at[:, :, None], 1))


def filled(prompts, i, token):
    """The prompts with `token` written into gap i of each row."""
    here = ops.arange(prompts.ids.shape[1])[None] == prompts.at[:, i : i + 1]
    return prompts._replace(ids=ops.where(here, token, prompts.ids))


def write_bias(model, verbalizer, bias):
    """Add b_k of `bias` (K,) to the decoder's bias of every word of class k; the model.

    Each class score grows by b_k, so the calibration is in the weights. Raises ValueError
    for a word of several tokens, whose score would grow at each of them.
    """
    b, longest = wrap(bias)._data, max(map(len, verbalizer.ids))
    if b.shape != (len(verbalizer.classes),) or longest > 1:
        raise ValueError(
            f"write_bias: bias should be ({len(verbalizer.classes)},), one number per "
            f"class, and each word one token; got {b.shape} and a word of {longest}"
        )
    sizes = [len(group) for group in verbalizer.words]
    per_word = [float(b[k]) for k, size in enumerate(sizes) for _ in range(size)]
    p = model.head.decoder.bias
    p.data = p.data.copy()
    for (token,), add in zip(verbalizer.ids, per_word):
        p.data[token] += add
    return model


def untie(model):
    """Give the head's decoder a copy of the embedding matrix; the model, changed.

    Until then they are one array, so that training the head moves what the model reads.
    Raises ValueError for a model whose head is not tied.
    """
    decoder = getattr(getattr(model, "head", None), "decoder", None)
    if decoder is None or decoder.weight is not model.embed.weight:
        raise ValueError(
            f"untie: the head of {type(model).__name__} has no decoder that is the "
            "embedding itself, so there is nothing to untie"
        )
    copy = model.embed.weight.data.copy()
    decoder.weight = Parameter(copy, dtype=copy.dtype)
    return model
