"""Task 4 of 4: whole words hidden, token by token replaced.  (21.5) of the notebook."""

import numpy as np


def mask_words(ids, word, u, v, r, d, mask_id, ordinary, p):
    """A batch for a masked language model that hides whole words.                (21.5)

    ids (B, T): token ids.  word (B, T): neighbouring tokens of one row with the same
    number are one word; the number may come again later in the row, for another word.
    −1 marks special tokens and padding, which are never chosen.
    u, v, r, d (B, T): uniform numbers in [0, 1), drawn beforehand. All T are there; of u
    only the one at the first token of a word is used.

    A word is chosen when its u is below p. Its tokens are then replaced one by one:
        v < 0.8            -> mask_id
        otherwise r < 0.5  -> a random ordinary token: ordinary[k], k = ⌊d · n⌋, n = len
        otherwise          -> stays as it is
    ordinary (n,): the ids that are not special tokens.
    Returns (x, targets), int arrays (B, T): what the model reads, and what it must say;
    a target is the true token wherever its word was chosen, and -100 elsewhere.

    Example: ids [[7, 8, 9, 5]], word [[0, 0, 1, −1]], p 0.3, mask_id 4, ordinary
    [6, 7, 8, 9], u [[0.1, 0.9, 0.6, 0.0]], v [[0.2, 0.9, 0.1, 0.1]],
    r [[0.9, 0.3, 0.1, 0.1]], d [[0.0, 0.75, 0.2, 0.0]] gives x [[4, 9, 9, 5]] and
    targets [[7, 8, -100, -100]].
    """
    # YOUR CODE: (21.5)
    raise NotImplementedError("not implemented yet: mask_words, (21.5)")
