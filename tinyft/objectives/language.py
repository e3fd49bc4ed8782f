"""What a language model is trained for, on a running text; and what it costs in bits.

    next token   −1/n Σ log p(x_{t+1} | x_1 .. x_t)          a decoder (GPT)
    masked       −1/n Σ log p(x_t | the text with t hidden)  an encoder (BERT)
    replay       a share w of every batch comes from the text of the pretraining
    bits per byte = Σ nats of the tokens / (ln 2 · Σ bytes of the tokens)

n counts the targets that are not -100. Nats per token depend on how long the tokenizer's
tokens are; bytes are the text's own, so bits per byte compare models of any tokenizers.
A draw is a function (rng, count) -> `count` rows of inputs and of targets, and `replay`
makes batches of two of them.
Sources: Radford et al. 2018 (GPT); Devlin et al. 2019 (BERT, arXiv:1810.04805); Gururangan
et al. 2020 (continued pretraining, arXiv:2004.10964); Gao et al. 2020 (the Pile,
arXiv:2101.00027), section 3.1, on bits per byte.
"""

import math

from tinyft import backend, ops
from tinyft.autograd.mode import no_grad
from tinyft.autograd.tensor import Tensor
from tinyft.data.batches import IGNORE, cut_windows, lm_batch
from tinyft.data.bpe import to_bytes
from tinyft.data.files import DataError
from tinyft.data.masking import mask_tokens


def lm_loss(model, x, y):
    """Mean cross-entropy over the targets (B, T) that count, in nats: a scalar Tensor."""
    return flat_loss(model(x), y)


def flat_loss(logits, y, reduction="mean"):
    """Cross-entropy of logits (B, T, V) and targets (B, T); "none" gives (B·T,)."""
    flat = logits.reshape(-1, logits.shape[-1])
    return ops.cross_entropy(flat, y.reshape(-1), reduction=reduction)


# --- draws: (rng, count) -> rows of a text --------------------------------------------


def causal(ids, length):
    """A draw of windows of `ids` (N,): inputs and next tokens, (count, length) each."""

    def draw(rng, count):
        return lm_batch(rng, ids, count, length)

    return draw


def masked(ids, tokenizer, length, p=0.15, words=None, first=None):
    """A draw of windows of `ids` (N,) with hidden tokens: `mask_tokens`.

    Special tokens of the tokenizer are not chosen, and no random token is one.
    words (N,): from `tokenizer.word_ids(text)`, to hide whole words.
    first: the id that opens each window, such as tokenizer.cls_id.
    """
    never = tuple(tokenizer.specials.values())
    width = length - (first is not None)
    ids, words = _one_row(ids, words)

    def draw(rng, count):
        at = cut_windows(rng, _places(ids), count, width)
        rows, of = ids[at], None if words is None else words[at]
        if first is not None:
            rows, of = _opened(rows, first), _opened(of, -1)
        known = tokenizer.mask_id, len(tokenizer)
        return mask_tokens(rows, rng, *known, p, never, of)

    return draw


def _one_row(ids, words):
    """Token ids and their words as arrays of one length."""
    xp = backend.xp_of(ids)
    ids, words = xp.asarray(ids), None if words is None else xp.asarray(words)
    if words is not None and words.shape != ids.shape:
        raise DataError(
            f"masked: {ids.shape} token ids but {words.shape} words; both come from one "
            "text: tokenizer.encode(text) and tokenizer.word_ids(text)"
        )
    return ids, words


def _places(ids):
    return backend.xp_of(ids).arange(len(ids))


def _opened(rows, value):
    """`rows` (B, T) behind a column of `value`; None stays None."""
    if rows is None:
        return None
    xp = backend.xp_of(rows)
    return xp.concatenate([xp.full_like(rows[:, :1], value), rows], axis=1)


def replay(new, old, share, batch):
    """A function rng -> endless batches of `batch` rows, share · batch of them old.

    new, old: draws of rows of one length. share in [0, 1]; share · batch must be a whole
    number, so that the share is exact in every batch. The share is one of rows: it is
    one of targets too where every row has as many (`causal` does).
    Raises ValueError otherwise, with the shares that this batch allows.
    """
    count = round(share * batch)
    if not 0 <= share <= 1 or abs(share * batch - count) > 1e-9:
        near = sorted({max(0, count - 1), count, min(batch, count + 1)})
        raise ValueError(
            f"replay: share={share} of {batch} rows is {share * batch:g} rows; it should "
            f"be a whole number of 0..{batch}, such as share="
            + " or ".join(f"{n / batch:g}" for n in near)
        )

    def batches(rng):
        while True:
            parts = [
                draw(rng, n) for draw, n in ((new, batch - count), (old, count)) if n
            ]
            yield parts[0] if len(parts) == 1 else _joined(*parts)

    return batches


def _joined(a, b):
    if a[0].shape[1:] != b[0].shape[1:]:
        raise ValueError(
            f"replay: the new rows have {a[0].shape[1]} tokens and the old ones "
            f"{b[0].shape[1]}; give both draws one length"
        )
    xp = backend.xp_of(a[0])
    return tuple(xp.concatenate(pair) for pair in zip(a, b, strict=True))


# --- bits per byte ---------------------------------------------------------------------


def byte_count(tokenizer, ids):
    """How many bytes of text the tokens `ids` (N,) stand for; special tokens have none."""
    return len(to_bytes(tokenizer.decode(ids, skip_special=True)))


def bits_per_byte(nats, ids, tokenizer):
    """Σ nats / (ln 2 · bytes): nats (N,), or their sum, of the tokens `ids` (N,).

    Raises ValueError when the two have different lengths, or the tokens have no bytes.
    """
    size = getattr(nats, "shape", ())
    if size and tuple(size) != (len(ids),):
        raise ValueError(
            f"bits_per_byte: {tuple(size)} losses for {len(ids)} tokens; give one loss "
            "per token, the targets' own, or their sum"
        )
    count = byte_count(tokenizer, ids)
    if not count:
        raise ValueError(
            f"bits_per_byte: the {len(ids)} tokens have no bytes (special tokens only?), "
            "so there is nothing to divide by"
        )
    return float(nats.sum() if size else nats) / (math.log(2) * count)


def text_bits(model, tokenizer, text, length=64, rows=16):
    """Bits per byte of a decoder on `text`: what it would need to write the text down.

    The text is cut into rows of `length` inputs; every token but the very first is
    predicted once, from the tokens of its own row, and its bytes are counted.
    Raises ValueError for an encoder (its loss is not a code length), for a model of
    another vocabulary, and for a tokenizer that does not give the text back.
    """
    ids = _checked(model, tokenizer, text)
    nats, last = 0.0, len(ids) - 1
    with no_grad(), model.evaluating():
        whole = last // length
        for i in range(0, whole, rows):
            n = min(rows, whole - i)
            nats += _nats(model, ids, i * length, n, length)
        if last % length:
            nats += _nats(model, ids, whole * length, 1, last % length)
    return bits_per_byte(nats, ids[1:], tokenizer)


def _nats(model, ids, start, rows, length):
    """The sum of the losses of `rows` rows of `length` inputs, from ids[start] on."""
    size = rows * length
    x = ids[start : start + size].reshape(rows, length)
    y = ids[start + 1 : start + 1 + size].reshape(rows, length)
    device = next(iter(model.parameters())).device
    x, y = (Tensor._of(backend.to(part, device), None) for part in (x, y))
    return flat_loss(model(x), y, "sum").item()


def _checked(model, tokenizer, text):
    config = model.config
    if not config.causal:
        raise ValueError(
            "text_bits: the model sees both sides of a token, so its losses are not the "
            "length of a code; compare encoders by the loss of masked tokens"
        )
    if config.vocab != len(tokenizer):
        raise ValueError(
            f"text_bits: the model has {config.vocab} tokens and the tokenizer "
            f"{len(tokenizer)}; take the tokenizer that the model was trained with"
        )
    ids = tokenizer.encode(text)
    if tokenizer.decode(ids) != text:
        raise ValueError(
            "text_bits: the tokenizer does not give this text back (an unknown "
            "character, or capitals lost), so its bits would be those of another text"
        )
    if len(ids) < 2:
        raise ValueError(
            f"text_bits: {len(ids)} tokens, and the first one is not predicted; two or "
            "more are needed"
        )
    return ids


__all__ = [
    "IGNORE",
    "bits_per_byte",
    "byte_count",
    "causal",
    "flat_loss",
    "lm_loss",
    "mask_tokens",
    "masked",
    "replay",
    "text_bits",
]
