"""A trained model under a new tokenizer: each new token starts as the mean of old ones.

    E'[v] = 1/k Σ E[u_i],   u_1 .. u_k = old.encode(bytes of v)

A token that the old tokenizer has too keeps its row (k = 1), and a special token takes
the row of the same name. The head's bias, where there is one, moves as the rows do.
Sources: Gee et al. 2022 (arXiv:2402.09977, Fast Vocabulary Transfer), section 3.
"""

import dataclasses

from tinyft import backend

ROWS = ("embed.weight", "head.weight", "head.decoder.weight", "head.decoder.bias")


def old_pieces(old, new):
    """For each token of `new`, the ids (k,) of `old` that spell its bytes.

    A special token: the one of the same name in `old`; an empty list where it is missing.
    Both are byte-level BPE, so that every token has bytes and any bytes have ids.
    Raises ValueError for another kind of tokenizer.
    """
    for name, one in (("old", old), ("new", new)):
        if not hasattr(one, "pieces"):
            raise ValueError(
                f"old_pieces: the {name} tokenizer is a {type(one).__name__}, whose "
                "tokens have no bytes; both should be a BPETokenizer"
            )
    found = [old.encode_bytes(piece) for piece in new.pieces]
    for name in new.specials:
        found.append([old.specials[name]] if name in old.specials else [])
    return found


def new_rows(table, pieces, missing=None):
    """Rows (len(pieces), ...) of a new table: the mean of the old rows of each token.

    table (V, ...): an array.  pieces: lists of rows, `old_pieces`.  missing: what a token
    without pieces gets, by default the mean of all old rows.
    """
    xp = backend.xp_of(table)
    missing = table.mean(axis=0) if missing is None else missing
    rows = [table[list(one)].mean(axis=0) if len(one) else missing for one in pieces]
    return xp.stack(rows).astype(table.dtype)


def change_vocabulary(model, old, new, keep=True, rng=None):
    """A copy of a language model for the tokenizer `new`: what was trained with `old`.

    keep=True starts the new rows as the mean of the old pieces, False leaves them as a
    new model draws them, N(0, 0.02²) from `rng`. All other weights are the old ones.
    Raises ValueError when `old` is not the model's tokenizer by its size.
    """
    if model.config.vocab != len(old):
        raise ValueError(
            f"change_vocabulary: the model has {model.config.vocab} tokens, the old "
            f"tokenizer {len(old)}; pass the tokenizer that the model was trained with"
        )
    if model.config.head not in ("lm", "mlm"):
        raise ValueError(
            f"change_vocabulary: the model has head={model.config.head!r}; a language "
            'model has "lm" or "mlm"'
        )
    config = dataclasses.replace(model.config, vocab=len(new))
    fresh, pieces = type(model)(config, rng=rng), old_pieces(old, new)
    before = dict(model.named_parameters())
    for name, p in fresh.named_parameters():
        was = before[name].data
        if name not in ROWS:
            p.data = was.copy()
        elif keep:
            p.data = new_rows(was, pieces)
    return fresh
